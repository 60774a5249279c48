use serde::de::DeserializeOwned;

/// Reads a body as JSON, and if it is none, once more after [`repair`].
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(body).or_else(|_| serde_json::from_str(&repair(body)))
}

/// Makes JSON of what devices write when they paste a log line between quotes: escapes control characters (below
/// U+0020) inside strings, and replaces bytes that are no UTF-8. What is JSON already stays as it is.
pub fn repair(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let mut repaired = String::with_capacity(body.len() + 16);
    let (mut in_string, mut after_backslash) = (false, false);
    for character in body.chars() {
        if in_string && character < ' ' {
            // A backslash before it cannot have been meant to escape it.
            repaired.push_str(if after_backslash { "\\\\u" } else { "\\u" });
            repaired.push_str(&format!("{:04x}", u32::from(character)));
            after_backslash = false;
            continue;
        }
        if !in_string {
            in_string = character == '"';
        } else if after_backslash {
            after_backslash = false;
        } else {
            after_backslash = character == '\\';
            in_string = character != '"';
        }
        repaired.push(character);
    }
    repaired
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
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

    proptest! {
        #[test]
        fn careless_json_becomes_json(value in value()) {
            let read: Value = serde_json::from_str(&repair(careless(&value).as_bytes())).unwrap();
            prop_assert_eq!(read, value);
        }

        #[test]
        fn json_stays_as_it_is(value in value()) {
            let text = serde_json::to_string_pretty(&value).unwrap();
            prop_assert_eq!(repair(text.as_bytes()), text);
        }

        #[test]
        fn any_bytes_can_be_repaired_once(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let once = repair(&bytes);
            prop_assert_eq!(repair(once.as_bytes()), once);
        }
    }

    #[test]
    fn a_backslash_before_a_control_character_stays_a_backslash() {
        let read: Value = parse(b"[\"a\\\nb\"]").unwrap();
        assert_eq!(read, json!(["a\\\nb"]));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        let read: Value = parse(b"[\"caf\xe9\"]").unwrap();
        assert_eq!(read, json!(["caf\u{fffd}"]));
    }

    #[test]
    fn what_cannot_be_repaired_is_refused() {
        for body in [&b""[..], b"{", b"\"a", b"\x00{}", b"[1,]"] {
            assert!(parse::<Value>(body).is_err(), "{body:?}");
        }
    }
}
