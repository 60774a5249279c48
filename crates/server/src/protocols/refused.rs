//! What went wrong, as every device dialect answers it: a status without a body. Clients read no more than that.

use std::time::Duration;

use axum::http::header::{CONNECTION, CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::{retry_after, status, wait};
use crate::error::Error;

/// After how long a device is to try again when the storage did not answer.
const RETRY: Duration = Duration::from_secs(30);

/// An answer without a body, and with the length that says so.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = status.into_response();
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// The status of what went wrong, and when to try again. What is the server's own fault is logged.
pub(super) fn refused(error: &Error) -> Response {
    let status = status(error);
    if error.is_failure() {
        tracing::error!(error = error as &dyn std::error::Error, %status, "a device's request failed");
    }
    let mut response = empty(status);
    // What is still to come of it nobody waits for.
    if status == StatusCode::PAYLOAD_TOO_LARGE {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if let Some(wait) = wait(error, RETRY) {
        response.headers_mut().insert(RETRY_AFTER, retry_after(wait));
    }
    response
}
