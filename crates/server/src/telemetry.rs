//! What the server counts, for whoever watches it: off until an address is set. docs/configure.md lists it all.
//!
//! No label comes from a client: a path counts under its route's template, a method only if it is a known one.

mod listener;

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Extensions, Method};
use axum::middleware::Next;
use axum::response::Response;

pub(crate) use listener::Listener;

const REQUESTS: &str = "otaria_http_requests_total";
const SECONDS: &str = "otaria_http_request_seconds";
const RECEIVED: &str = "otaria_transfer_received_bytes_total";
const SENT: &str = "otaria_transfer_sent_bytes_total";
const REFUSED: &str = "otaria_sign_ins_refused_total";
const POLLED: &str = "otaria_device_polls_total";
const WAITING: &str = "otaria_sqlite_writes_waiting";

/// The template of the route that a request took, such as `/v1/users/me`; `unmatched` if it took none.
pub(crate) fn route(extensions: &Extensions) -> &str {
    extensions.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str)
}

/// Counts a request, and how long it took until its answer began.
pub(crate) async fn count(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = known(request.method());
    let route = route(request.extensions()).to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    let labels = [("method", method.to_owned()), ("route", route), ("status", status)];
    metrics::counter!(REQUESTS, &labels).increment(1);
    metrics::histogram!(SECONDS, &labels).record(began.elapsed().as_secs_f64());
    response
}

/// The method, unless it is one that a client made up.
fn known(method: &Method) -> &'static str {
    const KNOWN: [Method; 7] =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS];
    const NAMES: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    KNOWN.iter().zip(NAMES).find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
}

/// Counts bytes of a binary that came in.
pub(crate) fn received(bytes: usize) {
    metrics::counter!(RECEIVED).increment(bytes as u64);
}

/// Counts bytes of a binary that were handed to a connection.
pub(crate) fn sent(bytes: usize) {
    metrics::counter!(SENT).increment(bytes as u64);
}

/// Counts a sign-in that was refused, by the code of the error.
pub(crate) fn sign_in_refused(code: &'static str) {
    metrics::counter!(REFUSED, "reason" => code).increment(1);
}

/// Counts a poll of a device that was let in.
pub(crate) fn device_polled() {
    metrics::counter!(POLLED).increment(1);
}
