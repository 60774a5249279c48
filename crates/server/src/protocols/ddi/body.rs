//! The body of a request: JSON or CBOR, whatever its content type says.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use otaria_wire::ddi::{DeviceBody, read};

use super::errors::Refusal;
use super::unreadable::Heard;
use crate::error::Error;
use crate::service::Service;

/// The largest body taken, in bytes.
const LARGEST: usize = 256 * 1024;

/// What a device says in a body.
pub(super) struct Said<T>(pub(super) T);

impl<T: DeviceBody> FromRequest<Service> for Said<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Refusal> {
        let heard = request.extensions().get::<Heard>().cloned().unwrap_or_default();
        let received = tokio::time::timeout(service.settings.idle, collect(request.into_body(), &heard)).await;
        let reading = read(&received.map_err(|_| Error::TooSlow)??);
        let reading = reading.map_err(|error| Error::Malformed(error.to_string()))?;
        heard.repaired(&reading.repairs);
        Ok(Self(reading.value))
    }
}

async fn collect(mut body: Body, heard: &Heard) -> Result<Bytes, Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::Malformed(format!("the body was cut off: {error}")))?;
        if let Some(data) = frame.data_ref() {
            heard.bytes(data);
            if bytes.len() + data.len() > LARGEST {
                return Err(Error::TooLarge(format!("a body has at most {LARGEST} bytes")));
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes.freeze())
}
