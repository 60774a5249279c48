//! The dialects: one folder each. The only place with status codes and bodies.

pub mod ddi;
pub mod direct;
pub mod partner;
pub mod transfer;
