//! What headers say, by the syntax of HTTP (RFC 9110): text in, meaning out, without knowing what it is about.
//!
//! What is malformed is read as leniently as it can be without guessing, and nothing that a header says makes these
//! functions do much more work than reading it.

pub mod accept;
mod elements;
pub mod entity_tags;
pub mod file_names;
pub mod forwarded_for;
pub mod range;
