//! Bodies of requests: how long they say to be, of which kind, and taking them within bounds.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http_body_util::BodyExt as _;

use crate::error::Error;

/// For how long the rest of a refused body is taken and thrown away.
const HEARD_OUT: Duration = Duration::from_secs(5);

/// The media type of a body, in lower case and without its parameters; empty if that is not said.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// How many bytes are announced; none if that is not said.
pub(super) fn announced_size(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What was taken of a body.
pub(super) enum Taken {
    /// All of it.
    Whole(Bytes),
    /// As much as is taken of one, and the rest.
    Beginning(Bytes, Body),
}

/// The whole of a small body, which has come within `limit`.
///
/// # Errors
/// If it has more than `largest` bytes, stops coming, or is cut off.
pub(super) async fn read(body: Body, largest: usize, limit: Duration) -> Result<Bytes, Error> {
    match take(body, largest, limit, |_| {}).await? {
        Taken::Whole(bytes) => Ok(bytes),
        Taken::Beginning(..) => Err(too_large(largest)),
    }
}

/// Up to `largest` bytes of a body, which have come within `limit`. `heard` is told of them as they come.
///
/// # Errors
/// If it stops coming, or is cut off.
pub(super) async fn take(body: Body, largest: usize, limit: Duration, heard: impl Fn(&[u8])) -> Result<Taken, Error> {
    tokio::time::timeout(limit, collect(body, largest, heard)).await.map_err(|_| Error::TooSlow)?
}

async fn collect(mut body: Body, largest: usize, heard: impl Fn(&[u8])) -> Result<Taken, Error> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let cut_off = |_| Error::Malformed("The body was cut off; send it again.".to_owned());
        if let Some(data) = frame.map_err(cut_off)?.data_ref() {
            heard(data);
            let room = largest - bytes.len();
            bytes.extend_from_slice(data.get(..room).unwrap_or(data));
            if data.len() > room {
                return Ok(Taken::Beginning(bytes.freeze(), body));
            }
        }
    }
    Ok(Taken::Whole(bytes.freeze()))
}

/// That a body has more bytes than are taken.
pub(super) fn too_large(largest: usize) -> Error {
    Error::TooLarge(format!("The body is too large: at most {largest} bytes are taken."))
}

/// Takes what still comes of a request that is refused, for a while: whoever is cut off while sending may never read why
/// (RFC 9112, section 9.6).
pub(super) fn hear_out(rest: Body) {
    let mut rest = rest.into_data_stream();
    tokio::spawn(async move {
        let heard = async { while let Some(Ok(_)) = rest.next().await {} };
        drop(tokio::time::timeout(HEARD_OUT, heard).await);
    });
}
