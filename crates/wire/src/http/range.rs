//! Range: which bytes a client wants (RFC 9110, section 14).

use std::ops::Range;

/// How many ranges one request may name. Clients that fetch only what has changed ask for some hundred at a time.
pub const MOST_RANGES: usize = 1000;

/// The bytes to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    Whole,
    /// These, each from its start to before its end: at least one, none empty, and no byte twice.
    Parts(Vec<Range<u64>>),
    /// None that exist, none that can be read, some that overlap, or more parts than are sent.
    Unsatisfiable,
}

/// Reads the header for a file of `size` bytes. One of another unit is ignored. Of several ranges, those outside the
/// file are left out. A malformed one, those that overlap and more than [`MOST_RANGES`] are refused (device-ddi 1.7):
/// ignoring them would answer a few bytes' worth with the whole file.
pub fn wanted(range: &str, size: u64) -> Wanted {
    let (unit, ranges) = range.split_once('=').unwrap_or((range, ""));
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    match read(ranges, size) {
        Some(asked) if asked.len() <= MOST_RANGES => {
            let parts = apart(asked.into_iter().filter(|range| !range.is_empty()).collect());
            parts.filter(|parts| !parts.is_empty()).map_or(Wanted::Unsatisfiable, Wanted::Parts)
        }
        Some(_) | None => Wanted::Unsatisfiable,
    }
}

/// The ranges of a list, each within the size; none if one is malformed.
fn read(ranges: &str, size: u64) -> Option<Vec<Range<u64>>> {
    // An empty element of a list is nothing (RFC 9110, section 5.6.1.2).
    let named = ranges.split(',').map(str::trim).filter(|range| !range.is_empty());
    named.map(|range| one(range, size)).collect()
}

/// One range within the size, possibly empty; none if it is malformed.
fn one(range: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = range.split_once('-')?;
    match (position(first)?, position(last)?) {
        (None, None) => None,
        (None, Some(length)) => Some(size.saturating_sub(length)..size),
        (Some(start), None) => Some(start..size),
        (Some(start), Some(last)) if start <= last => Some(start..size.min(last.saturating_add(1))),
        (Some(_), Some(_)) => None,
    }
}

