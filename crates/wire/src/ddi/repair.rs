//! JSON that is nearly JSON, made JSON.

use std::collections::BTreeSet;
use std::fmt;

/// What was wrong with JSON that could be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Repair {
    /// There were bytes that are no UTF-8.
    Bytes,
    /// It began with a byte order mark.
    Mark,
    /// There were control characters in a text.
    ControlCharacters,
    /// There were backslashes that escape nothing.
    Backslashes,
    /// There were halves of characters: UTF-16 surrogates without the other one.
    Halves,
    /// There were numbers too large for anything to hold.
    Numbers,
    /// There were commas behind the last item.
    Commas,
    /// It went on behind a NUL.
    Rest,
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes that are no UTF-8 were replaced",
            Self::Mark => "the byte order mark was left out",
            Self::ControlCharacters => "control characters in a text were escaped",
            Self::Backslashes => "backslashes that escape nothing were taken as they are",
            Self::Halves => "halves of characters in a text were replaced",
            Self::Numbers => "numbers that nothing can hold were taken for null",
            Self::Commas => "commas behind the last item were left out",
            Self::Rest => "what follows a NUL was left out",
        })
    }
}

/// The mark that some editors and libraries put before a text.
const MARK: char = '\u{feff}';

/// Makes JSON of what devices write when they paste a log line between quotes, or send a whole buffer. What is JSON
/// already stays as it is.
///
/// Inside strings it escapes control characters (below U+0020) and backslashes that escape nothing, and replaces lone
/// surrogates; outside, numbers that nothing can hold become null and commas behind the last item go;
/// everywhere it replaces bytes that are no UTF-8. A byte order mark before it goes, and so does everything from a NUL
/// outside a string on: that is where a text ends in C.
pub fn repair(body: &[u8]) -> (String, BTreeSet<Repair>) {
    let text = String::from_utf8_lossy(body);
    let mut repaired = Repaired { text: String::with_capacity(text.len() + 16), repairs: BTreeSet::new() };
    if matches!(text, std::borrow::Cow::Owned(_)) {
        repaired.repairs.insert(Repair::Bytes);
    }
    let unmarked = text.trim_start_matches(MARK);
    if unmarked.len() < text.len() {
        repaired.repairs.insert(Repair::Mark);
    }
    let mut rest = unmarked;
    while let Some(character) = rest.chars().next() {
        if character == '\0' {
            repaired.repairs.insert(Repair::Rest);
            break;
        }
        if character == ',' {
            rest = repaired.commas(rest);
            continue;
        }
        if character == '-' || character.is_ascii_digit() {
            rest = repaired.number(rest);
            continue;
        }
        rest = &rest[character.len_utf8()..];
        repaired.text.push(character);
        if character == '"' {
            rest = repaired.string(rest);
        }
    }
    (repaired.text, repaired.repairs)
}

struct Repaired {
    text: String,
    repairs: BTreeSet<Repair>,
}

impl Repaired {
    /// Takes in commas and the spaces among them, unless a list or an object ends behind. Returns what follows.
    fn commas<'t>(&mut self, rest: &'t str) -> &'t str {
        let after = rest.trim_start_matches([',', ' ', '\t', '\n', '\r']);
        if after.starts_with([']', '}']) {
            self.repairs.insert(Repair::Commas);
        } else {
            self.text.push_str(&rest[..rest.len() - after.len()]);
        }
        after
    }

    /// Takes in a number. Returns what follows.
    fn number<'t>(&mut self, rest: &'t str) -> &'t str {
        let is_of_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
        let length = rest.bytes().take_while(|byte| is_of_number(*byte)).count();
        let (number, after) = rest.split_at(length);
        if number.parse::<f64>().is_ok_and(f64::is_infinite) {
            self.repairs.insert(Repair::Numbers);
            self.text.push_str("null");
        } else {
            self.text.push_str(number);
        }
        after
    }

    /// Takes in a string behind its opening quote, up to its closing one. Returns what follows.
    fn string<'t>(&mut self, mut rest: &'t str) -> &'t str {
        while let Some(character) = rest.chars().next() {
            let after = &rest[character.len_utf8()..];
            rest = match character {
                '\\' => self.escape(after),
                control if control < ' ' => {
                    self.repairs.insert(Repair::ControlCharacters);
                    self.text.push_str(&format!("\\u{:04x}", u32::from(control)));
                    after
                }
                other => {
                    self.text.push(other);
                    after
                }
            };
            if character == '"' {
                break;
            }
        }
        rest
    }

    /// Takes in what follows a backslash, as far as it belongs to it. Returns what follows.
    fn escape<'t>(&mut self, rest: &'t str) -> &'t str {
        match rest.chars().next() {
            Some('u') => self.code(rest),
            Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => self.keep(rest, 1),
            Some(_) => {
                self.repairs.insert(Repair::Backslashes);
                self.text.push_str("\\\\");
                rest
            }
            // The string does not close: there is nothing to repair.
            None => {
                self.text.push('\\');
                rest
            }
        }
    }

    /// Takes in `uXXXX`, and the other half if it is half a character.
    fn code<'t>(&mut self, rest: &'t str) -> &'t str {
        match unit(rest) {
            None => {
                self.repairs.insert(Repair::Backslashes);
                self.text.push_str("\\\\");
                rest
            }
            Some(0xd800..=0xdbff) => {
                let other = rest[5..].strip_prefix('\\').and_then(unit);
                if matches!(other, Some(0xdc00..=0xdfff)) { self.keep(rest, 11) } else { self.half(&rest[5..]) }
            }
            Some(0xdc00..=0xdfff) => self.half(&rest[5..]),
            Some(_) => self.keep(rest, 5),
        }
    }

    fn half<'t>(&mut self, rest: &'t str) -> &'t str {
        self.repairs.insert(Repair::Halves);
        self.text.push_str("\\ufffd");
        rest
    }

    /// Takes in an escape as it is, of which `length` bytes follow the backslash.
    fn keep<'t>(&mut self, rest: &'t str, length: usize) -> &'t str {
        self.text.push('\\');
        self.text.push_str(&rest[..length]);
        &rest[length..]
    }
}

