//! What a device sends that cannot be read as it is, is noted for whoever has to find out why. Only of a device that
//! showed its credential, and never the credential.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use otaria_core::DeviceId;
use otaria_core::secrets::issued_at_start;
use otaria_core::unreadable::{EXCERPT, Outcome, excerpt};
use otaria_store::unreadable::Unreadable;
use percent_encoding::percent_decode_str;

use crate::access::device::SentBy;

/// How much of what is no body is kept, in characters.
const LENGTH: usize = 500;
/// What is shorter is no secret, but could stand in a text by chance.
const SHORTEST_SECRET: usize = 8;
/// So many bytes are heard beyond what is kept that no secret is cut in two, however it is spelt.
const LONGEST_SECRET: usize = 2048;

/// What was heard of a request's body.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<HeardBody>>);

#[derive(Default)]
struct HeardBody {
    start: Vec<u8>,
    length: usize,
    repairs: String,
}

impl Heard {
    /// The next bytes of it.
    pub(super) fn bytes(&self, bytes: &[u8]) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = EXCERPT + LONGEST_SECRET - heard.start.len();
        heard.start.extend_from_slice(&bytes[..bytes.len().min(room)]);
        heard.length += bytes.len();
    }

    /// What had to be helped with to take it.
    pub(super) fn helped(&self, with: &str) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !heard.repairs.is_empty() {
            heard.repairs.push_str("; ");
        }
        heard.repairs.push_str(with);
    }
}

/// Why a request was refused, in an answer that does not say so.
#[derive(Clone)]
pub(super) struct Because(pub(super) String);

/// Notes a request that was refused for what was in it, or whose body had to be repaired.
pub(super) async fn note(mut request: Request, next: Next) -> Response {
    let (sent_by, heard) = (SentBy::default(), Heard::default());
    request.extensions_mut().insert(sent_by.clone());
    request.extensions_mut().insert(heard.clone());
    // Decoded, so that nothing that is left out below stands there in other characters.
    let path = percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned();
    let method = request.method().clone();
    let (secret, media_type) = (secret(request.headers()), text(request.headers(), &CONTENT_TYPE));
    let response = next.run(request).await;
    let Some((service, device)) = sent_by.known() else { return response };
    let heard = std::mem::take(&mut *heard.0.lock().unwrap_or_else(PoisonError::into_inner));
    let Some((outcome, reason)) = outcome(&method, &response, heard.repairs) else { return response };
    let now = service.clock.now();
    let secrets = spellings(device.device_id(), &secret);
    let kept = |text: &str| excerpt(&without(&secrets, text.as_bytes())).chars().take(LENGTH).collect();
    let sent = Unreadable {
        request: kept(&format!("{method} {path}")),
        outcome,
        reason: kept(&reason),
        media_type: media_type.as_deref().map(kept),
        body: excerpt(&without(&secrets, &heard.start)),
        length: i64::try_from(heard.length).unwrap_or(i64::MAX),
        times: 1,
        first: now,
        last: now,
    };
    service.unreadable.note(device, sent);
    response
}

