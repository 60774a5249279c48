//! Whether a client takes JSON, which is what this API answers with.

use axum::extract::{MatchedPath, Request};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use otaria_wire::http::accept::Accept;

use super::errors::Refusal;
use crate::protocols::lines;

const JSON: &str = "application/json";

/// Refuses a request whose `Accept` header excludes JSON, where JSON is all there is.
pub(super) async fn require_json(request: Request, next: Next) -> Response {
    // By the route: in a path, a device may be called whatever it is called.
    let route = request.extensions().get::<MatchedPath>();
    let path = route.map_or(request.uri().path(), MatchedPath::as_str);
    let answers_json = path.starts_with("/v1/") || path.starts_with("/oauth/");
    let answers_bytes = request.method() != axum::http::Method::POST && path.contains("/binaries/");
    // Where there is something else as well, the handler looks for itself.
    let answers_more = answers_bytes || path.ends_with("/events") || path.ends_with("/auditLog");
    if answers_json
        && !answers_more
        && let Some(refusal) = refusal(request.headers(), JSON)
    {
        return refusal.into_response();
    }
    next.run(request).await
}

/// What a client is told whose `Accept` header excludes this media type; none where it takes it.
pub(super) fn refusal(headers: &HeaderMap, kind: &str) -> Option<Refusal> {
    let description = format!("This is answered as {kind}: let the Accept header allow it, or leave it out.");
    let refusal = Refusal::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", description);
    (!takes(headers, kind)).then_some(refusal)
}

/// Whether the client names exactly this media type as one that it takes.
pub(super) fn names(headers: &HeaderMap, kind: &str) -> bool {
    accept(headers).names(kind)
}

/// Whether the client takes this media type.
fn takes(headers: &HeaderMap, kind: &str) -> bool {
    accept(headers).quality(kind) > 0
}

fn accept(headers: &HeaderMap) -> Accept {
    Accept::of(lines(headers, &ACCEPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes_json(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        takes(&headers, JSON)
    }

    #[test]
    fn json_is_taken_unless_excluded() {
        assert!(takes(&HeaderMap::new(), JSON));
        for accept in ["*/*", "application/json", "text/html, application/*;q=0.5", "application/json;charset=utf-8"]
        {
            assert!(takes_json(accept), "{accept}");
        }
        for accept in ["text/html", "application/xml", "application/json;q=0"] {
            assert!(!takes_json(accept), "{accept}");
        }
    }
}
