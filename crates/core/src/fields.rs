//! The limits of the contract on what a client may write into a field.

use std::fmt;

use crate::email::EmailAddress;

/// The shortest password that anybody can choose, in characters (NIST SP 800-63B-4, section 3.1.1.2).
const SHORTEST_PASSWORD: usize = 8;
/// The longest, which bounds what is hashed.
const LONGEST_PASSWORD: usize = 256;

/// What is wrong with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name in the request, such as `tags[2]`.
    pub name: String,
    /// What is allowed there.
    pub message: String,
}

/// Collects the field errors of a request, so that a client learns all of them at once; of very many, the first.
///
/// Each check returns a usable value either way; the values count only once [`Fields::finish`] says so.
#[derive(Debug, Default)]
pub struct Fields(Vec<FieldError>);

impl Fields {
    /// How many errors are kept: a request with thousands of them is not worth an answer many times its size.
    pub const MOST: usize = 50;

    /// No error so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes that `name` is not as allowed, unless [as many as are kept](Self::MOST) were noted.
    pub fn refuse(&mut self, name: impl Into<String>, message: impl fmt::Display) {
        if self.0.len() < Self::MOST {
            self.0.push(FieldError { name: name.into(), message: message.to_string() });
        }
    }

    /// Succeeds if no check failed.
    ///
    /// # Errors
    /// All that failed, in the order of the checks.
    pub fn finish(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() { Ok(()) } else { Err(self.0) }
    }

    /// A required text of 1 to `max` characters without control characters.
    pub fn required_text(&mut self, name: &str, value: Option<&str>, max: usize) -> String {
        let value = value.unwrap_or_default();
        if value.is_empty() {
            self.refuse(name, format_args!("is required: 1 to {max} characters"));
        } else {
            self.check_text(name, value, max, Layout::OneLine);
        }
        value.to_owned()
    }