/// The ranges as they were asked for; where some touch, ascending, with those as one (RFC 9110, section 15.3.7.2). None if
/// some overlap.
fn apart(ranges: Vec<Range<u64>>) -> Option<Vec<Range<u64>>> {
    let mut sorted = ranges.clone();
    sorted.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start < last.end => return None,
            Some(last) if range.start == last.end => last.end = range.end,
            _ => merged.push(range),
        }
    }
    Some(if merged.len() == ranges.len() { ranges } else { merged })
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
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn of_a_hundred(range: &str) -> Wanted {
        wanted(range, 100)
    }

    fn part(start: u64, end: u64) -> Wanted {
        Wanted::Parts(std::iter::once(start..end).collect())
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
    #[case("bytes=1-2,", 1, 3)]
    #[case("bytes=10-19,200-300", 10, 20)]
    #[case("bytes=0-9,10-14,15-19", 0, 20)]
    #[case("bytes=-50,0-49", 0, 100)]
    fn a_range_is_a_part(#[case] range: &str, #[case] start: u64, #[case] end: u64) {
        assert_eq!(of_a_hundred(range), part(start, end));
    }

    #[rstest]
    #[case("bytes=0-9,20-29", &[0..10, 20..30])]
    #[case("bytes=20-29, 0-9", &[20..30, 0..10])]
    #[case("bytes=-1,0-0,,400-", &[99..100, 0..1])]
    #[case("bytes=50-59,0-9,10-14", &[0..15, 50..60])]
    fn several_ranges_keep_their_order_unless_they_meet(#[case] range: &str, #[case] parts: &[Range<u64>]) {
        assert_eq!(of_a_hundred(range), Wanted::Parts(parts.to_vec()));
    }

    #[test]
    fn a_thousand_ranges_are_sent_and_no_more() {
        let ask = |count: u64| {
            let ranges: Vec<_> = (0..count).map(|number| format!("{0}-{0}", number * 2)).collect();
            wanted(&format!("bytes={}", ranges.join(",")), 1_000_000)
        };
        assert!(matches!(ask(1000), Wanted::Parts(parts) if parts.len() == 1000));
        assert_eq!(ask(1001), Wanted::Unsatisfiable);
    }

    /// A range as a client may write it, and the bytes of `size` that it names.
    fn written(size: u64) -> impl Strategy<Value = (String, Range<u64>)> {
        let near = 0..size + 20;
        prop_oneof![
            (near.clone(), near.clone()).prop_map(move |(a, b)| {
                let (first, last) = (a.min(b), a.max(b));
                (format!("{first}-{last}"), first.min(size)..(last + 1).min(size))
            }),
            near.clone().prop_map(move |first| (format!("{first}-"), first.min(size)..size)),
            near.prop_map(move |length| (format!("-{length}"), size.saturating_sub(length)..size)),
        ]
    }

    fn asked() -> impl Strategy<Value = (u64, Vec<(String, Range<u64>)>)> {
        (0_u64..300).prop_flat_map(|size| (Just(size), prop::collection::vec(written(size), 1..20)))
    }

    proptest! {
        #[test]
        fn what_is_sent_is_the_union_of_what_was_asked((size, ranges) in asked()) {
            let text: Vec<_> = ranges.iter().map(|(text, _)| text.as_str()).collect();
            let union: BTreeSet<u64> = ranges.iter().flat_map(|(_, range)| range.clone()).collect();
            match wanted(&format!("bytes={}", text.join(", ")), size) {
                Wanted::Parts(parts) => {
                    prop_assert!(parts.iter().all(|part| part.start < part.end && part.end <= size));
                    let sent: Vec<u64> = parts.iter().cloned().flatten().collect();
                    prop_assert_eq!(sent.len(), union.len(), "a byte is sent twice");
                    prop_assert_eq!(sent.into_iter().collect::<BTreeSet<_>>(), union);
                    let satisfiable: Vec<_> =
                        ranges.into_iter().map(|(_, range)| range).filter(|range| !range.is_empty()).collect();
                    let is_ascending = parts.is_sorted_by_key(|part| part.start);
                    prop_assert!(parts == satisfiable || is_ascending);
                }
                Wanted::Unsatisfiable => {
                    let asked: u64 = ranges.iter().map(|(_, range)| range.end.saturating_sub(range.start)).sum();
                    prop_assert!(union.is_empty() || asked > union.len() as u64, "nothing overlaps");
                }
                Wanted::Whole => prop_assert!(false, "ranges of bytes are not ignored"),
            }
        }

        #[test]
        fn nothing_that_a_header_says_is_too_much(text in "bytes=[-0-9, a]{0,80}", size in any::<u64>()) {
            if let Wanted::Parts(parts) = wanted(&text, size) {
                let total: u128 = parts.iter().map(|part| u128::from(part.end - part.start)).sum();
                prop_assert!(!parts.is_empty() && total <= u128::from(size));
            }
        }
    }

    #[rstest]
    #[case("bytes=100-")]
    #[case("bytes=100-200")]
    #[case("bytes=99999999999999999999999-")]
    #[case("bytes=-0")]
    #[case("bytes=100-,-0,300-400")]
    fn what_lies_outside_cannot_be_sent(#[case] range: &str) {
        assert_eq!(of_a_hundred(range), Wanted::Unsatisfiable);
    }

    #[rstest]
    #[case("bytes=")]
    #[case("bytes=-")]
    #[case("bytes=2-1")]
    #[case("bytes=a-b")]
    #[case("bytes=--1")]
    #[case("bytes=+1-2")]
    #[case("bytes=1 - 2")]
    #[case("Bytes")]
    #[case("bytes=,")]
    #[case("bytes=0-1,6-5")]
    #[case("bytes=0-9,9-14")]
    #[case("bytes=-50,0-")]
    #[case("bytes=0-1;5-6")]
    fn what_is_malformed_or_overlaps_cannot_be_sent(#[case] range: &str) {
        assert_eq!(of_a_hundred(range), Wanted::Unsatisfiable);
    }

    #[rstest]
    #[case("")]
    #[case("=")]
    #[case("lines=1-2")]
    #[case("lines=2-1")]
    #[case("bytes 1-2")]
    fn what_counts_in_something_else_is_ignored(#[case] range: &str) {
        assert_eq!(of_a_hundred(range), Wanted::Whole);
    }

    #[test]
    fn nothing_has_no_part() {
        assert_eq!(wanted("bytes=0-", 0), Wanted::Unsatisfiable);
    }
}
