//! Whether a request's conditions let the bytes be sent.

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use otaria_wire::http::entity_tags::EntityTags;

use crate::protocols::lines;

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

pub(super) fn judge(headers: &HeaderMap, opaque: &str) -> Verdict {
    let tags = |name| EntityTags::of(lines(headers, &name));
    if tags(IF_MATCH).is_some_and(|wanted| !wanted.have_exactly(opaque)) {
        return Verdict::Failed;
    }
    if tags(IF_NONE_MATCH).is_some_and(|known| known.have(opaque)) { Verdict::NotModified } else { Verdict::Send }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn judged(name: HeaderName, value: &'static str) -> Verdict {
        judge(&HeaderMap::from_iter([(name, HeaderValue::from_static(value))]), "abc")
    }

    #[test]
    fn tags_are_compared() {
        assert_eq!(judge(&HeaderMap::new(), "abc"), Verdict::Send);
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
