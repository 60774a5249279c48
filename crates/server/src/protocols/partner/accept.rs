//! Whether a client takes JSON, which is what this API answers with.

use axum::extract::Request;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::errors::Refusal;

/// Refuses a request whose `Accept` header excludes JSON, where JSON is all there is.
pub(super) async fn require_json(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let answers_json = path.starts_with("/v1/") || path.starts_with("/oauth/");
    let answers_bytes = request.method() != axum::http::Method::POST && path.contains("/binaries/");
    if answers_json && !answers_bytes && !takes_json(request.headers()) {
        let description = "This is answered as application/json: let the Accept header allow it, or leave it out.";
        return Refusal::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", description).into_response();
    }
    next.run(request).await
}

fn takes_json(headers: &HeaderMap) -> bool {
    let mut ranges =
        headers.get_all(ACCEPT).iter().flat_map(|value| value.to_str().unwrap_or("*/*").split(',')).peekable();
    ranges.peek().is_none() || ranges.any(takes_json_by)
}

fn takes_json_by(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let zero = parts.any(|part| {
        let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
        weight.is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight == 0.0))
    });
    !zero && matches!(kind.as_str(), "" | "*/*" | "*" | "application/*" | "application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        takes_json(&headers)
    }

    #[test]
    fn json_is_taken_unless_excluded() {
        assert!(takes_json(&HeaderMap::new()));
        for accept in ["*/*", "application/json", "text/html, application/*;q=0.5", "application/json;charset=utf-8"]
        {
            assert!(takes(accept), "{accept}");
        }
        for accept in ["text/html", "application/xml", "application/json;q=0"] {
            assert!(!takes(accept), "{accept}");
        }
    }
}
