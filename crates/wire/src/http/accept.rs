//! Accept: which media types a client takes, and how much it wants each (RFC 9110, section 12.5.1).

use std::cmp::Reverse;

use super::elements::elements;

/// The quality of what is wanted most, in thousandths.
pub const BEST: u16 = 1000;

/// What a client takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept(Vec<MediaRange>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct MediaRange {
    /// In lower case; `*` takes any.
    kind: String,
    subtype: String,
    quality: u16,
}

impl Accept {
    /// Reads the header's lines. Whoever sends none, or an empty one, takes anything.
    pub fn of<'h>(lines: impl IntoIterator<Item = &'h str>) -> Self {
        Self(lines.into_iter().flat_map(|line| elements(line, ',')).map(MediaRange::of).collect())
    }

    /// Whether the client does not say what it takes.
    pub const fn says_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// How much a media type is wanted, in thousandths: as much as the range says that describes it most closely.
    pub fn quality(&self, media_type: &str) -> u16 {
        if self.says_nothing() { BEST } else { self.closest(media_type).map_or(0, |(_, range)| range.quality) }
    }

    /// Whether the client names exactly this media type as one that it takes.
    pub fn names(&self, media_type: &str) -> bool {
        self.0.iter().any(|range| range.closeness(media_type) == Some(Closeness::Named) && range.quality > 0)
    }

    /// What is wanted most of what is on offer, by its media type; of equals, what the client names first, and then
    /// what is offered first. None if the client takes none of it.
    pub fn preferred<T: Copy>(&self, offers: &[(&str, T)]) -> Option<T> {
        if self.says_nothing() {
            return offers.first().map(|(_, offer)| *offer);
        }
        let wanted = offers.iter().enumerate().filter_map(|(order, (media_type, offer))| {
            let (position, range) = self.closest(media_type)?;
            (range.quality > 0).then_some(((range.quality, Reverse(position), Reverse(order)), *offer))
        });
        wanted.max_by_key(|(rank, _)| *rank).map(|(_, offer)| offer)
    }

    /// The range that describes a media type most closely, and where it stands.
    fn closest(&self, media_type: &str) -> Option<(usize, &MediaRange)> {
        let described = self.0.iter().enumerate().filter_map(|(position, range)| {
            range.closeness(media_type).map(|closeness| ((closeness, Reverse(position)), (position, range)))
        });
        described.max_by_key(|(rank, _)| *rank).map(|(_, found)| found)
    }
}

/// How closely a range describes a media type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Anything,
    Family,
    Named,
}

impl MediaRange {
    /// Its parameters say nothing but how much it is wanted: what is sent has none.
    fn of(text: &str) -> Self {
        let mut parts = elements(text, ';');
        let range = parts.next().unwrap_or_default().to_ascii_lowercase();
        // Some clients write a lone star. What has no slash is no media type.
        let (kind, subtype) = if range == "*" { ("*", "*") } else { range.split_once('/').unwrap_or_default() };
        let quality = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("q").then(|| quality(value.trim()))
        });
        Self { kind: kind.to_owned(), subtype: subtype.to_owned(), quality: quality.unwrap_or(BEST) }
    }

    fn closeness(&self, media_type: &str) -> Option<Closeness> {
        let (kind, subtype) = media_type.split_once('/')?;
        match (self.kind.as_str(), self.subtype.as_str()) {
            (own, named) if own == kind && named == subtype => Some(Closeness::Named),
            (own, "*") if own == kind => Some(Closeness::Family),
            ("*", "*") => Some(Closeness::Anything),
            _ => None,
        }
    }
}

/// A quality in thousandths. What is no number between 0 and 1 wants it as much as if nothing stood there.
fn quality(text: &str) -> u16 {
    match text.parse::<f32>() {
        // The cast rounds down; a little that is wanted is more than nothing.
        Ok(number) if (0.0..=1.0).contains(&number) => ((number * 1000.0) as u16).max(u16::from(number > 0.0)),
        _ => BEST,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const OFFERS: [(&str, &str); 3] =
        [("application/hal+json", "hal"), ("application/json", "json"), ("application/cbor", "cbor")];

    #[rstest]
    #[case("", Some("hal"))]
    #[case(" , ", Some("hal"))]
    #[case("*/*", Some("hal"))]
    #[case("*", Some("hal"))]
    #[case("text/html, image/gif, */*; q=.2", Some("hal"))]
    #[case("application/json;charset=UTF-8", Some("json"))]
    #[case("application/cbor, application/json", Some("cbor"))]
    #[case("application/json, application/cbor", Some("json"))]
    #[case("application/json;q=0.5, application/cbor;q=0.501", Some("cbor"))]
    #[case("application/json; q=0.5, application/*;q=0.4", Some("json"))]
    #[case("*/*, application/cbor", Some("hal"))]
    #[case("*/*;q=0.1, Application/CBOR;Q=0.2", Some("cbor"))]
    #[case("*/*, application/hal+json;q=0", Some("json"))]
    #[case("application/json;q=high", Some("json"))]
    #[case("application/json;q=0.0001", Some("json"))]
    #[case(r#"application/json;profile="a,b;q=0""#, Some("json"))]
    #[case("application/json;q=0", None)]
    #[case("text/html, json", None)]
    #[case("json", None)]
    fn the_client_chooses(#[case] accept: &str, #[case] expected: Option<&str>) {
        assert_eq!(Accept::of([accept]).preferred(&OFFERS), expected);
    }

    #[test]
    fn lines_are_one_list() {
        let accept = Accept::of(["text/html", "application/json;q=0.3"]);
        assert_eq!((accept.quality("application/json"), accept.quality("image/gif")), (300, 0));
        assert!(accept.names("text/html") && !accept.names("text/plain"));
        assert!(!Accept::of(["*/*, text/html;q=0"]).names("text/html"));
    }
}
