//! Who a person is at a server: signing in, signing out, and looking.

pub mod login;
pub mod logout;
pub mod whoami;
