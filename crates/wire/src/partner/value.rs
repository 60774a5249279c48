use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One text: the URL of a binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StringValue {
    /// The text.
    pub value: String,
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UploadedOut {
    /// Its SHA-256.
    pub value: String,
    /// What may go wrong with it on devices; left out if there is nothing to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub warnings: Vec<String>,
}

/// The answer to a yes-or-no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BooleanValue {
    /// The answer.
    pub value: bool,
}

/// One text in a request: the SHA-256 to move, the id of the device to push to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ValueIn {
    /// The text.
    #[schema(required = true, nullable = false)]
    pub value: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_wrapped() {
        let text = StringValue { value: "https://ota.example/b".into() };
        assert_eq!(serde_json::to_string(&text).unwrap(), r#"{"value":"https://ota.example/b"}"#);
        let uploaded = UploadedOut { value: "ab".into(), warnings: Vec::new() };
        assert_eq!(serde_json::to_string(&uploaded).unwrap(), r#"{"value":"ab"}"#);
        let warned = UploadedOut { warnings: vec!["large".into()], ..uploaded };
        assert_eq!(serde_json::to_string(&warned).unwrap(), r#"{"value":"ab","warnings":["large"]}"#);
        assert_eq!(serde_json::to_string(&BooleanValue { value: true }).unwrap(), r#"{"value":true}"#);
    }

    #[test]
    fn a_missing_value_is_left_to_whoever_checks() {
        for json in ["{}", r#"{"value":null}"#, r#"{"other":1}"#] {
            assert_eq!(serde_json::from_str::<ValueIn>(json).unwrap().value, None);
        }
        assert!(serde_json::from_str::<ValueIn>(r#"{"value":5}"#).is_err());
    }
}
