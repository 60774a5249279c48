use std::collections::BTreeMap;

use serde_json::Value;

use super::body::{DeviceBody, Members, Repairs, Unreadable, word};

/// What a device says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigDataIn {
    /// What to do with what is known already; to merge, if missing.
    pub mode: Option<ConfigDataMode>,
    /// Attributes by name. What is no text counts as its JSON; null removes the attribute when merging.
    pub data: BTreeMap<String, Option<String>>,
}

/// What to do with attributes that are known already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigDataMode {
    /// Keep those that are not named.
    Merge,
    /// Forget those that are not named.
    Replace,
    /// Forget those that are named.
    Remove,
}

const MODES: [(&str, ConfigDataMode); 3] =
    [("merge", ConfigDataMode::Merge), ("replace", ConfigDataMode::Replace), ("remove", ConfigDataMode::Remove)];

impl DeviceBody for ConfigDataIn {
    /// An unknown mode is an error: whatever was done with the data could be the opposite of what was meant. So is no
    /// data: to replace everything with it would be to forget everything.
    fn of(mut members: Members, repairs: &mut Repairs) -> Result<Self, Unreadable> {
        let mode = members.take("mode").map(|mode| word(&mode, &MODES)).transpose();
        let mode = mode.map_err(|came| Unreadable::new(format!("mode {came} is none of merge, replace, remove")))?;
        let data = members.object("data")?;
        let path = members.name("data");
        if data.is_empty() {
            return Err(Unreadable::new(format!("{path} is empty")));
        }
        let attribute = |(name, value): (String, Value)| match value {
            Value::Null => (name, None),
            Value::String(text) => (name, Some(text)),
            Value::Bool(_) | Value::Number(_) => (name, Some(value.to_string())),
            Value::Array(_) | Value::Object(_) => {
                repairs.note(format!("a value in {path} has a structure: its JSON was taken for its text"));
                (name, Some(value.to_string()))
            }
        };
        Ok(Self { mode, data: data.into_pairs().map(attribute).collect() })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::read;
    use super::*;

    fn parse(body: &str) -> ConfigDataIn {
        read(body.as_bytes()).unwrap_or_else(|error| panic!("{error}: {body}")).value
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[rstest]
    #[case(r#""merge""#, Some(ConfigDataMode::Merge))]
    #[case(r#""Replace""#, Some(ConfigDataMode::Replace))]
    #[case(r#""remove""#, Some(ConfigDataMode::Remove))]
    #[case("null", None)]
    fn the_example_of_the_contract_is_read(#[case] word: &str, #[case] mode: Option<ConfigDataMode>) {
        let read = parse(&format!(r#"{{"mode": {word}, "data": {{"hwRevision": "3"}}}}"#));
        assert_eq!(read, ConfigDataIn { mode, data: BTreeMap::from([("hwRevision".into(), text("3"))]) });
    }

    #[test]
    fn swupdate_and_hawkbit_rs_add_a_status() {
        let body = r#"{"id":"","time":"20261122T184337","status":{"result":{"finished":"success"},"execution":"closed","details":[""]},"data":{"board":"1.0"}}"#;
        assert_eq!(parse(body), ConfigDataIn { mode: None, data: BTreeMap::from([("board".into(), text("1.0"))]) });
        assert_eq!(parse(r#"{"mode":"merge","data":{"VIN":"0a1b"}}"#).data["VIN"], text("0a1b"));
    }

    #[test]
    fn it_may_come_as_cbor() {
        let body = b"\xa1\x64data\xa2\x65board\x631.0\x64cpus\x04";
        let read = read::<ConfigDataIn>(body).unwrap();
        assert_eq!(read.value.data, BTreeMap::from([("board".into(), text("1.0")), ("cpus".into(), text("4"))]));
        assert!(read.repairs.is_empty());
    }

    #[test]
    fn scalars_count_as_their_text_and_null_as_nothing() {
        let data = parse(r#"{"data":{"a":1,"b":-2,"c":true,"d":null,"e":1.50,"f":""}}"#).data;
        let values: Vec<_> = data.values().map(Option::as_deref).collect();
        assert_eq!(values, [Some("1"), Some("-2"), Some("true"), None, Some("1.5"), Some("")]);
    }

    #[test]
    fn structures_count_as_their_json_and_that_is_told() {
        let read = read::<ConfigDataIn>(br#"{"data":{"a":{"b":[1]},"c":"d"}}"#).unwrap();
        assert_eq!(read.value.data["a"], text(r#"{"b":[1]}"#));
        assert!(read.repairs.to_string().contains("a value in data has a structure"), "{}", read.repairs);
    }

    #[test]
    fn raw_control_characters_are_read() {
        assert_eq!(parse("{\"data\":{\"note\":\"a\nb\"}}").data["note"], text("a\nb"));
    }

    #[rstest]
    #[case("{}", "data is missing")]
    #[case("[]", "must be a JSON object")]
    #[case(r#"{"data":null}"#, "data is missing")]
    #[case(r#"{"data":[]}"#, "data must be an object")]
    #[case(r#"{"data":{}}"#, "data is empty")]
    #[case(r#"{"mode":"replace","data":{}}"#, "data is empty")]
    #[case(r#"{"mode":"delete","data":{}}"#, r#"mode "delete" is none of"#)]
    #[case(r#"{"mode":1,"data":{}}"#, "mode 1 is none of")]
    fn anything_else_is_an_error(#[case] body: &str, #[case] why: &str) {
        let error = read::<ConfigDataIn>(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
