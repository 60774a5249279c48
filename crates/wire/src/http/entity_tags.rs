//! If-Match, If-None-Match and If-Range: which versions a client speaks of (RFC 9110, sections 8.8.3 and 13.1).

use super::elements::elements;

/// An entity tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntityTag<'h> {
    /// What stands between its quotes. Some clients leave them out.
    pub opaque: &'h str,
    /// Whether it stands for whatever means the same, too.
    pub is_weak: bool,
}

impl<'h> EntityTag<'h> {
    /// Reads a tag; any text is one.
    pub fn of(text: &'h str) -> Self {
        let text = text.trim();
        let (is_weak, text) = text.strip_prefix("W/").map_or((false, text), |text| (true, text));
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        Self { opaque: quoted.unwrap_or(text), is_weak }
    }

    /// Whether it stands for exactly this version and no other (section 8.8.3.2).
    pub fn is_exactly(&self, opaque: &str) -> bool {
        !self.is_weak && self.opaque == opaque
    }
}

/// The tags in a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityTags<'h> {
    /// Any that there is.
    Any,
    /// These.
    These(Vec<EntityTag<'h>>),
}

impl<'h> EntityTags<'h> {
    /// Reads the header's lines; none without the header.
    pub fn of(lines: impl IntoIterator<Item = &'h str>) -> Option<Self> {
        let mut lines = lines.into_iter().peekable();
        lines.peek()?;
        let tags: Vec<_> = lines.flat_map(|line| elements(line, ',')).map(EntityTag::of).collect();
        let is_any = tags.iter().any(|tag| tag.opaque == "*" && !tag.is_weak);
        Some(if is_any { Self::Any } else { Self::These(tags) })
    }

    /// Whether this version is among them, as it is or by what means the same: for If-None-Match.
    pub fn have(&self, opaque: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| tag.opaque == opaque),
        }
    }

    /// Whether exactly this version is among them: for If-Match.
    pub fn have_exactly(&self, opaque: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(tags) => tags.iter().any(|tag| tag.is_exactly(opaque)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#""abc""#, true, true)]
    #[case("abc", true, true)]
    #[case("*", true, true)]
    #[case(r#""x" , "abc""#, true, true)]
    #[case(r#"W/"abc""#, true, false)]
    #[case(r#""a,abc""#, false, false)]
    #[case(r#""abc"#, false, false)]
    #[case(r#""x""#, false, false)]
    #[case("", false, false)]
    fn tags_are_compared(#[case] header: &str, #[case] has: bool, #[case] has_exactly: bool) {
        let tags = EntityTags::of([header]).unwrap();
        assert_eq!((tags.have("abc"), tags.have_exactly("abc")), (has, has_exactly));
    }

    #[test]
    fn without_the_header_there_are_none() {
        assert_eq!(EntityTags::of([]), None);
    }
}
