//! The body of a request: JSON or CBOR, whatever its content type says.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, EXPECT};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use otaria_wire::ddi::{DeviceBody, read};

use super::errors::Refusal;
use super::unreadable::Heard;
use crate::error::Error;
use crate::service::Service;

/// The largest body taken, in bytes.
const LARGEST: usize = 256 * 1024;
/// How much of a larger one is taken to be forgotten, in bytes, and for how long.
const MOST_FORGOTTEN: usize = 4 * 1024 * 1024;
const LINGER: Duration = Duration::from_secs(5);

/// What a device says in a body.
pub(super) struct Said<T>(pub(super) T);

impl<T: DeviceBody> FromRequest<Service> for Said<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Refusal> {
        let heard = request.extensions().get::<Heard>().cloned().unwrap_or_default();
        if let Some(length) = announced(request.headers()).filter(|length| *length > LARGEST) {
            // One that waits to be told to go on sends nothing.
            if !request.headers().contains_key(EXPECT) {
                tokio::spawn(tokio::time::timeout(LINGER, forget(request.into_body())));
            }
            return Err(Error::TooLarge(format!("{}, and this one has {length}", too_large())).into());
        }
        let received = tokio::time::timeout(service.settings.idle, collect(request.into_body(), &heard)).await;
        let reading = read(&received.map_err(|_| Error::TooSlow)??);
        let reading = reading.map_err(|error| Error::Malformed(error.to_string()))?;
        if !reading.repairs.is_empty() {
            heard.helped(&reading.repairs.to_string());
        }
        Ok(Self(reading.value))
    }
}

fn too_large() -> String {
    format!("a body has at most {LARGEST} bytes")
}

/// How long a body is said to be, in bytes.
fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Takes what was sent already: whoever is cut off while sending may never read the answer (RFC 9112, section 9.6).
async fn forget(mut body: Body) {
    let mut taken = 0;
    while taken < MOST_FORGOTTEN
        && let Some(Ok(frame)) = body.frame().await
    {
        taken += frame.data_ref().map_or(0, Bytes::len);
    }
}

async fn collect(mut body: Body, heard: &Heard) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::Malformed(format!("the body was cut off: {error}")))?;
        if let Some(data) = frame.data_ref() {
            heard.bytes(data);
            if bytes.len() + data.len() > LARGEST {
                return Err(Error::TooLarge(too_large()));
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes.freeze())
}
