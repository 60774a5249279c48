//! Sends a binary: the same for every dialect. A binary never changes, so its SHA-256 is its entity tag, and a
//! cut-off download goes on where it stopped (RFC 9110, sections 13 and 14).

mod parts;
mod preconditions;
mod range;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH,
    IF_RANGE, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use otaria_store::binaries::Binary;
use otaria_wire::http::file_names::disposition;

use crate::error::Error;
use crate::service::Service;

use parts::Parts;
use preconditions::Verdict;
use range::Wanted;

/// Whether a client goes elsewhere for its bytes when it is told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    Follows,
    Stays,
}

/// Answers a GET or HEAD for a binary: all of it, the ranges asked for, or that there is nothing to send. Where
/// downloads are redirected, a GET that would be sent bytes is sent to the repository for them.
///
/// # Errors
/// If the repository does not have the bytes at hand.
pub async fn send(
    method: &Method,
    headers: &HeaderMap,
    binary: &Binary,
    service: &Service,
) -> Result<Response, Error> {
    answer(method, headers, binary, service, Client::Follows).await
}

/// The same for clients that follow no redirect.
///
/// # Errors
/// If the repository does not have the bytes at hand.
pub async fn send_from_here(
    method: &Method,
    headers: &HeaderMap,
    binary: &Binary,
    service: &Service,
) -> Result<Response, Error> {
    answer(method, headers, binary, service, Client::Stays).await
}

async fn answer(
    method: &Method,
    headers: &HeaderMap,
    binary: &Binary,
    service: &Service,
    client: Client,
) -> Result<Response, Error> {
    let size = binary.digests.size;
    let opaque = binary.digests.sha256.to_string();
    let etag = format!("\"{opaque}\"");
    match preconditions::judge(headers, &opaque) {
        Verdict::Failed => return Ok(without_body(StatusCode::PRECONDITION_FAILED, &etag)),
        Verdict::NotModified => return Ok(without_body(StatusCode::NOT_MODIFIED, &etag)),
        Verdict::Send => {}
    }
    // A range concerns GET only (RFC 9110, section 14.2).
    let wanted = if *method == Method::GET { range::wanted(headers, &opaque, size) } else { Wanted::Whole };
    let (status, parts) = match wanted {
        Wanted::Whole => (StatusCode::OK, Parts::single(0..size)),
        Wanted::Parts(ranges) => (StatusCode::PARTIAL_CONTENT, Parts::of(ranges, size)),
        Wanted::Unsatisfiable => {
            let mut response = without_body(StatusCode::RANGE_NOT_SATISFIABLE, &etag);
            response.headers_mut().insert(CONTENT_RANGE, ascii(format!("bytes */{size}")));
            return Ok(response);
        }
    };
    let disposition = disposition(&name_of(binary));
    let (content_type, length, only) = (parts.content_type(), parts.length(), parts.only());
    let body = if *method == Method::HEAD {
        Body::empty()
    } else if client == Client::Follows
        && can_be_redirected(headers, &parts)
        && let Some(link) = service.link_to_binary(binary, &disposition).await?
    {
        return Ok(redirect(link));
    } else {
        parts.body(binary, service).await?
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, ascii(content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(CONTENT_DISPOSITION, ascii(disposition));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(ETAG, ascii(etag));
    if status == StatusCode::PARTIAL_CONTENT
        && let Some(range) = only
    {
        headers.insert(CONTENT_RANGE, ascii(parts::content_range(&range, size)));
    }
    Ok(response)
}

/// Clients repeat their headers where they are sent to, and a bucket has entity tags of its own and knows no lists of
/// ranges: such a request is answered here.
fn can_be_redirected(headers: &HeaderMap, parts: &Parts) -> bool {
    !headers.contains_key(IF_MATCH) && !headers.contains_key(IF_RANGE) && parts.only().is_some()
}

/// What the file is to be called where it arrives.
fn name_of(binary: &Binary) -> String {
    binary.file_name.clone().unwrap_or_else(|| format!("{}.bin", binary.digests.sha256))
}

/// Sends the client elsewhere, this time (RFC 9110, section 15.4.8). The link is for this client, and not for long.
fn redirect(link: String) -> Response {
    let headers = [(LOCATION, ascii(link)), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
}

fn without_body(status: StatusCode, etag: &str) -> Response {
    let mut response = status.into_response();
    response.headers_mut().insert(ETAG, ascii(etag.to_owned()));
    response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    response
}

/// A header value out of characters that are allowed in one.
fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}
