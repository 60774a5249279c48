use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new device type.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTypeIn {
    /// What people call this model, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// What it is, up to 500 characters; line feeds and tabs are allowed.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Its id, a UUID; made if missing.
    pub device_type_id: Option<String>,
}

/// What can be changed of a device type; what is left out is removed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTypeUpdateIn {
    /// What people call this model, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// What it is, up to 500 characters; line feeds and tabs are allowed.
    #[schema(max_length = 500)]
    pub description: Option<String>,
}

/// A model of device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceTypeOut {
    /// Its id, a UUID.
    pub device_type_id: String,
    /// What people call this model.
    pub name: String,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// The partner that makes it.
    pub partner_id: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub updated_timestamp: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_reads_as_in_the_contract() {
        let record = DeviceTypeOut {
            device_type_id: "t".into(),
            name: "Lamp".into(),
            description: Some("dimmable".into()),
            partner_id: "p".into(),
            created_timestamp: 1,
            updated_timestamp: 2,
        };
        let text = serde_json::to_string(&record).unwrap();
        insta::assert_snapshot!(text, @r#"{"deviceTypeId":"t","name":"Lamp","description":"dimmable","partnerId":"p","createdTimestamp":1,"updatedTimestamp":2}"#);
        assert_eq!(serde_json::from_str::<DeviceTypeOut>(&text).unwrap(), record);
        assert_eq!(serde_json::from_str::<DeviceTypeIn>(&text).unwrap().device_type_id.as_deref(), Some("t"));
        assert_eq!(serde_json::from_str::<DeviceTypeUpdateIn>(&text).unwrap().name.as_deref(), Some("Lamp"));
    }
}
