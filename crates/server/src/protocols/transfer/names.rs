//! File names in links and headers.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but the unreserved characters of RFC 3986: right in a path, and in an extended parameter of a header.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A name as one segment of a path. A space becomes `%20`: a `+` would be taken for itself.
pub fn percent_encoded(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

/// The value of Content-Disposition (RFC 6266): the name as it is where every client reads it, and in full.
pub(super) fn disposition(name: &str) -> String {
    let is_plain = |character: char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\' | '%' | '/');
    let plain: String = name.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
    if plain == name {
        format!("attachment; filename=\"{plain}\"")
    } else {
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", percent_encoded(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_percent_encoded() {
        assert_eq!(percent_encoded("root fs+1.0_a~b.swu"), "root%20fs%2B1.0_a~b.swu");
        assert_eq!(percent_encoded("ü/?#%"), "%C3%BC%2F%3F%23%25");
    }

    #[test]
    fn a_header_holds_a_safe_name_and_the_full_one() {
        assert_eq!(disposition("rootfs 1.swu"), "attachment; filename=\"rootfs 1.swu\"");
        assert_eq!(
            disposition("a\"\r\nb/ü.bin"),
            "attachment; filename=\"a___b__.bin\"; filename*=UTF-8''a%22%0D%0Ab%2F%C3%BC.bin"
        );
    }
}
