use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::IntegerText;

/// A new firmware type of a partner.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirmwareTypeIn {
    /// What people call it, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// What it is for, up to 500 characters; line feeds and tabs are allowed.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// What such firmware is called to devices that speak DDI, 1–35 characters of `A-Z a-z 0-9 . _ -`; left out: `bApp`.
    #[schema(max_length = 35, pattern = "^[A-Za-z0-9._-]*$")]
    pub part: Option<String>,
    /// Its number, 101–200: free in this partner, and never changed later.
    #[schema(required = true, nullable = false)]
    pub r#type: Option<IntegerText>,
}

/// What can be changed of a firmware type; what is left out is removed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirmwareTypeUpdateIn {
    /// What people call it, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// What it is for, up to 500 characters; line feeds and tabs are allowed.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// What such firmware is called to devices that speak DDI, 1–35 characters of `A-Z a-z 0-9 . _ -`; left out: `bApp`.
    #[schema(max_length = 35, pattern = "^[A-Za-z0-9._-]*$")]
    pub part: Option<String>,
}

/// A category of firmware.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirmwareTypeOut {
    /// The record's id, decimal digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// What such firmware is called to devices that speak DDI, where that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub part: Option<String>,
    /// Its number: 1–100 belong to the platform, 101–200 to a partner.
    #[schema(minimum = 1, maximum = 200)]
    pub r#type: i64,
    /// The partner it is shown to.
    pub partner_id: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub updated_timestamp: i64,
    /// The device attribute that reports the installed version number: the type plus 2000.
    pub version_attribute_id: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_reads_as_in_the_reference() {
        let mut record = FirmwareTypeOut {
            id: "7".into(),
            name: "Motor table".into(),
            description: None,
            part: None,
            r#type: 101,
            partner_id: "p".into(),
            created_timestamp: 1,
            updated_timestamp: 2,
            version_attribute_id: 2101,
        };
        insta::assert_snapshot!(serde_json::to_string(&record).unwrap(), @r#"{"id":"7","name":"Motor table","type":101,"partnerId":"p","createdTimestamp":1,"updatedTimestamp":2,"versionAttributeId":2101}"#);
        record.description = Some("curves".into());
        record.part = Some("motor".into());
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<FirmwareTypeOut>(&text).unwrap(), record);
    }

    #[test]
    fn a_whole_record_can_be_sent_back() {
        let json =
            r#"{"id":"7","name":"n","description":null,"type":"101","partnerId":"p","createdTimestamp":1,"url2":[]}"#;
        let read: FirmwareTypeIn = serde_json::from_str(json).unwrap();
        let expected =
            FirmwareTypeIn { name: Some("n".into()), r#type: Some(IntegerText("101".into())), ..Default::default() };
        assert_eq!(read, expected);
        assert_eq!(serde_json::from_str::<FirmwareTypeIn>("{}").unwrap(), FirmwareTypeIn::default());
        assert_eq!(serde_json::from_str::<FirmwareTypeUpdateIn>(json).unwrap().name.as_deref(), Some("n"));
    }
}
