//! What went wrong, as a status. The client's log says the number, and nobody reads a body.

use axum::http::header::{CONTENT_LENGTH, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::access::device::{BasicDevice, DeviceDenied};
use crate::actions::Error;

/// After how long a device may try again when the storage did not answer, in seconds.
const RETRY_SECONDS: u64 = 30;

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The device was not let in.
    Denied(DeviceDenied),
    /// The action was refused.
    Because(Error),
}

impl From<DeviceDenied> for Refusal {
    fn from(denied: DeviceDenied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Because(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Denied(DeviceDenied::NoDeviceId(error)) => {
                (StatusCode::BAD_REQUEST, format!("the device's id {error}")).into_response()
            }
            Self::Denied(DeviceDenied::Unauthenticated) => empty(StatusCode::UNAUTHORIZED),
            Self::Denied(DeviceDenied::Failed(error)) | Self::Because(error) => refuse(&error),
        }
    }
}

/// An answer without a body, and with the length that says so.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = status.into_response();
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// There is nothing else to ask for.
pub(super) async fn nothing_there(device: Result<BasicDevice, DeviceDenied>) -> Response {
    match device {
        Ok(_) => empty(StatusCode::NOT_FOUND),
        Err(denied) => Refusal::Denied(denied).into_response(),
    }
}

fn refuse(error: &Error) -> Response {
    let status = match error {
        Error::Malformed(_) | Error::Invalid(_) | Error::Grant { .. } => StatusCode::BAD_REQUEST,
        Error::Forbidden => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::Conflict { .. } => StatusCode::CONFLICT,
        Error::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Error::TooManyAttempts { .. } | Error::TooManyListeners { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
        Error::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if status.is_server_error() {
        tracing::error!(error = error as &dyn std::error::Error, %status, "a device's request failed");
    }
    let mut response = empty(status);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
    }
    response
}
