use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that a device sent and that could not be read as it was. What came again and again, with nothing but
/// numbers different, is one of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreadableOut {
    /// When it came last, in milliseconds since the Unix epoch; the rest is as it was then.
    pub timestamp: i64,
    /// When it came first, in milliseconds since the Unix epoch.
    pub first_timestamp: i64,
    /// How often it came.
    #[schema(minimum = 1)]
    pub count: i64,
    /// The request: its method, and its path below the device's base resource.
    pub request: String,
    /// What came of it.
    pub outcome: UnreadableOutcome,
    /// Why, in words for the maker of the device.
    pub reason: String,
    /// What the body was said to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub content_type: Option<String>,
    /// What was sent, or the beginning of it: bytes that are no text, and control characters, stand there as `\\xNN`.
    /// The device's credential is left out.
    pub body: String,
    /// How many bytes of a body came.
    pub length: i64,
    /// Whether more came than is shown.
    pub truncated: bool,
}

/// What came of something that could not be read as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnreadableOutcome {
    /// It could be guessed what was meant.
    Repaired,
    /// It was refused.
    Refused,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_in_camel_case() {
        let out = UnreadableOut {
            timestamp: 2,
            first_timestamp: 1,
            count: 3,
            request: "PUT /configData".into(),
            outcome: UnreadableOutcome::Refused,
            reason: "data is missing".into(),
            content_type: None,
            body: "{}".into(),
            length: 2,
            truncated: false,
        };
        let text = r#"{"timestamp":2,"firstTimestamp":1,"count":3,"request":"PUT /configData","outcome":"refused","reason":"data is missing","body":"{}","length":2,"truncated":false}"#;
        assert_eq!(serde_json::to_string(&out).unwrap(), text);
        assert_eq!(serde_json::from_str::<UnreadableOut>(text).unwrap(), out);
    }
}
