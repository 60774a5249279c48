//! What went wrong, as devices are told: a status, and at most a line for the device's log. No client reads more.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::unreadable::Because;
use crate::access::device::DeviceDenied;
use crate::error::Error;
pub(super) use crate::protocols::refused::empty;
use crate::protocols::refused::refused;

/// An answer, or why there is none.
pub(super) type Answer = Result<Response, Refusal>;

/// Why a request was not done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The action was refused.
    Because(Error),
    /// The device takes none of what there is.
    NotAcceptable(String),
    /// It could be several things that the device means. It is told that there is none, as the protocol has it.
    Ambiguous(String),
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
            Self::Ambiguous(reason) => because(reason, empty(StatusCode::NOT_FOUND)),
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

/// The answer, with the reason for whoever notes what devices send.
fn because(reason: String, mut response: Response) -> Response {
    response.extensions_mut().insert(Because(reason));
    response
}

fn said(status: StatusCode, text: String) -> Response {
    (status, text).into_response()
}

/// What cannot be read is said in a line, for the device's log.
fn refuse(error: &Error) -> Response {
    match error {
        Error::Malformed(_) | Error::Invalid(_) | Error::Grant { .. } => {
            said(StatusCode::BAD_REQUEST, error.to_string())
        }
        _ => refused(error),
    }
}
