//! Paths of the API. Whatever stands in them, a slash in a name is no step.

use std::fmt;

use percent_encoding::percent_decode_str;
use reqwest::Url;

use super::Client;
use super::hidden::is_secret;
use crate::failure::Failure;

/// A path below the server's URL, with its query. It is shown without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    segments: Vec<String>,
    query: Vec<(String, String)>,
}

impl Path {
    /// Of its steps, unescaped.
    pub fn of<S: Into<String>>(segments: impl IntoIterator<Item = S>) -> Self {
        Self { segments: segments.into_iter().map(Into::into).collect(), query: Vec::new() }
    }

    /// Of a path as it is written in a URL, with or without its first slash; none if it is no path.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(&format!("http://localhost/{}", text.trim_start_matches('/'))).ok()?;
        let segments = url.path_segments()?.map(|segment| percent_decode_str(segment).decode_utf8());
        let segments = segments.map(|segment| segment.map(Into::into)).collect::<Result<_, _>>().ok()?;
        Some(Self { segments, query: url.query_pairs().into_owned().collect() })
    }

    /// With something else in the place of each step for which there is something.
    ///
    /// # Errors
    /// What `with` says.
    pub fn filled<'v>(self, with: impl Fn(&str) -> Result<Option<&'v str>, Failure>) -> Result<Self, Failure> {
        let fill = |step: String| Ok(with(&step)?.map_or(step, str::to_owned));
        Ok(Self { segments: self.segments.into_iter().map(fill).collect::<Result<_, Failure>>()?, ..self })
    }

    /// Its steps, unescaped.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().map(String::as_str)
    }

    /// Whether a parameter is in its query.
    pub fn asks_for(&self, name: &str) -> bool {
        self.query.iter().any(|(known, _)| known == name)
    }

    /// One step further.
    pub fn to(mut self, segment: impl ToString) -> Self {
        self.segments.push(segment.to_string());
        self
    }

    /// With a parameter in its query.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.query.push((name.to_owned(), value.to_string()));
        self
    }

    /// The same, where there is a value.
    pub fn with_some(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// That no step of it would be left out of a URL, and another thing asked for than the one that is named.
    ///
    /// # Errors
    /// If one is empty, `.` or `..`.
    pub fn checked(&self) -> Result<&Self, Failure> {
        let left_out = |step: &String| matches!(step.as_str(), "" | "." | "..");
        let Some(at) = self.segments.iter().position(left_out) else { return Ok(self) };
        let (before, step) = (at.checked_sub(1).and_then(|before| self.segments.get(before)), &self.segments[at]);
        let among = before.map_or_else(String::new, |before| format!(" among the {before}"));
        Err(Failure::usage(format!("{step:?} can name nothing{among}: a URL leaves it out"))
            .with_remedy("give another"))
    }

    /// The URL at a server.
    pub fn at(&self, server: &Url) -> Url {
        let mut url = server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(&self.segments);
        }
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        url
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(nowhere) = Url::parse("http://localhost") else { return Err(fmt::Error) };
        let hidden = |(name, value): &(String, String)| {
            let shown = if is_secret(name) { "…" } else { value };
            (name.clone(), shown.to_owned())
        };
        let shown = Self { query: self.query.iter().map(hidden).collect(), segments: self.segments.clone() };
        let url = shown.at(&nowhere);
        f.write_str(url.path())?;
        url.query().map_or(Ok(()), |query| write!(f, "?{}", query.replace("%E2%80%A6", "…")))
    }
}

impl Client {
    /// `/v1/ota/partners/{partnerId}/{noun}`: firmware, and pushing it.
    ///
    /// # Errors
    /// If no partner is named.
    pub fn ota(&self, noun: &str) -> Result<Path, Failure> {
        Ok(Path::of(["v1", "ota", "partners", self.settings.partner()?, noun]))
    }

    /// `/v1/partners/{partnerId}`: the partner, its people, device types and devices.
    ///
    /// # Errors
    /// If no partner is named.
    pub fn partner(&self) -> Result<Path, Failure> {
        Ok(Path::of(["v1", "partners", self.settings.partner()?]))
    }

    /// `/v1/accounts/{accountId}/devices`
    ///
    /// # Errors
    /// If no account is named.
    pub fn devices_of_account(&self) -> Result<Path, Failure> {
        Ok(Path::of(["v1", "accounts", self.settings.account()?, "devices"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_path_is_no_step() {
        let path = Path::of(["v1", "names"]).to("a/b c").with("tags", "qa,ü").with_some("sort", None::<&str>);
        assert_eq!(path.to_string(), "/v1/names/a%2Fb%20c?tags=qa%2C%C3%BC");
        assert_eq!(Path::parse(&path.to_string()), Some(path.clone()));
        let below: Url = "https://example.com/ota/".parse().unwrap();
        assert!(path.checked().is_ok());
        for left_out in ["", ".", ".."] {
            assert!(path.clone().to(left_out).checked().is_err(), "{left_out:?}");
        }
        let secret = path.clone().with("token", "x");
        assert_eq!(secret.to_string(), format!("{path}&token=…"));
        assert!(secret.at(&below).as_str().ends_with("&token=x"));
        assert_eq!(path.at(&below).as_str(), "https://example.com/ota/v1/names/a%2Fb%20c?tags=qa%2C%C3%BC");
    }
}
