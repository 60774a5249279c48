//! The image that a device should run, if it does not run it yet.

use axum::extract::State;
use axum::http::header::{CONTENT_RANGE, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;

use super::asker::Asker;
use super::errors::Refusal;
use super::said::question;
use crate::access::origin::Place;
use crate::actions::updates::{Part, Purpose};
use crate::protocols::taken::heard_of;
use crate::protocols::transfer;
use crate::service::Service;
use crate::telemetry;

/// The libraries compare what they wrote with it.
const X_MD5: HeaderName = HeaderName::from_static("x-md5");
/// The newest ones for the ESP32 with this as well.
const X_SHA256: HeaderName = HeaderName::from_static("x-sha256");

pub(super) async fn get(
    Asker { device, firmware_type }: Asker,
    place: Place,
    State(service): State<Service>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let purpose = if method == Method::GET { Purpose::Read } else { Purpose::Inspect };
    let due = service.ask(&device, &question(firmware_type, &headers), purpose).await?;
    telemetry::device_polled();
    let Some(due) = due else { return Ok(StatusCode::NOT_MODIFIED.into_response()) };
    let mut response = transfer::send_from_here(&method, &headers, &due.binary, &service).await?;
    if purpose == Purpose::Read && response.status().is_success() {
        service.begin_reading(&device, &due, part(&response)).await?;
    }
    let digests = due.binary.digests;
    for (name, digest) in [(X_MD5, HEXLOWER.encode(&digests.md5)), (X_SHA256, digests.sha256.to_string())] {
        if let Ok(digest) = HeaderValue::try_from(digest) {
            response.headers_mut().insert(name, digest);
        }
    }
    Ok(heard_of(response, &device, &place, &service))
}

/// Whether the first byte is in the answer, or may be: of several ranges only the body says which they are.
fn part(response: &Response) -> Part {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let is_beginning = response.status() == StatusCode::OK || range.is_none_or(|range| range.starts_with("bytes 0-"));
    if is_beginning { Part::Beginning } else { Part::Later }
}
