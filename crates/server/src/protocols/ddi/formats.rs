//! The media type of an answer, and the answer.

use axum::http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::errors::Answer;
use crate::actions::Error;

/// How much of a body's digest is its entity tag, in bytes.
const TAG_LENGTH: usize = 16;

/// The name under which JSON is sent; the body is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `application/hal+json`, unless asked otherwise.
    Hal,
    /// `application/json`.
    Json,
}

impl Format {
    /// What the request's Accept prefers; of equals, what it names first.
    pub(super) fn accepted(headers: &HeaderMap) -> Result<Self, StatusCode> {
        let values = headers.get_all(ACCEPT);
        let texts = values.iter().filter_map(|value| value.to_str().ok());
        let ranges: Vec<&str> =
            texts.flat_map(|text| text.split(',')).filter(|range| !range.trim().is_empty()).collect();
        if ranges.is_empty() {
            return Ok(Self::Hal);
        }
        let mut best: Option<(f32, Self)> = None;
        for (quality, format) in ranges.into_iter().filter_map(offered) {
            if quality > best.map_or(0.0, |(quality, _)| quality) {
                best = Some((quality, format));
            }
        }
        best.map(|(_, format)| format).ok_or(StatusCode::NOT_ACCEPTABLE)
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Hal => "application/hal+json",
            Self::Json => "application/json",
        }
    }
}

/// What we have for one media range, and how much it is wanted.
fn offered(range: &str) -> Option<(f32, Format)> {
    let mut parts = range.split(';').map(str::trim);
    let format = match parts.next()?.to_ascii_lowercase().as_str() {
        "application/json" => Format::Json,
        "application/hal+json" | "application/*" | "*/*" | "*" => Format::Hal,
        _ => return None,
    };
    let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some((quality.map_or(1.0, |quality| quality.parse().unwrap_or(1.0)), format))
}

/// An answer with a body, or 304 where the device has it already.
pub(super) fn json(headers: &HeaderMap, format: Format, body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body).map_err(|error| Error::Internal(std::sync::Arc::new(error)))?;
    let tag = format!("\"{}\"", HEXLOWER.encode(&Sha256::digest(&body)[..TAG_LENGTH]));
    let is_known = headers.get(IF_NONE_MATCH).is_some_and(|known| {
        known.to_str().is_ok_and(|known| known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag))
    });
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { with_body(format, body) };
    if let Ok(tag) = HeaderValue::try_from(tag) {
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
    #[case("", Ok(Format::Hal))]
    #[case("*/*", Ok(Format::Hal))]
    #[case("application/hal+json", Ok(Format::Hal))]
    #[case("application/json", Ok(Format::Json))]
    #[case("application/json;charset=UTF-8", Ok(Format::Json))]
    #[case("application/cbor, application/json", Ok(Format::Json))]
    #[case("application/json;q=0.5, application/hal+json", Ok(Format::Hal))]
    #[case("text/html", Err(StatusCode::NOT_ACCEPTABLE))]
    #[case("application/json;q=0", Err(StatusCode::NOT_ACCEPTABLE))]
    fn the_device_chooses(#[case] accept: &'static str, #[case] expected: Result<Format, StatusCode>) {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        assert_eq!(Format::accepted(&headers), expected);
    }

    #[test]
    fn who_does_not_choose_gets_hal() {
        assert_eq!(Format::accepted(&HeaderMap::new()), Ok(Format::Hal));
    }
}
