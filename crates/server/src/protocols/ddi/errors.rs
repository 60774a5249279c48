//! What went wrong, as devices are told: a status, and at most a line for the device's log. No client reads more.

use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::unreadable::Because;
use crate::access::device::DeviceDenied;
use crate::actions::Error;

/// After how long a device may try again when the storage did not answer, in seconds.
const RETRY_SECONDS: u64 = 30;

/// An answer, or why there is none.
pub(super) type Answer = Result<Response, Refusal>;

/// Why a request was not done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The action was refused.
    Because(Error),
    /// The device takes none of what there is.
    NotAcceptable(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Because(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Because(error) => because(error.to_string(), refuse(&error)),
            Self::NotAcceptable(reason) => because(reason, empty(StatusCode::NOT_ACCEPTABLE)),
        }
    }
}

impl IntoResponse for DeviceDenied {
    fn into_response(self) -> Response {
        match self {
            Self::NoDeviceId(error) => said(StatusCode::BAD_REQUEST, format!("the controller's id {error}")),
            Self::Unauthenticated => empty(StatusCode::UNAUTHORIZED),
            Self::Failed(error) => refuse(&error),
        }
    }
}

/// An answer without a body, and with the length that says so.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = status.into_response();
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// The answer, with the reason for whoever notes what devices send.
fn because(reason: String, mut response: Response) -> Response {
    response.extensions_mut().insert(Because(reason));
    response
}

fn said(status: StatusCode, text: String) -> Response {
    (status, text).into_response()
}

fn refuse(error: &Error) -> Response {
    let (status, retry_seconds) = match error {
        Error::Malformed(_) | Error::Invalid(_) | Error::Grant { .. } => {
            return said(StatusCode::BAD_REQUEST, error.to_string());
        }
        Error::NotFound(_) => (StatusCode::NOT_FOUND, None),
        Error::Conflict { .. } => (StatusCode::CONFLICT, None),
        Error::Forbidden => (StatusCode::FORBIDDEN, None),
        Error::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, None),
        Error::TooSlow => (StatusCode::REQUEST_TIMEOUT, None),
        Error::TooManyAttempts { retry_after } | Error::TooManyListeners { retry_after } => {
            (StatusCode::TOO_MANY_REQUESTS, Some(retry_after.as_secs().max(1)))
        }
        Error::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, None),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, Some(RETRY_SECONDS)),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, None),
    };
    if status.is_server_error() {
        tracing::error!(error = error as &dyn std::error::Error, %status, "a device's request failed");
    }
    let mut response = empty(status);
    if let Some(seconds) = retry_seconds {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