/// The code unit in `uXXXX`.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix('u')?.get(..4)?;
    // The parser would take a sign as well.
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) { u16::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    /// Writes JSON as a careless device does: quotes and backslashes are escaped, control characters are not.
    fn careless(value: &Value) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        match value {
            Value::String(text) => quoted(text),
            Value::Array(items) => format!("[{}]", items.iter().map(careless).collect::<Vec<_>>().join(",\n")),
            Value::Object(members) => {
                let members = members.iter().map(|(key, value)| format!("{}:\t{}", quoted(key), careless(value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
            plain => plain.to_string(),
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            2 => (0u8..0x20).prop_map(char::from),
            1 => Just('\\'),
            1 => Just('"'),
            4 => any::<char>(),
        ];
        proptest::collection::vec(character, 0..12).prop_map(String::from_iter)
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(text(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn text_of(body: &[u8]) -> String {
        repair(body).0
    }

    proptest! {
        #[test]
        fn careless_json_becomes_json(value in value()) {
            let read: Value = serde_json::from_str(&text_of(careless(&value).as_bytes())).unwrap();
            prop_assert_eq!(read, value);
        }

        #[test]
        fn json_stays_as_it_is(value in value()) {
            let text = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(repair(text.as_bytes()), (text, BTreeSet::new()));
        }

        #[test]
        fn any_bytes_can_be_repaired_once(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let (once, _) = repair(&bytes);
            prop_assert_eq!(repair(once.as_bytes()), (once, BTreeSet::new()));
        }

        #[test]
        fn every_string_of_escapes_becomes_json(
            parts in proptest::collection::vec("\\\\u[dD][89a-fA-F][0-9a-f]{2}|\\\\u[0-9a-f]{0,4}|\\\\[a-z\\\\]|[a-z]", 0..10)
        ) {
            let text = format!("\"{}\"", parts.concat());
            let (once, _) = repair(text.as_bytes());
            prop_assert!(serde_json::from_str::<String>(&once).is_ok(), "{text} became {once}");
            prop_assert_eq!(text_of(once.as_bytes()), once);
        }
    }

    #[rstest]
    #[case::a_backslash_before_a_control_character(b"[\"a\\\nb\"]", json!(["a\\\nb"]))]
    #[case::bytes_that_are_no_text(b"[\"caf\xe9\"]", json!(["caf\u{fffd}"]))]
    #[case::half_a_character(br#"["\ud800"]"#, json!(["\u{fffd}"]))]
    #[case::the_halves_the_wrong_way(br#"["\uDE00\uD83D!"]"#, json!(["\u{fffd}\u{fffd}!"]))]
    #[case::both_halves(br#"["\uD83d\uDe00"]"#, json!(["\u{1f600}"]))]
    #[case::half_and_a_character(br#"["\ud83d\u0041"]"#, json!(["\u{fffd}A"]))]
    #[case::no_code(br#"["\u12", "\u+123", "C:\users"]"#, json!(["\\u12", "\\u+123", "C:\\users"]))]
    #[case::a_path(br#"["C:\new\path\"]"]"#, json!(["C:\new\\path\"]"]))]
    #[case::a_mark(b"\xef\xbb\xbf[1]", json!([1]))]
    #[case::a_whole_buffer(b"[\"a\x00b\"]\n\x00\x00]garbage\xff\x00", json!(["a\u{0}b"]))]
    #[case::commas(b"{\"a\": [1, 2,, ],\n}", json!({"a": [1, 2]}))]
    #[case::only_commas(&[b"{\"a\": [".as_slice(), &[b','; 256 * 1024], b"]}"].concat(), json!({"a": []}))]
    fn what_was_meant_is_read(#[case] body: &[u8], #[case] expected: Value) {
        assert_eq!(serde_json::from_str::<Value>(&text_of(body)).unwrap(), expected);
    }

    #[test]
    fn what_was_done_is_told() {
        let (_, repairs) = repair(b"\xef\xbb\xbf[\"\n\\p\\ud800\xff\"]\x00");
        let told: Vec<_> = repairs.iter().map(Repair::to_string).collect();
        assert_eq!(told.len(), 6, "{told:?}");
    }

    #[test]
    fn a_number_that_nothing_can_hold_is_null() {
        let (text, repairs) = repair(br#"{"code":1e999,"of":-2E400,"ok":[1.5e3,-7],"s":"1e999"}"#);
        assert_eq!(text, r#"{"code":null,"of":null,"ok":[1.5e3,-7],"s":"1e999"}"#);
        assert_eq!(repairs, BTreeSet::from([Repair::Numbers]));
    }
}
