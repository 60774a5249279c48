use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::repair;

/// What a device says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ConfigDataIn {
    /// What to do with what is known already; merge if missing.
    #[serde(default)]
    pub mode: Option<ConfigDataMode>,
    /// Attributes by name. Numbers and booleans count as their text; null removes the attribute when merging.
    #[serde(deserialize_with = "attributes")]
    pub data: BTreeMap<String, Option<String>>,
}

/// What to do with attributes that are known already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConfigDataMode {
    /// Keep those that are not named.
    #[default]
    Merge,
    /// Forget those that are not named.
    Replace,
    /// Forget those that are named.
    Remove,
}

impl ConfigDataIn {
    /// Reads a body, and if it is no JSON, once more after [`repair`](super::repair()).
    ///
    /// # Errors
    /// What is wrong with the body: no JSON even so, no `data`, a value with a structure, or an unknown mode.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        repair::parse(body)
    }
}

fn attributes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Option<String>>, D::Error> {
    let attributes = BTreeMap::<String, Option<AttributeText>>::deserialize(deserializer)?;
    Ok(attributes.into_iter().map(|(name, value)| (name, value.map(|AttributeText(text)| text))).collect())
}

struct AttributeText(String);

impl<'de> Deserialize<'de> for AttributeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar)
    }
}

struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = AttributeText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<AttributeText, E> {
        Ok(AttributeText(text.to_owned()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<AttributeText, E> {
        Ok(AttributeText(value.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<AttributeText, E> {
        Ok(AttributeText(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<AttributeText, E> {
        Ok(AttributeText(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<AttributeText, E> {
        Ok(AttributeText(format!("{number:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> ConfigDataIn {
        ConfigDataIn::parse(body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_example_of_the_contract_is_read() {
        for (word, mode) in [
            (r#""merge""#, Some(ConfigDataMode::Merge)),
            (r#""replace""#, Some(ConfigDataMode::Replace)),
            (r#""remove""#, Some(ConfigDataMode::Remove)),
            ("null", None),
        ] {
            let read = parse(&format!(r#"{{"mode": {word}, "data": {{"hwRevision": "3"}}}}"#));
            assert_eq!(read, ConfigDataIn { mode, data: BTreeMap::from([("hwRevision".into(), text("3"))]) });
        }
    }

    #[test]
    fn swupdate_and_hawkbit_rs_add_a_status() {
        let body = r#"{"id":"","time":"20261122T184337","status":{"result":{"finished":"success"},"execution":"closed","details":[""]},"data":{"board":"1.0"}}"#;
        assert_eq!(parse(body), ConfigDataIn { mode: None, data: BTreeMap::from([("board".into(), text("1.0"))]) });
        assert_eq!(parse(r#"{"mode":"merge","data":{"VIN":"0a1b"}}"#).data["VIN"], text("0a1b"));
    }

    #[test]
    fn scalars_count_as_their_text_and_null_as_nothing() {
        let data = parse(r#"{"data":{"a":1,"b":-2,"c":true,"d":null,"e":1.50,"f":""}}"#).data;
        let values: Vec<_> = data.values().map(Option::as_deref).collect();
        assert_eq!(values, [Some("1"), Some("-2"), Some("true"), None, Some("1.5"), Some("")]);
    }

    #[test]
    fn raw_control_characters_are_read() {
        assert_eq!(parse("{\"data\":{\"note\":\"a\nb\"}}").data["note"], text("a\nb"));
    }

    #[test]
    fn anything_else_is_an_error() {
        for body in [
            "{}",
            "[]",
            r#"{"data":null}"#,
            r#"{"data":[]}"#,
            r#"{"data":{"a":{}}}"#,
            r#"{"data":{"a":["b"]}}"#,
            r#"{"mode":"delete","data":{}}"#,
        ] {
            assert!(ConfigDataIn::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