/// What came of a request, and why, if its sender may have to be told. A device that asks for what is not there is told so
/// every day; one that says something where there is nobody to hear it is not.
fn outcome(method: &Method, response: &Response, repairs: String) -> Option<(Outcome, String)> {
    let is_refused = match response.status() {
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_ACCEPTABLE
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => true,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::GONE => {
            !matches!(*method, Method::GET | Method::HEAD)
        }
        _ => false,
    };
    if is_refused {
        let because = response.extensions().get::<Because>().map(|Because(reason)| reason.clone());
        return Some((Outcome::Refused, because.unwrap_or_default()));
    }
    (!repairs.is_empty()).then_some((Outcome::Repaired, repairs))
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The credential of a request, which may stand in the wrong places as well.
fn secret(headers: &HeaderMap) -> String {
    let header = text(headers, &AUTHORIZATION).unwrap_or_default();
    header.split_once(' ').map(|(_, token)| token.trim().to_owned()).unwrap_or_default()
}

/// How a device may write its credential: as it is, or with its id as a user's password (RFC 7617), padded or not.
fn spellings(device: &DeviceId, secret: &str) -> Vec<String> {
    if secret.len() < SHORTEST_SECRET {
        return Vec::new();
    }
    let password = format!("{device}:{secret}");
    vec![secret.to_owned(), BASE64.encode(password.as_bytes()), BASE64_NOPAD.encode(password.as_bytes())]
}

/// What stands there without these secrets, and without any of a person's or pipeline's.
fn without(secrets: &[String], mut bytes: &[u8]) -> Vec<u8> {
    let own = |bytes: &[u8]| secrets.iter().find_map(|secret| spelt_at_start(secret.as_bytes(), bytes));
    let mut kept = Vec::with_capacity(bytes.len());
    while let Some((&first, rest)) = bytes.split_first() {
        if let Some(length) = own(bytes).or_else(|| issued_at_start(bytes)) {
            kept.extend_from_slice(b"***");
            bytes = &bytes[length..];
        } else {
            kept.push(first);
            bytes = rest;
        }
    }
    kept
}

/// How many bytes a secret has there, if the text begins with it: in any case, and with any characters escaped.
fn spelt_at_start(secret: &[u8], text: &[u8]) -> Option<usize> {
    let mut rest = text;
    for expected in secret {
        let is_it = |byte: u8| byte.eq_ignore_ascii_case(expected);
        let length = match rest {
            [byte, ..] if is_it(*byte) => 1,
            _ => escaped_at_start(rest).filter(|(byte, _)| is_it(*byte))?.1,
        };
        rest = &rest[length..];
    }
    Some(text.len() - rest.len())
}

/// The byte that an escape stands for, and the escape's length: `%2F` in URLs, `\u002F` and `\/` in JSON.
fn escaped_at_start(text: &[u8]) -> Option<(u8, usize)> {
    let (digits, length) = match text {
        [b'%', digits @ ..] => (digits, 3),
        [b'\\', b'u' | b'U', b'0', b'0', digits @ ..] => (digits, 6),
        [b'\\', b'/', ..] => return Some((b'/', 2)),
        _ => return None,
    };
    let byte = HEXLOWER_PERMISSIVE.decode(digits.get(..2)?).ok()?;
    Some((*byte.first()?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_left_out_wherever_it_stands() {
        let without = |secret: &str, text: &[u8]| without(&spellings(&"dev-7".parse().unwrap(), secret), text);
        assert_eq!(without("0123456789", b"a 0123456789, 0123456789"), b"a ***, ***");
        assert_eq!(without("", b"as it is"), b"as it is");
        assert_eq!(without("a", b"banana"), b"banana");
    }

    #[test]
    fn a_secret_is_left_out_however_it_is_spelt() {
        let secrets = spellings(&"dev-7".parse().unwrap(), "0123abcdef");
        for text in [
            "0123ABCDEF",
            "%30123abcde%66",
            "0123\\u0061bcdef",
            "ZGV2LTc6MDEyM2FiY2RlZg==",
            "ZGV2LTc6MDEyM2FiY2RlZg",
            "ZGV2LTc6MDEyM2FiY2RlZg%3D%3d",
        ] {
            assert_eq!(without(&secrets, format!("<{text}>").as_bytes()), b"<***>", "{text}");
        }
        for other in ["0123abcde", "0123abcde%", "%", "\\u00", "\\u00zz", "%zz0123abcde"] {
            assert_eq!(without(&secrets, other.as_bytes()), other.as_bytes());
        }
    }

    #[test]
    fn no_secret_is_cut_in_two() {
        let (heard, secret) = (Heard::default(), [b'7'; LONGEST_SECRET]);
        heard.bytes(&[b'a'; EXCERPT - 1]);
        heard.bytes(&secret);
        heard.bytes(b"more");
        let heard = std::mem::take(&mut *heard.0.lock().unwrap());
        let secrets = [String::from_utf8(secret.to_vec()).unwrap()];
        let shown = excerpt(&without(&secrets, &heard.start));
        assert!(!shown.contains('7') && heard.length == EXCERPT - 1 + LONGEST_SECRET + 4, "{shown}");
    }
}