    /// A password that somebody chooses. Any characters will do that can be typed.
    pub fn new_password(&mut self, name: &str, value: Option<String>) -> String {
        let password = value.unwrap_or_default();
        if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&password.chars().count()) {
            self.refuse(name, format_args!("must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters"));
        } else if password.contains(char::is_control) {
            self.refuse(name, "must have no control characters");
        }
        password
    }

    /// A required e-mail address.
    pub fn email(&mut self, name: &str, value: Option<&str>) -> EmailAddress {
        value.unwrap_or_default().parse().unwrap_or_else(|error| {
            self.refuse(name, error);
            EmailAddress::of_nobody()
        })
    }

    /// An optional text of at most `max` characters without control characters; empty means absent.
    pub fn optional_text(&mut self, name: &str, value: Option<&str>, max: usize) -> Option<String> {
        let value = value.filter(|value| !value.is_empty())?;
        self.check_text(name, value, max, Layout::OneLine);
        Some(value.to_owned())
    }

    /// The name of an image, type, device type or partner: 1–255 characters.
    pub fn name(&mut self, name: &str, value: Option<&str>) -> String {
        self.required_text(name, value, 255)
    }

    /// A description: up to 500 characters, line feeds and tabs allowed; absent stays absent.
    pub fn description(&mut self, value: Option<&str>) -> Option<String> {
        let value = value?;
        self.check_text("description", value, 500, Layout::Lines);
        Some(value.to_owned())
    }

    /// The friendly version of an image: 1–64 characters.
    pub fn version(&mut self, value: Option<&str>) -> String {
        self.required_text("version", value, 64)
    }

    /// The url of an image: up to 2048 characters; absent means empty.
    pub fn url(&mut self, value: Option<&str>) -> String {
        let value = value.unwrap_or_default();
        self.check_text("url", value, 2048, Layout::OneLine);
        value.to_owned()
    }

    /// An optional word of at most `max` characters of `A-Z a-z 0-9 . _ -`; empty means absent.
    pub fn word(&mut self, name: &str, value: Option<&str>, max: usize) -> Option<String> {
        let value = value.filter(|value| !value.is_empty())?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if value.len() > max || !value.bytes().all(allowed) {
            self.refuse(name, format_args!("must be 1 to {max} characters of A-Z a-z 0-9 . _ -"));
        }
        Some(value.to_owned())
    }

    /// Tags: at most 32 of 1–35 characters, trimmed, without commas; a repeated one counts once.
    pub fn tags(&mut self, values: &[Option<String>]) -> Vec<String> {
        let mut tags: Vec<String> = Vec::with_capacity(values.len());
        for (index, value) in values.iter().enumerate() {
            let field = format!("tags[{index}]");
            let tag = value.as_deref().unwrap_or_default().trim_matches(' ');
            if tag.is_empty() {
                self.refuse(field, "is empty: a tag has 1 to 35 characters");
            } else if tag.contains(',') {
                self.refuse(field, "must not contain a comma");
            } else {
                self.check_text(&field, tag, 35, Layout::OneLine);
                if !tags.iter().any(|known| known == tag) {
                    tags.push(tag.to_owned());
                }
            }
            if tags.len() > 32 {
                self.refuse("tags", "has too many elements: at most 32");
                break;
            }
        }
        tags
    }

    fn check_text(&mut self, name: &str, value: &str, max: usize, layout: Layout) {
        if value.chars().count() > max {
            self.refuse(name, format_args!("is too long: at most {max} characters"));
        }
        let allowed = |c: char| !c.is_control() || (layout == Layout::Lines && matches!(c, '\n' | '\t'));
        if !value.chars().all(allowed) {
            let but = if layout == Layout::Lines { " other than line feed and tab" } else { "" };
            self.refuse(name, format_args!("must not contain control characters{but}"));
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    OneLine,
    Lines,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(check: impl FnOnce(&mut Fields)) -> Vec<String> {
        let mut fields = Fields::new();
        check(&mut fields);
        fields.finish().err().unwrap_or_default().into_iter().map(|error| error.name).collect()
    }

    #[test]
    fn limits_count_characters_not_bytes() {
        assert!(errors(|f| drop(f.name("name", Some(&"ü".repeat(255))))).is_empty());
        assert_eq!(errors(|f| drop(f.name("name", Some(&"ü".repeat(256))))), ["name"]);
    }

    #[test]
    fn words_are_of_a_few_characters() {
        for (value, wrong) in [(None, 0), (Some(""), 0), (Some("bApp-2.x_y"), 0), (Some("a b"), 1), (Some("ü"), 1)] {
            assert_eq!(errors(|f| drop(f.word("part", value, 35))).len(), wrong, "{value:?}");
        }
        assert_eq!(errors(|f| drop(f.word("part", Some(&"x".repeat(36)), 35))), ["part"]);
    }

    #[test]
    fn descriptions_may_have_lines_and_names_may_not() {
        assert!(errors(|f| drop(f.description(Some("a\n\tb")))).is_empty());
        assert_eq!(errors(|f| drop(f.description(Some("a\rb")))), ["description"]);
        assert_eq!(errors(|f| drop(f.name("name", Some("a\nb")))), ["name"]);
    }

    #[test]
    fn tags_are_trimmed_and_counted_once() {
        let mut fields = Fields::new();
        let tags = fields.tags(&[Some(" qa ".into()), Some("qa".into()), Some("release".into())]);
        assert_eq!(tags, ["qa", "release"]);
        assert!(fields.finish().is_ok());
        let bad = [Some("a,b".into()), Some("x".repeat(36)), None, Some(" ".into())];
        assert_eq!(errors(|f| drop(f.tags(&bad))), ["tags[0]", "tags[1]", "tags[2]", "tags[3]"]);
        let many: Vec<_> = (0..33).map(|n| Some(n.to_string())).collect();
        assert_eq!(errors(|f| drop(f.tags(&many))), ["tags"]);
    }

    #[test]
    fn an_answer_does_not_grow_with_the_number_of_errors() {
        let bad = vec![None; 100_000];
        assert_eq!(errors(|f| drop(f.tags(&bad))).len(), Fields::MOST);
    }

    #[test]
    fn every_field_is_reported_at_once() {
        let missing = errors(|f| {
            f.name("name", None);
            f.version(Some(""));
            f.url(Some(&"u".repeat(2049)));
        });
        assert_eq!(missing, ["name", "version", "url"]);
    }
}
