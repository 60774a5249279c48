//! The dialects: one folder each. The only place with status codes and bodies.

pub mod ddi;
pub mod direct;
pub mod partner;
mod refused;
mod taken;
pub mod transfer;

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// What `Retry-After` says: whole seconds, and never that it is worth trying too early (RFC 9110, section 10.2.3).
fn retry_after(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

/// The lines of a header; one that is no text is empty.
fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default())
}
