use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::push::PushState;

/// What became of a push: the data of one server-sent event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushEventOut {
    /// When, in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The push.
    pub push_id: String,
    /// To which device.
    pub device_id: String,
    /// The device's type.
    pub device_type_id: String,
    /// Of which firmware type.
    pub r#type: i64,
    /// The version number that it delivers.
    pub version_number: String,
    /// The version that it delivers.
    pub version: String,
    /// The state from then on.
    pub state: PushState,
    /// How much of that state was done, in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 100)]
    pub progress: Option<i64>,
    /// What was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_reads_as_documented() {
        let event = PushEventOut {
            timestamp: 1,
            push_id: "p".into(),
            device_id: "d".into(),
            device_type_id: "t".into(),
            r#type: 5,
            version_number: "12".into(),
            version: "1.0".into(),
            state: PushState::Downloading,
            progress: Some(40),
            message: None,
        };
        let text = serde_json::to_string(&event).unwrap();
        insta::assert_snapshot!(text, @r#"{"timestamp":1,"pushId":"p","deviceId":"d","deviceTypeId":"t","type":5,"versionNumber":"12","version":"1.0","state":"downloading","progress":40}"#);
        assert_eq!(serde_json::from_str::<PushEventOut>(&text).unwrap(), event);
    }
}
