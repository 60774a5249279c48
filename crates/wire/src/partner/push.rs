use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One delivery of one image to one device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushOut {
    /// The push's id, a UUID.
    pub id: String,
    /// The device it goes to.
    pub device_id: String,
    /// The device's type.
    pub device_type_id: String,
    /// The association that was pushed, decimal digits.
    pub firmware_image_id: String,
    /// The image's firmware type, 1–200.
    #[schema(minimum = 1, maximum = 200)]
    pub r#type: i64,
    /// The image's version number, decimal digits.
    pub version_number: String,
    /// The image's version for people.
    pub version: String,
    /// How far it is.
    pub state: PushState,
    /// Whether those at the device agree to it, where they are asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confirmation: Option<PushConfirmation>,
    /// How much of the current state is done, in percent, 0–100, where the device says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0, maximum = 100)]
    pub progress: Option<i64>,
    /// What the device or the server last said about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// When it last changed, in milliseconds since the Unix epoch.
    pub updated_timestamp: i64,
    /// When the device took it up, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub started_timestamp: Option<i64>,
    /// When it ended, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub finished_timestamp: Option<i64>,
    /// Who asked for it.
    pub requested_by: String,
    /// What happened to it, newest first; only where a single push is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub history: Option<Vec<PushHistoryOut>>,
}

/// One thing that happened to a push.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushHistoryOut {
    /// When, in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// The state it was in from then on.
    pub state: PushState,
    /// What was said, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub message: Option<String>,
    /// The device's own lines, as it sent them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub details: Option<Vec<String>>,
    /// How often the device said so in a row; left out if it did once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub count: Option<i64>,
}

/// Whether those at a device agree to a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushConfirmation {
    /// They have not said so.
    Waiting,
    /// They do.
    Given,
    /// They do not, so far.
    Denied,
}

/// How far a push is. From `succeeded` on, all but `cancelling` are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PushState {
    /// It waits for the device to ask.
    Offered,
    /// The device was given the details.
    Fetched,
    /// The device is downloading.
    Downloading,
    /// The device has the whole binary.
    Downloaded,
    /// The device is writing it.
    Installing,
    /// It is written; the device has yet to restart, or to check itself.
    Installed,
    /// The device runs the image.
    Succeeded,
    /// The device could not install or run it.
    Failed,
    /// A state took too long, though the device kept asking.
    TimedOut,
    /// The device fell silent after it had been given the details.
    Lost,
    /// It was taken back in time.
    Cancelled,
    /// A newer push took its place before the device asked.
    Superseded,
    /// The device was asked to stop and has not answered yet.
    Cancelling,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_reads_as_in_the_contract() {
        let mut push = PushOut {
            id: "u".into(),
            device_id: "d".into(),
            device_type_id: "t".into(),
            firmware_image_id: "3".into(),
            r#type: 5,
            version_number: "8".into(),
            version: "2.4.0".into(),
            state: PushState::TimedOut,
            confirmation: None,
            progress: Some(40),
            message: Some("writing".into()),
            created_timestamp: 1,
            updated_timestamp: 2,
            started_timestamp: Some(3),
            finished_timestamp: Some(4),
            requested_by: "w".into(),
            history: None,
        };
        insta::assert_snapshot!(serde_json::to_string(&push).unwrap(), @r#"{"id":"u","deviceId":"d","deviceTypeId":"t","firmwareImageId":"3","type":5,"versionNumber":"8","version":"2.4.0","state":"timed_out","progress":40,"message":"writing","createdTimestamp":1,"updatedTimestamp":2,"startedTimestamp":3,"finishedTimestamp":4,"requestedBy":"w"}"#);
        let entry =
            PushHistoryOut { timestamp: 1, state: PushState::Offered, message: None, details: None, count: None };
        push.history = Some(vec![entry]);
        push.confirmation = Some(PushConfirmation::Given);
        let text = serde_json::to_string(&push).unwrap();
        assert!(text.ends_with(r#""history":[{"timestamp":1,"state":"offered"}]}"#), "{text}");
        assert_eq!(serde_json::from_str::<PushOut>(&text).unwrap(), push);
    }
}
