//! What went wrong, as a status. The client's log says the number, and nobody reads a body.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::access::device::{BasicDevice, DeviceDenied};
use crate::error::Error;
pub(super) use crate::protocols::refused::empty;
use crate::protocols::refused::refused;

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
            Self::Denied(DeviceDenied::Failed(error)) | Self::Because(error) => refused(&error),
        }
    }
}

/// There is nothing else to ask for.
pub(super) async fn nothing_there(device: Result<BasicDevice, DeviceDenied>) -> Response {
    match device {
        Ok(_) => empty(StatusCode::NOT_FOUND),
        Err(denied) => Refusal::Denied(denied).into_response(),
    }
}
