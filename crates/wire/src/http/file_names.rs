//! File names in links and in Content-Disposition (RFC 6266).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::elements::elements;

/// Everything but the unreserved characters of RFC 3986: right in a path, and in an extended parameter of a header.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The longest file name that is kept, in characters.
const LONGEST: usize = 255;
/// What is longer than this is no extension, in characters and with its dot.
const LONGEST_EXTENSION: usize = 16;

/// A name as one segment of a path. A space becomes `%20`: a `+` would be taken for itself.
pub fn percent_encoded(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

/// The value of Content-Disposition for a file to keep: its name as every client reads it, and in full.
pub fn disposition(name: &str) -> String {
    let is_plain = |character: char| matches!(character, ' '..='~') && !matches!(character, '"' | '\\' | '%' | '/');
    let plain: String = name.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
    if plain == name {
        format!("attachment; filename=\"{plain}\"")
    } else {
        format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", percent_encoded(name))
    }
}

/// The file's name in a Content-Disposition, [clean](self::clean()): `filename*` before `filename`.
pub fn in_disposition(value: &str) -> Option<String> {
    let parameters = parameters(value);
    let find = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
    let extended = find("filename*").and_then(|text| {
        let encoded = text.splitn(3, '\'').nth(2)?;
        percent_decode_str(encoded).decode_utf8().ok().and_then(|name| clean(&name))
    });
    extended.or_else(|| find("filename").and_then(clean))
}

/// The last part of a path, without what no file name should have; none if nothing is left.
pub fn clean(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control() && *c != '"').collect();
    let clean = cut(clean.trim());
    let clean = clean.trim();
    (!clean.is_empty() && clean != "." && clean != "..").then(|| clean.to_owned())
}

/// A name that is not too long. Clients go by its extension: what is cut is the stem.
fn cut(name: &str) -> String {
    let extension = name.rfind('.').map_or("", |dot| &name[dot..]);
    let length = extension.chars().count();
    let (extension, length) = if length > LONGEST_EXTENSION { ("", 0) } else { (extension, length) };
    let stem = &name[..name.len() - extension.len()];
    stem.chars().take(LONGEST - length).chain(extension.chars()).collect()
}

/// The parameters of a header's value: names in lower case, quoted texts without their quotes and escapes.
fn parameters(value: &str) -> Vec<(String, String)> {
    let pairs = elements(value, ';').skip(1).filter_map(|part| part.split_once('='));
    pairs.map(|(name, text)| (name.trim().to_ascii_lowercase(), unquoted(text.trim()))).collect()
}

fn unquoted(text: &str) -> String {
    let (mut in_quotes, mut after_backslash) = (false, false);
    let kept = text.chars().filter(|character| {
        let is_syntax = !after_backslash && (*character == '"' || (*character == '\\' && in_quotes));
        in_quotes ^= is_syntax && *character == '"';
        after_backslash = is_syntax && *character == '\\';
        !is_syntax
    });
    kept.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    #[test]
    fn a_file_name_is_the_last_part_of_what_was_said() {
        let name = |value| in_disposition(value);
        assert_eq!(name("attachment; filename=\"app v1.swu\"").as_deref(), Some("app v1.swu"));
        assert_eq!(name("attachment; filename=a.bin; filename*=UTF-8''%C3%BC.bin").as_deref(), Some("ü.bin"));
        assert_eq!(name("attachment; filename=\"../../etc/passwd\"").as_deref(), Some("passwd"));
        assert_eq!(name("attachment; filename=\"..\""), None);
        assert_eq!(name("attachment; filename=\"a;b.swu\"; foo").as_deref(), Some("a;b.swu"));
        assert_eq!(name(r#"attachment; filename="q\"uote.swu""#).as_deref(), Some("quote.swu"));
        assert_eq!(name("attachment; filename*=UTF-8''%ff; filename=\"b.swu\"").as_deref(), Some("b.swu"));
        assert_eq!(name("attachment"), None);
    }

    #[test]
    fn of_a_long_name_the_stem_is_cut() {
        let cut = clean(&("a".repeat(300) + ".swu")).unwrap();
        assert_eq!(cut, "a".repeat(251) + ".swu");
        assert_eq!(clean(&"a".repeat(300)).unwrap(), "a".repeat(255));
        let endless = format!("a.{}", "b".repeat(300));
        assert_eq!(clean(&endless).unwrap(), endless[..255], "what follows the dot is no extension");
        assert_eq!(clean(&("ü".repeat(300) + ".raucb")).unwrap(), "ü".repeat(249) + ".raucb");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(name in any::<String>()) {
            if let Some(name) = clean(&name) {
                prop_assert_eq!(in_disposition(&disposition(&name)), Some(name));
            }
        }
    }
}
