//! Which bytes a request wants.

use axum::http::HeaderMap;
use axum::http::header::{IF_RANGE, RANGE};
use otaria_wire::http::entity_tags::EntityTag;
use otaria_wire::http::range;

pub(super) use range::Wanted;

/// Reads Range and If-Range. What is asked of something else than what is there, or asked twice, is ignored.
pub(super) fn wanted(headers: &HeaderMap, opaque: &str, size: u64) -> Wanted {
    // A date never proves that nothing changed, and a weak tag does not match (RFC 9110, section 13.1.5).
    let is_this = |value: &str| EntityTag::of(value).is_exactly(opaque);
    let is_of_this = headers.get(IF_RANGE).is_none_or(|value| value.to_str().is_ok_and(is_this));
    let mut ranges = headers.get_all(RANGE).iter();
    match (ranges.next().and_then(|value| value.to_str().ok()), ranges.next()) {
        (Some(range), None) if is_of_this => range::wanted(range, size),
        _ => Wanted::Whole,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("\"abc\"", Wanted::Parts(std::iter::once(1..3).collect()))]
    #[case("W/\"abc\"", Wanted::Whole)]
    #[case("\"other\"", Wanted::Whole)]
    #[case("Sun, 22 Nov 2026 18:43:37 GMT", Wanted::Whole)]
    fn a_range_of_something_else_is_ignored(#[case] tag: &'static str, #[case] expected: Wanted) {
        let range = HeaderValue::from_static("bytes=1-2");
        let headers = HeaderMap::from_iter([(RANGE, range), (IF_RANGE, HeaderValue::from_static(tag))]);
        assert_eq!(wanted(&headers, "abc", 100), expected);
    }

    #[test]
    fn two_headers_are_none() {
        let range = HeaderValue::from_static("bytes=1-2");
        let headers = HeaderMap::from_iter([(RANGE, range.clone()), (RANGE, range)]);
        assert_eq!(wanted(&headers, "abc", 100), Wanted::Whole);
    }
}
