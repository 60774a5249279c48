//! The dialects: one folder each. The only place with status codes and bodies.

mod bodies;
pub mod ddi;
pub mod direct;
pub mod partner;
mod refused;
mod taken;
pub mod transfer;

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::error::{Error, GrantRefusal};

/// The status of what went wrong.
const fn status(error: &Error) -> StatusCode {
    match error {
        Error::Grant { refusal: GrantRefusal::InvalidClient, .. } => StatusCode::UNAUTHORIZED,
        Error::Malformed(_) | Error::Invalid(_) | Error::Grant { .. } => StatusCode::BAD_REQUEST,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Conflict { .. } => StatusCode::CONFLICT,
        Error::Changed => StatusCode::PRECONDITION_FAILED,
        Error::Forbidden => StatusCode::FORBIDDEN,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Error::TooManyAttempts { .. } | Error::TooManyPolls { .. } | Error::TooManyListeners { .. } => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Error::Gone(_) => StatusCode::GONE,
        Error::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// How long to wait before it makes sense to try again; `storage` is how long that is for storage that does not answer.
const fn wait(error: &Error, storage: Duration) -> Option<Duration> {
    match error {
        Error::TooManyAttempts { retry_after }
        | Error::TooManyPolls { retry_after }
        | Error::TooManyListeners { retry_after } => Some(*retry_after),
        Error::Unavailable(_) => Some(storage),
        _ => None,
    }
}

/// What `Retry-After` says: whole seconds, and never that it is worth trying too early (RFC 9110, section 10.2.3).
fn retry_after(wait: Duration) -> HeaderValue {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

/// The lines of a header; one that is no text is empty.
fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default())
}
