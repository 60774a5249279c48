//! CBOR (RFC 8949), read into the tree that JSON is read into.

use cbor4ii::core::Value as Cbor;
use cbor4ii::core::dec::Decode as _;
use cbor4ii::core::utils::SliceReader;
use data_encoding::HEXLOWER;
use serde_json::{Map, Number, Value};

/// Whether a body can be a CBOR map (RFC 8949): it begins with one, or with a tag. No JSON does.
pub(super) const fn is_cbor(body: &[u8]) -> bool {
    matches!(body, [0xa0..=0xdb, ..])
}

/// Reads CBOR as the JSON that says the same (RFC 8949, section 6.1): bytes are text if they can be, else hex; keys
/// that are no text become one, or go if they are structures; tags are left out. The reader itself goes no deeper than
/// 256 levels.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parse(body: &[u8]) -> Result<Value, String> {
    let mut reader = SliceReader::new(body);
    Cbor::decode(&mut reader).map(as_json).map_err(|error| error.to_string())
}

/// The same with its texts made UTF-8, and simple values that mean nothing made null. It is walked from head to head: what
/// is nested in what does not matter for that. Whatever follows something that is no CBOR stays as it is.
pub(super) fn repair(body: &[u8]) -> Vec<u8> {
    let mut repaired = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((item, after)) = item(rest) {
        match *item {
            [0x60..=0x7b, ..] => {
                let text = String::from_utf8_lossy(payload(item));
                repaired.extend(head(0x60, text.len()));
                repaired.extend_from_slice(text.as_bytes());
            }
            // All but true, false, null, undefined, floats and the end of what has no length.
            [0xe0..=0xf3 | 0xf8, ..] => repaired.push(0xf6),
            _ => repaired.extend_from_slice(item),
        }
        rest = after;
    }
    repaired.extend_from_slice(rest);
    repaired
}

/// The first item without those in it, and what follows; none where there is none.
fn item(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let first = *bytes.first()?;
    let argument = match first & 0x1f {
        24 => bytes.get(1..2)?,
        25 => bytes.get(1..3)?,
        26 => bytes.get(1..5)?,
        27 => bytes.get(1..9)?,
        28..=30 => return None,
        _ => &[],
    };
    let head = 1 + argument.len();
    let has_payload = matches!(first, 0x40..=0x5b | 0x60..=0x7b);
    let value = argument.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let value = if argument.is_empty() { u64::from(first & 0x1f) } else { value };
    let length = if has_payload { usize::try_from(value).ok()? } else { 0 };
    bytes.split_at_checked(head.checked_add(length)?)
}

/// What follows the head of a text or of bytes.
fn payload(item: &[u8]) -> &[u8] {
    let head = match item.first().map_or(0, |first| first & 0x1f) {
        24 => 2,
        25 => 3,
        26 => 5,
        27 => 9,
        _ => 1,
    };
    item.get(head..).unwrap_or_default()
}

/// A head of this major type, as long as it has to be at most.
fn head(major: u8, length: usize) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = (length as u64).to_be_bytes();
    [major | 27, a, b, c, d, e, f, g, h]
}

fn as_json(value: Cbor) -> Value {
    match value {
        Cbor::Bool(value) => Value::Bool(value),
        Cbor::Integer(number) => integer(number),
        Cbor::Float(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Cbor::Bytes(bytes) => Value::String(text(bytes)),
        Cbor::Text(text) => Value::String(text),
        Cbor::Array(items) => Value::Array(items.into_iter().map(as_json).collect()),
        Cbor::Map(members) => {
            let members = members.into_iter().filter_map(|(name, value)| Some((key(name)?, as_json(value))));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Cbor::Tag(_, value) => as_json(*value),
        // Null, and whatever else there may be one day.
        _ => Value::Null,
    }
}

/// Integers of CBOR have a bit more than 64 bits.
fn integer(number: i128) -> Value {
    let whole = i64::try_from(number).map(Number::from).or_else(|_| u64::try_from(number).map(Number::from));
    whole.map_or_else(|_| Number::from_f64(number as f64).map_or(Value::Null, Value::Number), Value::Number)
}

/// A key as text. None if it is a structure, which no member that anybody knows has: as text, keys within keys would
/// double in length at each level.
fn key(name: Cbor) -> Option<String> {
    match name {
        Cbor::Array(_) | Cbor::Map(_) => None,
        Cbor::Tag(_, name) => key(*name),
        scalar => Some(match as_json(scalar) {
            Value::String(text) => text,
            other => other.to_string(),
        }),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| HEXLOWER.encode(error.as_bytes()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::a_map_without_a_length(b"\xbf\x61a\x01\xff", json!({"a": 1}))]
    #[case::a_tag_that_says_it_is_cbor(b"\xd9\xd9\xf7\xa1\x61a\xf5", json!({"a": true}))]
    #[case::keys_that_are_no_text(b"\xa3\x01\x01\x41b\x02\x80\x03", json!({"1": 1, "b": 2}))]
    #[case::the_last_of_the_same_key(b"\xa2\x61a\x01\x61a\x02", json!({"a": 2}))]
    #[case::bytes(b"\xa2\x61a\x42ok\x61b\x42\xff\x00", json!({"a": "ok", "b": "ff00"}))]
    #[case::halves_and_nothing(b"\xa3\x61a\xf9\x38\x00\x61b\xf9\x7e\x00\x61c\xf7", json!({"a": 0.5, "b": null, "c": null}))]
    #[case::negative(b"\xa1\x61a\x3b\xff\xff\xff\xff\xff\xff\xff\xff", json!({"a": -18_446_744_073_709_551_616.0}))]
    fn it_is_read_as_json(#[case] body: &[u8], #[case] expected: Value) {
        assert!(is_cbor(body));
        assert_eq!(parse(body).unwrap(), expected);
    }

    #[rstest]
    #[case::a_text_that_is_no_text(b"\xa1\x61a\x63\xff\xfeA", json!({"a": "\u{fffd}\u{fffd}A"}))]
    #[case::in_pieces(b"\xa1\x61a\x7f\x61\xff\x61b\xff", json!({"a": "\u{fffd}b"}))]
    #[case::simple_values(b"\xa3\x61a\xe0\x61b\xf8\xff\x61c\xf5", json!({"a": null, "b": null, "c": true}))]
    fn what_is_nearly_cbor_is_made_cbor(#[case] body: &[u8], #[case] expected: Value) {
        assert!(parse(body).is_err());
        assert_eq!(parse(&repair(body)).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn repairing_changes_nothing_that_can_be_read(body in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = parse(&body) {
                prop_assert_eq!(parse(&repair(&body)), Ok(value));
            }
        }
    }

    #[test]
    fn keys_within_keys_do_not_grow() {
        let body = [vec![0xa1; 100], b"\x61a".to_vec(), vec![0x01; 100]].concat();
        assert_eq!(parse(&body).unwrap(), json!({}));
    }

    #[test]
    fn what_is_cut_off_or_nested_without_end_is_refused() {
        for body in
            [&b"\xa1\x61a"[..], b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff", b"\xa1\x61\xff\x01", &[0x81; 200_000]]
        {
            assert!(parse(body).is_err(), "{:?}", &body[..2]);
        }
        assert!(parse(&[0xc1; 200_000]).is_err() && parse(&[0x9f; 200_000]).is_err());
    }
}
