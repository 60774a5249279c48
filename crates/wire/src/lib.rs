//! The shape of everything that crosses a socket, one module per dialect. No behaviour.
//!
//! A type that ends in `In` is read from a request, one that ends in `Out` is written into an answer. What a
//! request lacks is `None` here, also where the dialect requires it: whoever checks the request can then name
//! every missing field at once.

pub mod ddi;
pub mod partner;
