//! Texts that come percent-encoded: in paths, queries and forms.

use otaria_store::text::comparable;
use percent_encoding::percent_decode_str;

/// A value of a query or form, decoded: `+` is a space there.
pub(super) fn decoded(text: &str) -> String {
    comparable(&percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy())
}

/// The names and values of a query or form, decoded, in the order given.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
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
