//! Texts that come percent-encoded: in paths, queries and forms.

use percent_encoding::percent_decode_str;

/// A value of a query or form, decoded: `+` is a space there.
pub(super) fn decoded(text: &str) -> String {
    comparable(&percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy())
}

/// A text as it can be looked for in the database. PostgreSQL takes no NUL; another control character stands for it,
/// which no stored text holds either.
pub(super) fn comparable(text: &str) -> String {
    text.replace('\0', "\u{1}")
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
