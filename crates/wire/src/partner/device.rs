use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PushHistoryOut, PushOut};

/// A new device of an account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceIn {
    /// What model it is.
    #[schema(required = true, nullable = false)]
    pub device_type_id: Option<String>,
    /// Its id: 1–128 characters of `A-Z a-z 0-9 . _ : -`, other than `.` and `..`; made if missing or empty.
    #[schema(max_length = 128, pattern = "^[A-Za-z0-9._:-]{0,128}$")]
    pub device_id: Option<String>,
    /// What its owner calls it, up to 255 characters.
    #[schema(max_length = 255)]
    pub friendly_name: Option<String>,
    /// Up to 32 tags of 1–35 characters, without commas.
    #[schema(value_type = Option<Vec<String>>, max_items = 32)]
    pub tags: Option<Vec<Option<String>>>,
}

/// A device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceOut {
    /// Its id, unique within its partner and within its account.
    pub device_id: String,
    /// The profile it follows, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub profile_id: Option<String>,
    /// What model it is.
    pub device_type_id: String,
    /// The partner that makes it.
    pub partner_id: String,
    /// What its owner calls it.
    pub friendly_name: String,
    /// Whether it exists as software only.
    pub r#virtual: bool,
    /// Whether it is a developer's.
    pub developer_device: bool,
    /// Whether a push is on its way to it.
    pub updating: bool,
    /// How loudly its silence is announced.
    pub disconnect_notification_level: NotificationLevel,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// How it is doing; with the expansion `state`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub device_state: Option<DeviceStateOut>,
    /// Its tags; with the expansion `tags`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub device_tags: Option<Vec<DeviceTagOut>>,
    /// Its numbered attributes; with the expansion `attributes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub attributes: Option<Vec<AttributeOut>>,
    /// What it runs, by firmware type; in the partner's view of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub versions: Option<Vec<DeviceVersionOut>>,
    /// What it says about itself, by name; in the partner's view of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub config_data: Option<BTreeMap<String, String>>,
    /// When it was last heard of, in milliseconds since the Unix epoch; in the partner's view of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_poll_timestamp: Option<i64>,
    /// From which address it was last heard of; in the partner's view of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_address: Option<String>,
    /// That those at the device agreed once for all to its updates; in the partner's view of a single device.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub auto_confirm: Option<AutoConfirmedOut>,
    /// Its pushes that have not ended, oldest first; in the partner's view of a single device.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub waiting: Option<Vec<PushOut>>,
    /// What was last said about its pushes, newest first, at most 20; in the partner's view of a single device.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub said: Option<Vec<SaidOut>>,
    /// Its credential, 32 lower-case hex digits; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub device_token: Option<String>,
}

/// That those at a device agreed once for all to its updates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoConfirmedOut {
    /// Since when, in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub initiator: Option<String>,
    /// What they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<String>,
}

/// What was said about one of a device's pushes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaidOut {
    /// The push's id.
    pub push_id: String,
    /// What was said, and when.
    #[serde(flatten)]
    pub entry: PushHistoryOut,
}

/// How loudly a device's silence is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum NotificationLevel {
    /// Hardly.
    Low,
    /// Normally.
    Medium,
    /// At once.
    High,
}

/// How a device is doing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceStateOut {
    /// Whether it can be reached now.
    pub available: bool,
    /// Whether it is within reach of what connects it.
    pub visible: bool,
    /// Whether it has changes that were not yet taken over.
    pub dirty: bool,
    /// Whether it restarted and was not yet asked about it.
    pub rebooted: bool,
    /// Whether it can connect.
    pub connectable: bool,
    /// Whether it is connected.
    pub connected: bool,
    /// Whether it has a secured link.
    pub linked: bool,
    /// The strength of its radio signal in dBm; 0 if there is no radio.
    pub rssi: i64,
    /// Where it is, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub location: Option<serde_json::Value>,
    /// When any of this last changed, in milliseconds since the Unix epoch.
    pub updated_timestamp: i64,
}

/// One tag of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTagOut {
    /// The tag's id.
    pub device_tag_id: String,
    /// What kind of tag it is.
    pub device_tag_type: String,
    /// Its text.
    pub value: String,
    /// The key under which translations of it are found.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub localization_key: Option<String>,
}

/// One numbered attribute of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttributeOut {
    /// Its number; a firmware type's version attribute is the type plus 2000.
    pub id: i64,
    /// Its value, little-endian hex.
    pub data: String,
    /// When the device last reported it, in milliseconds since the Unix epoch.
    pub updated_timestamp: i64,
}

/// Which version of one firmware type a device runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceVersionOut {
    /// The firmware type, 1–200.
    #[schema(minimum = 1, maximum = 200)]
    pub r#type: i64,
    /// The version number, decimal digits.
    pub version_number: String,
    /// The version for people, where the image is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version: Option<String>,
    /// When the device last reported it, in milliseconds since the Unix epoch.
    pub updated_timestamp: i64,
}

