//! The shape of everything that crosses a socket, one module per dialect. No behaviour but reading.
//!
//! A type that ends in `In` is read from a request, one that ends in `Out` is written into an answer. What a request
//! lacks is `None` here, also where the dialect requires it: whoever checks the request can then name every missing
//! field at once. Bodies of devices are the exception: they are refused where they are read, in words for the maker of
//! the device.
//!
//! What the headers of HTTP say is read in [`http`], the same for every dialect.

pub mod ddi;
pub mod http;
pub mod partner;
