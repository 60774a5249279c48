//! Which bytes a request wants.

use axum::http::HeaderMap;
use axum::http::header::{IF_RANGE, RANGE};

/// The bytes to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All of them.
    Whole,
    /// From `start` to before `end`.
    Part { start: u64, end: u64 },
    /// Some that do not exist.
    Unsatisfiable,
}

/// Reads Range and If-Range. A range that is malformed, of another unit, or of something else than what is there
/// is ignored, and several ranges are answered with all bytes, as RFC 9110 allows.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, size: u64) -> Wanted {
    // A date never proves that nothing changed, and a weak tag does not match (RFC 9110, section 13.1.5).
    let is_of_this = headers.get(IF_RANGE).is_none_or(|value| value.as_bytes() == etag.as_bytes());
    let mut ranges = headers.get_all(RANGE).iter();
    match (ranges.next().and_then(|value| value.to_str().ok()), ranges.next()) {
        (Some(range), None) if is_of_this => parse(range, size).unwrap_or(Wanted::Whole),
        _ => Wanted::Whole,
    }
}

fn parse(range: &str, size: u64) -> Option<Wanted> {
    let (unit, ranges) = range.split_once('=')?;
    let range = ranges.trim();
    if !unit.trim().eq_ignore_ascii_case("bytes") || range.contains(',') {
        return None;
    }
    let (first, last) = range.split_once('-')?;
    let (start, end) = match (position(first)?, position(last)?) {
        (None, None) => return None,
        (None, Some(length)) => (size.saturating_sub(length), size),
        (Some(start), None) => (start, size),
        (Some(start), Some(last)) if start <= last => (start, size.min(last.saturating_add(1))),
        (Some(_), Some(_)) => return None,
    };
    Some(if start < end { Wanted::Part { start, end } } else { Wanted::Unsatisfiable })
}

/// A position or length, possibly left out; none if it is no number. A number beyond all sizes is a number.
fn position(text: &str) -> Option<Option<u64>> {
    if text.is_empty() {
        return Some(None);
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| Some(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use rstest::rstest;

    use super::*;

    const ETAG: &str = "\"abc\"";

    fn of_a_hundred(range: &'static str) -> Wanted {
        wanted(&HeaderMap::from_iter([(RANGE, HeaderValue::from_static(range))]), ETAG, 100)
    }

    #[rstest]
    #[case("bytes=0-0", 0, 1)]
    #[case("bytes=0-", 0, 100)]
    #[case("bytes=70-", 70, 100)]
    #[case("bytes=10-19", 10, 20)]
    #[case("bytes=10-1000", 10, 100)]
    #[case("bytes=99-99999999999999999999999", 99, 100)]
    #[case("bytes=-1", 99, 100)]
    #[case("bytes=-1000", 0, 100)]
    #[case("Bytes= 1-2 ", 1, 3)]
    fn a_range_is_a_part(#[case] range: &'static str, #[case] start: u64, #[case] end: u64) {
        assert_eq!(of_a_hundred(range), Wanted::Part { start, end });
    }

    #[rstest]
    #[case("bytes=100-")]
    #[case("bytes=100-200")]
    #[case("bytes=99999999999999999999999-")]
    #[case("bytes=-0")]
    fn what_lies_outside_cannot_be_sent(#[case] range: &'static str) {
        assert_eq!(of_a_hundred(range), Wanted::Unsatisfiable);
    }

    #[rstest]
    #[case("bytes=")]
    #[case("bytes=-")]
    #[case("bytes=2-1")]
    #[case("bytes=a-b")]
    #[case("bytes=+1-2")]
    #[case("bytes=1 - 2")]
    #[case("bytes")]
    #[case("lines=1-2")]
    #[case("bytes=0-1,5-6")]
    fn what_is_no_single_range_is_ignored(#[case] range: &'static str) {
        assert_eq!(of_a_hundred(range), Wanted::Whole);
    }

    #[test]
    fn nothing_has_no_part() {
        let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static("bytes=0-"))]);
        assert_eq!(wanted(&headers, ETAG, 0), Wanted::Unsatisfiable);
    }

    #[rstest]
    #[case(ETAG, Wanted::Part { start: 1, end: 3 })]
    #[case("W/\"abc\"", Wanted::Whole)]
    #[case("\"other\"", Wanted::Whole)]
    #[case("Sun, 22 Nov 2026 18:43:37 GMT", Wanted::Whole)]
    fn a_range_of_something_else_is_ignored(#[case] tag: &'static str, #[case] expected: Wanted) {
        let range = HeaderValue::from_static("bytes=1-2");
        let headers = HeaderMap::from_iter([(RANGE, range), (IF_RANGE, HeaderValue::from_static(tag))]);
        assert_eq!(wanted(&headers, ETAG, 100), expected);
    }
}
