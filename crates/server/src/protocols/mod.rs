//! The dialects: one folder each. The only place with status codes and bodies.

pub mod ddi;
pub mod direct;
pub mod partner;
mod refused;
pub mod transfer;

use axum::http::{HeaderMap, HeaderName};

/// The lines of a header; one that is no text is empty.
fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default())
}
