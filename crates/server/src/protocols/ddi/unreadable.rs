//! What a device sends that cannot be read as it is, is noted for whoever has to find out why. Only of a device that
//! showed its credential, and never the credential.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use otaria_core::secrets::issued_at_start;
use otaria_core::unreadable::{EXCERPT, Outcome, excerpt};
use otaria_store::unreadable::Unreadable;
use otaria_wire::ddi::Repairs;
use percent_encoding::percent_decode_str;

use crate::access::device::SentBy;

/// How much of what is no body is kept, in characters.
const LENGTH: usize = 500;
/// What is shorter is no secret, but could stand in a text by chance.
const SHORTEST_SECRET: usize = 8;
/// So much is heard beyond what is kept that no secret is cut in two.
const LONGEST_SECRET: usize = 256;

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

    /// What had to be helped with to read it.
    pub(super) fn repaired(&self, repairs: &Repairs) {
        if !repairs.is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).repairs = repairs.to_string();
        }
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
    let Some((outcome, reason)) = outcome(&response, heard.repairs) else { return response };
    let now = service.clock.now();
    let kept = |text: &str| excerpt(&without(secret.as_bytes(), text.as_bytes())).chars().take(LENGTH).collect();
    let sent = Unreadable {
        request: kept(&format!("{method} {path}")),
        outcome,
        reason: kept(&reason),
        media_type: media_type.as_deref().map(kept),
        body: excerpt(&without(secret.as_bytes(), &heard.start)),
        length: i64::try_from(heard.length).unwrap_or(i64::MAX),
        times: 1,
        first: now,
        last: now,
    };
    service.unreadable.note(device, sent);
    response
}

/// What came of a request, and why, if its sender may have to be told.
fn outcome(response: &Response, repairs: String) -> Option<(Outcome, String)> {
    match response.status() {
        StatusCode::BAD_REQUEST
        | StatusCode::NOT_ACCEPTABLE
        | StatusCode::PAYLOAD_TOO_LARGE
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            let because = response.extensions().get::<Because>().map(|Because(reason)| reason.clone());
            Some((Outcome::Refused, because.unwrap_or_default()))
        }
        _ => (!repairs.is_empty()).then_some((Outcome::Repaired, repairs)),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// The credential of a request, which may stand in the wrong places as well.
fn secret(headers: &HeaderMap) -> String {
    let header = text(headers, &AUTHORIZATION).unwrap_or_default();
    header.split_once(' ').map(|(_, token)| token.trim().to_owned()).unwrap_or_default()
}

/// What stands there without this secret, and without any of a person's or pipeline's.
fn without(secret: &[u8], mut bytes: &[u8]) -> Vec<u8> {
    let own = |bytes: &[u8]| (secret.len() >= SHORTEST_SECRET && bytes.starts_with(secret)).then_some(secret.len());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_left_out_wherever_it_stands() {
        assert_eq!(without(b"0123456789", b"a 0123456789, 0123456789"), b"a ***, ***");
        assert_eq!(without(b"", b"as it is"), b"as it is");
        assert_eq!(without(b"a", b"banana"), b"banana");
    }

    #[test]
    fn no_secret_is_cut_in_two() {
        let (heard, secret) = (Heard::default(), [b'7'; LONGEST_SECRET]);
        heard.bytes(&[b'a'; EXCERPT - 1]);
        heard.bytes(&secret);
        heard.bytes(b"more");
        let heard = std::mem::take(&mut *heard.0.lock().unwrap());
        let shown = excerpt(&without(&secret, &heard.start));
        assert!(!shown.contains('7') && heard.length == EXCERPT - 1 + LONGEST_SECRET + 4, "{shown}");
    }
}
