//! JSON bodies: read whatever their content type says, within bounds, and refused by the name of the field.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::errors::Refusal;
use crate::access::people::MadeBy;
use crate::error::Error;
use crate::protocols::bodies;
use crate::service::Service;

/// The largest JSON body, in bytes.
const LARGEST: usize = 1024 * 1024;
/// How deep objects and arrays may be nested.
const DEEPEST: usize = 32;

/// A JSON object as the request's body.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Service> for JsonBody<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Refusal> {
        let made_by = request.extensions().get::<MadeBy>().cloned().unwrap_or_default();
        let bytes = bodies::read(request.into_body(), LARGEST, service.settings.idle).await?;
        made_by.still_may().await?;
        Ok(Self(parse(&bytes)?))
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    if depth(bytes) > DEEPEST {
        return Err(Error::Malformed(format!("The JSON is nested deeper than {DEEPEST}: flatten it.")));
    }
    if !matches!(bytes.trim_ascii_start().first(), Some(b'{')) {
        return Err(Error::Malformed("The body must be a JSON object.".to_owned()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Error::Malformed("The body is not UTF-8.".to_owned()))?;
    let mut json = serde_json::Deserializer::from_str(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| unreadable(&error))?;
    json.end().map_err(|error| Error::Malformed(format!("The body is not one JSON object: {error}.")))?;
    Ok(value)
}

fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = named(error.path());
    // A number that no type can hold is well-formed all the same.
    let is_out_of_range = error.inner().to_string().starts_with("number out of range");
    if (error.inner().is_data() || is_out_of_range) && !path.is_empty() {
        Error::field(&path, format_args!("cannot be read: {}", wanted(error.inner())))
    } else if error.inner().is_data() {
        Error::Malformed(format!("The body cannot be read: {}.", wanted(error.inner())))
    } else {
        Error::Malformed(format!("The body is not JSON: {}.", error.inner()))
    }
}

/// The field that cannot be read, by the names that the document has. What stands deeper may be a client's own text.
fn named(path: &Path) -> String {
    let mut parts = path.iter();
    let first = match parts.next() {
        Some(Segment::Map { key }) => key.as_str(),
        _ => return String::new(),
    };
    let deeper = parts.map_while(|part| match part {
        Segment::Seq { index } => Some(format!("[{index}]")),
        _ => None,
    });
    std::iter::once(first.to_owned()).chain(deeper).collect()
}

/// What was wanted in place of what came. What came may be a secret in the wrong place, and is not quoted.
pub(super) fn wanted(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => text,
    }
}

/// How deep brackets nest outside strings; good enough to bound what a parser recurses into.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use otaria_wire::partner::{FirmwareTypeIn, ValueIn};

    use super::*;

    fn error<T: DeserializeOwned>(json: &str) -> String {
        parse::<T>(json.as_bytes()).err().unwrap().to_string()
    }

    #[test]
    fn a_wrong_type_names_its_field() {
        assert!(error::<FirmwareTypeIn>(r#"{"name": 5}"#).starts_with("name cannot be read"));
    }

    #[test]
    fn what_came_is_not_quoted() {
        let wrong = error::<FirmwareTypeIn>(r#"{"name": 12345}"#);
        assert!(wrong.contains("expected a string at line 1") && !wrong.contains("12345"), "{wrong}");
    }

    #[test]
    fn only_one_object_is_a_body() {
        for json in ["", "[]", "null", "{", "{} {}", r#"["x"]"#, "\"x\""] {
            assert!(parse::<ValueIn>(json.as_bytes()).is_err(), "{json}");
        }
        assert!(parse::<ValueIn>(br#" {"value": "x", "more": [1]}"#).is_ok());
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let nested = |depth: usize| format!(r#"{{"x": {}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(parse::<ValueIn>(nested(32).as_bytes()).is_ok());
        assert!(error::<ValueIn>(&nested(33)).contains("deeper than 32"));
        assert_eq!(depth(br#"{"a": "[[[\"[[["}"#), 1);
    }
}
