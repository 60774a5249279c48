//! The elements of a header with a list in it (RFC 9110, section 5.6.1).

/// The elements of a list, trimmed: what stands between delimiters outside of quoted strings. Empty ones are nothing
/// (RFC 9110, section 5.6.1.2).
pub(super) fn elements(text: &str, delimiter: char) -> impl Iterator<Item = &str> {
    let (mut in_quotes, mut after_backslash) = (false, false);
    let parts = text.split(move |character| {
        match character {
            _ if after_backslash => after_backslash = false,
            '\\' if in_quotes => after_backslash = true,
            '"' => in_quotes = !in_quotes,
            _ => {}
        }
        character == delimiter && !in_quotes
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_in_quotes_delimits_nothing() {
        let of = |text| elements(text, ',').collect::<Vec<_>>();
        assert_eq!(of(r#"a, "b,\",c" ,,d;e="f,g""#), ["a", r#""b,\",c""#, r#"d;e="f,g""#]);
        assert_eq!(of(r#""a,b"#), [r#""a,b"#]);
        assert!(of(" , ,").is_empty());
    }
}