/// A new friendly name for a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FriendlyNameIn {
    /// What its owner calls it, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub friendly_name: Option<String>,
}

/// The friendly name that a device has now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FriendlyNameOut {
    /// What its owner calls it.
    pub friendly_name: String,
}

/// What an action does to a device's attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceActionKind {
    /// Sets it.
    AttributeWrite,
    /// Asks for it.
    AttributeRead,
}

/// Something for a device to do at once.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceActionIn {
    /// What to do.
    #[schema(required = true, nullable = false)]
    pub r#type: Option<DeviceActionKind>,
    /// The attribute's id.
    #[schema(required = true, nullable = false, minimum = 0, maximum = 65_535)]
    pub attr_id: Option<i64>,
    /// For `attribute_write`: the value, in little-endian hex.
    #[schema(pattern = "^([0-9A-Fa-f]{2})*$", max_length = 4096)]
    pub data: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device() -> DeviceOut {
        DeviceOut {
            device_id: "0123456789abcdef".into(),
            profile_id: None,
            device_type_id: "t".into(),
            partner_id: "p".into(),
            friendly_name: "Kitchen".into(),
            r#virtual: false,
            developer_device: false,
            updating: true,
            disconnect_notification_level: NotificationLevel::Medium,
            created_timestamp: 1,
            device_state: None,
            device_tags: None,
            attributes: None,
            versions: None,
            config_data: None,
            last_poll_timestamp: None,
            last_address: None,
            auto_confirm: None,
            waiting: None,
            said: None,
            device_token: None,
        }
    }

    #[test]
    fn without_expansions_a_device_is_short() {
        insta::assert_snapshot!(serde_json::to_string(&device()).unwrap(), @r#"{"deviceId":"0123456789abcdef","deviceTypeId":"t","partnerId":"p","friendlyName":"Kitchen","virtual":false,"developerDevice":false,"updating":true,"disconnectNotificationLevel":"MEDIUM","createdTimestamp":1}"#);
    }

    #[test]
    fn expansions_read_as_in_the_contract() {
        let device = DeviceOut {
            device_state: Some(DeviceStateOut {
                available: true,
                visible: true,
                dirty: false,
                rebooted: false,
                connectable: true,
                connected: true,
                linked: true,
                rssi: -61,
                location: None,
                updated_timestamp: 3,
            }),
            device_tags: Some(vec![DeviceTagOut {
                device_tag_id: "g".into(),
                device_tag_type: "ACCOUNT".into(),
                value: "qa".into(),
                localization_key: None,
            }]),
            attributes: Some(vec![AttributeOut { id: 2005, data: "0800000000000000".into(), updated_timestamp: 4 }]),
            versions: Some(vec![DeviceVersionOut {
                r#type: 5,
                version_number: "8".into(),
                version: Some("2.4.0".into()),
                updated_timestamp: 4,
            }]),
            config_data: Some(BTreeMap::from([("hw".into(), "3".into())])),
            device_token: Some("0123456789abcdef0123456789abcdef".into()),
            ..device()
        };
        insta::assert_json_snapshot!(device, @r#"
        {
          "deviceId": "0123456789abcdef",
          "deviceTypeId": "t",
          "partnerId": "p",
          "friendlyName": "Kitchen",
          "virtual": false,
          "developerDevice": false,
          "updating": true,
          "disconnectNotificationLevel": "MEDIUM",
          "createdTimestamp": 1,
          "deviceState": {
            "available": true,
            "visible": true,
            "dirty": false,
            "rebooted": false,
            "connectable": true,
            "connected": true,
            "linked": true,
            "rssi": -61,
            "updatedTimestamp": 3
          },
          "deviceTags": [
            {
              "deviceTagId": "g",
              "deviceTagType": "ACCOUNT",
              "value": "qa"
            }
          ],
          "attributes": [
            {
              "id": 2005,
              "data": "0800000000000000",
              "updatedTimestamp": 4
            }
          ],
          "versions": [
            {
              "type": 5,
              "versionNumber": "8",
              "version": "2.4.0",
              "updatedTimestamp": 4
            }
          ],
          "configData": {
            "hw": "3"
          },
          "deviceToken": "0123456789abcdef0123456789abcdef"
        }
        "#);
        let text = serde_json::to_string(&device).unwrap();
        assert_eq!(serde_json::from_str::<DeviceOut>(&text).unwrap(), device);
    }

    #[test]
    fn friendly_names_go_both_ways() {
        let answer = FriendlyNameOut { friendly_name: "Kitchen".into() };
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(text, r#"{"friendlyName":"Kitchen"}"#);
        assert_eq!(serde_json::from_str::<FriendlyNameIn>(&text).unwrap().friendly_name.as_deref(), Some("Kitchen"));
        assert_eq!(serde_json::from_str::<FriendlyNameIn>("{}").unwrap(), FriendlyNameIn::default());
    }
}
