//! Whether a request's conditions let the bytes be sent.

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They hold.
    Send,
    /// The client has it already.
    NotModified,
    /// The client wants something else.
    Failed,
}

pub(super) fn judge(headers: &HeaderMap, etag: &str) -> Verdict {
    if matches(headers, IF_MATCH, |tag| tag == etag.trim_matches('"') || tag == etag) == Some(false) {
        return Verdict::Failed;
    }
    // Weak comparison (RFC 9110, section 13.1.2).
    match matches(headers, IF_NONE_MATCH, |tag| tag.strip_prefix("W/").unwrap_or(tag) == etag) {
        Some(true) => Verdict::NotModified,
        Some(false) | None => Verdict::Send,
    }
}

/// Whether one of the header's entity tags is ours; none without the header. Our tags hold no comma.
fn matches(headers: &HeaderMap, name: HeaderName, is_ours: impl Fn(&str) -> bool) -> Option<bool> {
    let values = headers.get_all(name);
    values.iter().next()?;
    let mut tags = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    Some(tags.any(|tag| tag.trim() == "*" || is_ours(tag.trim())))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn judged(name: HeaderName, value: &'static str) -> Verdict {
        judge(&HeaderMap::from_iter([(name, HeaderValue::from_static(value))]), "\"abc\"")
    }

    #[test]
    fn tags_are_compared() {
        assert_eq!(judge(&HeaderMap::new(), "\"abc\""), Verdict::Send);
        for same in ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\""] {
            assert_eq!(judged(IF_NONE_MATCH, same), Verdict::NotModified, "{same}");
        }
        assert_eq!(judged(IF_NONE_MATCH, "\"x\""), Verdict::Send);
        for same in ["\"abc\"", "abc", "*"] {
            assert_eq!(judged(IF_MATCH, same), Verdict::Send, "{same}");
        }
        for other in ["\"x\"", "W/\"abc\""] {
            assert_eq!(judged(IF_MATCH, other), Verdict::Failed, "{other}");
        }
    }
}
