//! Texts that come percent-encoded: in paths, queries and forms.

use otaria_core::fields::Fields;
use otaria_store::text::comparable;
use percent_encoding::percent_decode_str;

/// A value of a query or form, decoded: `+` is a space there.
pub(super) fn decoded(text: &str) -> String {
    comparable(&percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy())
}

/// The shortest password that anybody can choose, in characters (NIST SP 800-63B-4, section 3.1.1.2).
const SHORTEST_PASSWORD: usize = 8;
/// The longest, which bounds what is hashed.
const LONGEST_PASSWORD: usize = 256;

/// A password that somebody chooses. Any characters will do that can be typed.
pub(super) fn new_password(fields: &mut Fields, name: &str, value: Option<String>) -> String {
    let password = value.unwrap_or_default();
    if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.chars().count()) {
        fields.refuse(name, format_args!("must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"));
    } else if password.contains(char::is_control) {
        fields.refuse(name, "must have no control characters");
    }
    password
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_hold_no_nul() {
        assert_eq!(decoded("a+b%20c%2Bd"), "a b c+d");
        assert_eq!(decoded("a%00b"), "a\u{1}b");
        assert_eq!(decoded("%C3%BC%FF"), "ü\u{fffd}");
    }
}
