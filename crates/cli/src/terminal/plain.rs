//! Text as it may be shown: what others chose neither steers the terminal nor passes for something else, and no secret
//! stands in it.

use std::borrow::Cow;
use std::fmt::Write as _;

use otaria_core::secrets::hidden;

/// A text without secrets, and without what steers a terminal.
pub fn plain(text: &str) -> String {
    printable(&hidden(text))
}

/// A text without what steers a terminal, other than line feeds and tabs.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if steers(c) && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
}

/// JSON in which whatever steers a terminal is escaped (RFC 8259, 7): to a program it says the same.
pub fn escaped(json: &str) -> Cow<'_, str> {
    // Line feeds stand between its parts alone.
    let is_safe = |c: char| c == '\n' || !steers(c);
    if json.chars().all(is_safe) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if is_safe(c) {
            safe.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(safe)
}

/// Whether a character does something to what is shown instead of being seen: control characters, those that turn the
/// direction of writing (Unicode's UAX 9), and those that are not seen. Joiners stay, which words and emoji need.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "ota_at_0123456789012345678901234567890123456789012";

    #[test]
    fn nothing_that_others_chose_steers_the_terminal() {
        let chosen = "\u{1b}]0;pwned\u{7}a\u{1b}[31m \u{202e}b\u{9b}31m\u{200b} ü 👩\u{200d}🔧";
        assert_eq!(
            plain(chosen),
            "\u{fffd}]0;pwned\u{fffd}a\u{fffd}[31m \u{fffd}b\u{fffd}31m\u{fffd} ü 👩\u{200d}🔧"
        );
    }

    #[test]
    fn json_says_the_same_to_a_program() {
        let value = serde_json::json!({ "name": "\u{202e}b\u{9b}31m\u{7f}\u{e0041}", "of": "ü" });
        let safe = format!("{value:#}");
        let safe = escaped(&safe);
        assert!(!safe.chars().any(|c| c != '\n' && steers(c)), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    #[test]
    fn no_secret_is_shown() {
        assert_eq!(plain(&format!("http://h/?x={SECRET}")), "http://h/?x=ota_…");
    }
}
