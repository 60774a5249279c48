//! The media type of an answer, and the answer.

use std::sync::Arc;

use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use otaria_wire::http::accept::Accept;
use otaria_wire::http::entity_tags::EntityTags;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::errors::{Answer, Refusal};
use crate::error::Error;
use crate::protocols::lines;

/// How much of a body's digest is its entity tag, in bytes.
const TAG_LENGTH: usize = 16;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// JSON, as `application/hal+json`: unless asked otherwise.
    Hal,
    /// The same, as `application/json`.
    Json,
    /// The same in CBOR.
    Cbor,
}

const OFFERED: [(&str, Format); 3] = [
    (Format::Hal.media_type(), Format::Hal),
    (Format::Json.media_type(), Format::Json),
    (Format::Cbor.media_type(), Format::Cbor),
];

impl Format {
    /// What the request's Accept prefers; of equals, what it names first.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, Refusal> {
        let preferred = Accept::of(lines(headers, &ACCEPT)).preferred(&OFFERED);
        preferred.ok_or_else(|| {
            let accepted: Vec<_> = lines(headers, &ACCEPT).collect();
            let offered = OFFERED.map(|(media_type, _)| media_type).join(", ");
            Refusal::NotAcceptable(format!("Accept: {} takes none of {offered}", accepted.join(", ")))
        })
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Hal => "application/hal+json",
            Self::Json => "application/json",
            Self::Cbor => "application/cbor",
        }
    }

    fn write(self, body: &impl Serialize) -> Result<Vec<u8>, Error> {
        match self {
            Self::Hal | Self::Json => serde_json::to_vec(body).map_err(|error| Error::Internal(Arc::new(error))),
            Self::Cbor => cbor4ii::serde::to_vec(Vec::new(), body).map_err(|error| Error::Internal(Arc::new(error))),
        }
    }
}

/// An answer with a body, or 304 where the device has it already.
pub(super) fn answer(headers: &HeaderMap, format: Format, body: &impl Serialize) -> Answer {
    let body = format.write(body)?;
    let tag = HEXLOWER.encode(&Sha256::digest(&body)[..TAG_LENGTH]);
    let is_known = EntityTags::of(lines(headers, &IF_NONE_MATCH)).is_some_and(|known| known.have(&tag));
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { with_body(format, body) };
    if let Ok(tag) = HeaderValue::try_from(format!("\"{tag}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

fn with_body(format: Format, body: Vec<u8>) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (CONTENT_LENGTH, HeaderValue::from(body.len())),
    ];
    (headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", Some(Format::Hal))]
    #[case("*/*", Some(Format::Hal))]
    #[case("application/json;charset=UTF-8", Some(Format::Json))]
    #[case("application/cbor, application/json", Some(Format::Cbor))]
    #[case("application/json;q=0.5, application/hal+json", Some(Format::Hal))]
    #[case("text/html", None)]
    #[case("application/json;q=0", None)]
    fn the_device_chooses(#[case] accept: &'static str, #[case] expected: Option<Format>) {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        assert_eq!(Format::accepted(&headers).ok(), expected);
    }

    #[test]
    fn who_does_not_choose_gets_hal() {
        assert_eq!(Format::accepted(&HeaderMap::new()).ok(), Some(Format::Hal));
    }

    #[test]
    fn a_refusal_says_what_was_asked_for() {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("text/html"))]);
        let Err(Refusal::NotAcceptable(reason)) = Format::accepted(&headers) else { panic!("it was taken") };
        assert!(reason.starts_with("Accept: text/html takes none of application/hal+json"), "{reason}");
    }
}
