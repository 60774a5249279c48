//! The body of a request: JSON, whatever its content type says.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use http_body_util::LengthLimitError;

use super::errors::Refusal;
use crate::actions::Error;
use crate::service::Service;

/// The largest body taken.
const LIMIT: usize = 256 * 1024;

/// The bytes of a body, not yet read as anything.
pub(super) struct Raw(pub(super) Bytes);

impl FromRequest<Service> for Raw {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Refusal> {
        if is_cbor(request.headers()) {
            return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into());
        }
        let received = tokio::time::timeout(service.settings.idle, to_bytes(request.into_body(), LIMIT)).await;
        Ok(Self(received.map_err(|_| Error::TooSlow)?.map_err(unreadable)?))
    }
}

/// The one other representation that the protocol has, and that is not understood here.
fn is_cbor(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/cbor")
}

fn unreadable(error: axum::Error) -> Error {
    let error = error.into_inner();
    if error.is::<LengthLimitError>() {
        Error::TooLarge(format!("a body has at most {LIMIT} bytes"))
    } else {
        Error::Malformed(format!("the body was cut off: {error}"))
    }
}

/// Why a body could not be understood.
pub(super) fn malformed(error: serde_json::Error) -> Error {
    Error::Malformed(error.to_string())
}
