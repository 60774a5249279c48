//! Who is calling, and what they may touch.
//!
//! Asking for a scope in a handler's arguments is the access check: the handler runs only if the caller showed a
//! valid token and has the right. What is no partner, and what is not the caller's, are refused alike.

pub mod device;
pub mod forwarded;
pub mod links;
pub mod origin;
pub mod path;
pub mod people;
pub mod proxied;
