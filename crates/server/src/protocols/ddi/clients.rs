//! What is known of clients by the name that they give themselves.

use axum::http::HeaderMap;
use axum::http::header::USER_AGENT;

/// How SWUpdate calls itself: in Debian's releases, and by its name.
const SWUPDATE: [&str; 2] = ["libcurl-agent/", "SWUpdate"];

/// Whether the client takes an update that it is not to install yet for one that it has done, and reports its success
/// (device-ddi 2.1): it is told nothing of such an update.
pub(super) fn misread_skip(headers: &HeaderMap) -> bool {
    headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .is_some_and(|agent| SWUPDATE.iter().any(|name| agent.starts_with(name)))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn swupdate_is_told_from_others() {
        for (agent, misreads) in [
            ("libcurl-agent/1.0", true),
            ("SWUpdate/2025.05", true),
            ("rauc-hawkbit-c-agent/1.0", false),
            ("curl/8.0", false),
        ] {
            let headers = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static(agent))]);
            assert_eq!(misread_skip(&headers), misreads, "{agent}");
        }
        assert!(!misread_skip(&HeaderMap::new()));
    }
}
