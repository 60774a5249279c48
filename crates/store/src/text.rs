//! Texts of strangers, as the database can be asked for them.

/// A text as it can be looked for. PostgreSQL takes no NUL; another control character stands for it, which no stored
/// text holds either.
pub fn comparable(text: &str) -> String {
    text.replace('\0', "\u{1}")
}
