use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::IntegerText;

/// A new image in the firmware pool.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolImageIn {
    /// What people call it, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// What it is or changes, up to 500 characters; line feeds and tabs are allowed.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// Its firmware type: one of the platform's or of this partner's, but not 4.
    #[schema(required = true, nullable = false)]
    pub r#type: Option<IntegerText>,
    /// The version for people, any scheme, 1–64 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 64)]
    pub version: Option<String>,
    /// Where the binary is, up to 2048 characters; may stay empty until the binary exists.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    /// Up to 32 tags of 1–35 characters, without commas.
    #[schema(value_type = Option<Vec<String>>, max_items = 32)]
    pub tags: Option<Vec<Option<String>>>,
    /// The device types to make the image available to at once, by the partner they belong to.
    #[schema(value_type = Option<BTreeMap<String, Vec<String>>>)]
    #[serde(default, deserialize_with = "each_partner_once")]
    pub associations: Option<BTreeMap<String, Option<Vec<String>>>>,
}

/// Lists of device type ids, by partner id.
type DeviceTypes = BTreeMap<String, Option<Vec<String>>>;

/// A map whose keys stand once: of two lists for one partner, neither may be lost silently.
fn each_partner_once<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DeviceTypes>, D::Error> {
    struct Map;

    impl<'de> Visitor<'de> for Map {
        type Value = DeviceTypes;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map from partner ids to lists of device type ids")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut map = BTreeMap::new();
            while let Some((partner, device_types)) = entries.next_entry::<String, _>()? {
                if map.insert(partner, device_types).is_some() {
                    return Err(A::Error::custom("a partner is named twice"));
                }
            }
            Ok(map)
        }
    }

    struct MapOrNull;

    impl<'de> Visitor<'de> for MapOrNull {
        type Value = Option<DeviceTypes>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            Map.expecting(f)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_map(Map).map(Some)
        }
    }

    deserializer.deserialize_option(MapOrNull)
}

/// What can be changed of a pool image; description and tags that are left out are removed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolImageUpdateIn {
    /// What people call it, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// What it is or changes, up to 500 characters; line feeds and tabs are allowed.
    #[schema(max_length = 500)]
    pub description: Option<String>,
    /// The version for people, any scheme, 1–64 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 64)]
    pub version: Option<String>,
    /// Where the binary is, up to 2048 characters; kept if left out; fixed once the image was pushed.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    /// Up to 32 tags of 1–35 characters, without commas.
    #[schema(value_type = Option<Vec<String>>, max_items = 32)]
    pub tags: Option<Vec<Option<String>>>,
}

/// A firmware image as it stands in its partner's pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolImageOut {
    /// The image's id, decimal digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is or changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// Its firmware type, 1–200.
    #[schema(minimum = 1, maximum = 200)]
    pub r#type: i64,
    /// The platform's own number for this version, decimal digits: rising within the type, never changed.
    pub version_number: String,
    /// The version for people.
    pub version: String,
    /// Where the binary is; empty while there is none.
    pub url: String,
    /// Its tags, maybe none.
    pub tags: Vec<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub updated_timestamp: i64,
    /// The partner whose pool it is in.
    pub partner_id: String,
    /// The device attribute that reports this type's version number; only in the answer that creates the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version_attribute_id: Option<i64>,
}

/// A request to make a pool image available to a device type, or to create an image of type 4.
///
/// A whole pool image, as any list answers it, is such a request. What is not taken may therefore be anything.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssociationIn {
    /// The image's name, 1–255 characters; must equal the pool image's.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// Taken for type 4 only, up to 500 characters.
    #[schema(value_type = Option<String>, max_length = 500)]
    pub description: Option<serde_json::Value>,
    /// The image's firmware type.
    #[schema(required = true, nullable = false)]
    pub r#type: Option<IntegerText>,
    /// The image's version number, as the platform generated it; for type 4 it is generated now.
    #[schema(required = true, nullable = false, value_type = IntegerText)]
    pub version_number: Option<serde_json::Value>,
    /// The image's version, 1–64 characters; must equal the pool image's.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 64)]
    pub version: Option<String>,
    /// The image's url, up to 2048 characters; must equal the pool image's.
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    /// Taken for type 4 only: up to 32 tags of 1–35 characters, without commas.
    #[schema(value_type = Option<Vec<String>>, max_items = 32)]
    pub tags: Option<serde_json::Value>,
    /// For type 4: the device description that the image holds.
    #[schema(value_type = Option<String>)]
    pub device_description_id: Option<serde_json::Value>,
    /// For type 4: the device profile that the image belongs to.
    #[schema(value_type = Option<String>)]
    pub device_profile_id: Option<serde_json::Value>,
}

/// A firmware image as a device type has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirmwareImageOut {
    /// The association's id, decimal digits: what a push takes.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it is or changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub description: Option<String>,
    /// Its firmware type, 1–200.
    #[schema(minimum = 1, maximum = 200)]
    pub r#type: i64,
    /// The platform's own number for this version, decimal digits: rising within the type, never changed.
    pub version_number: String,
    /// The version for people.
    pub version: String,
    /// Where the binary is; empty while there is none.
    pub url: String,
    /// Its tags, maybe none.
    pub tags: Vec<String>,
    /// When it was associated, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub updated_timestamp: i64,
    /// The partner that the image belongs to; not always the device type's.
    pub partner_id: String,
    /// The device type that may run it.
    pub device_type_id: String,
    /// For type 4: the device description that the image holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub device_description_id: Option<String>,
    /// For type 4: the device profile that the image belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub device_profile_id: Option<String>,
}

/// One device type that an image is available to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssociationOut {
    /// The name of the device type's partner.
    pub name: String,
    /// The device type's partner.
    pub partner_id: String,
    /// Whom to write to at that partner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub email: Option<String>,
    /// The device type.
    pub device_type_id: String,
    /// The device type's name.
    pub device_type_name: String,
    /// The association's id, decimal digits: what a push takes.
    pub firmware_image_id: String,
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    fn pool_image() -> PoolImageOut {
        PoolImageOut {
            id: "12".into(),
            name: "hub".into(),
            description: None,
            r#type: 5,
            version_number: "9007199254740993".into(),
            version: "2.4.0".into(),
            url: String::new(),
            tags: vec![],
            created_timestamp: 1,
            updated_timestamp: 2,
            partner_id: "p".into(),
            version_attribute_id: None,
        }
    }

    #[test]
    fn a_pool_image_shows_empty_tags_and_an_empty_url() {
        insta::assert_snapshot!(serde_json::to_string(&pool_image()).unwrap(), @r#"{"id":"12","name":"hub","type":5,"versionNumber":"9007199254740993","version":"2.4.0","url":"","tags":[],"createdTimestamp":1,"updatedTimestamp":2,"partnerId":"p"}"#);
        let created = PoolImageOut { version_attribute_id: Some(2005), ..pool_image() };
        let text = serde_json::to_string(&created).unwrap();
        assert!(text.ends_with(r#""versionAttributeId":2005}"#), "{text}");
        assert_eq!(serde_json::from_str::<PoolImageOut>(&text).unwrap(), created);
    }

    #[test]
    fn a_pool_image_is_a_request_to_associate_it() {
        let text = serde_json::to_string(&pool_image()).unwrap();
        let read: AssociationIn = serde_json::from_str(&text).unwrap();
        let expected = AssociationIn {
            name: Some("hub".into()),
            r#type: Some(IntegerText("5".into())),
            version_number: Some("9007199254740993".into()),
            version: Some("2.4.0".into()),
            url: Some(String::new()),
            tags: Some(serde_json::json!([])),
            ..AssociationIn::default()
        };
        assert_eq!(read, expected);
        let with_map = r#"{"versionNumber":12,"associations":"whatever","url2":{}}"#;
        let read: AssociationIn = serde_json::from_str(with_map).unwrap();
        assert_eq!(read.version_number, Some(12.into()));
    }

    #[test]
    fn an_image_of_type_4_carries_its_two_fields() {
        let mut image = FirmwareImageOut {
            id: "3".into(),
            name: "hub".into(),
            description: Some("d".into()),
            r#type: 4,
            version_number: "8".into(),
            version: "1".into(),
            url: "u".into(),
            tags: vec!["qa".into()],
            created_timestamp: 1,
            updated_timestamp: 2,
            partner_id: "p".into(),
            device_type_id: "t".into(),
            device_description_id: Some("dd".into()),
            device_profile_id: Some("dp".into()),
        };
        insta::assert_snapshot!(serde_json::to_string(&image).unwrap(), @r#"{"id":"3","name":"hub","description":"d","type":4,"versionNumber":"8","version":"1","url":"u","tags":["qa"],"createdTimestamp":1,"updatedTimestamp":2,"partnerId":"p","deviceTypeId":"t","deviceDescriptionId":"dd","deviceProfileId":"dp"}"#);
        (image.device_description_id, image.device_profile_id) = (None, None);
        assert!(serde_json::to_string(&image).unwrap().ends_with(r#""deviceTypeId":"t"}"#));
    }

    #[test]
    fn associations_map_partners_to_device_types() {
        let json = r#"{"tags":["qa",null],"associations":{"p1":["t1","t2"],"p2":null}}"#;
        let read: PoolImageIn = serde_json::from_str(json).unwrap();
        assert_eq!(read.tags, Some(vec![Some("qa".into()), None]));
        let map = read.associations.unwrap();
        assert_eq!(map["p1"], Some(vec!["t1".into(), "t2".into()]));
        assert_eq!(map["p2"], None);
        for json in [r#"{"tags":"qa"}"#, r#"{"name":5}"#, r#"{"associations":[]}"#, r#"{"url":{}}"#] {
            assert!(serde_json::from_str::<PoolImageIn>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn an_association_reads_as_in_the_reference() {
        let association = AssociationOut {
            name: "Maker".into(),
            partner_id: "p".into(),
            email: Some("ops@maker.example".into()),
            device_type_id: "t".into(),
            device_type_name: "Lamp".into(),
            firmware_image_id: "3".into(),
        };
        insta::assert_snapshot!(serde_json::to_string(&association).unwrap(), @r#"{"name":"Maker","partnerId":"p","email":"ops@maker.example","deviceTypeId":"t","deviceTypeName":"Lamp","firmwareImageId":"3"}"#);
    }

    #[test]
    fn the_schema_says_what_is_required_and_what_may_be_null() {
        let schema = serde_json::to_value(PoolImageIn::schema()).unwrap();
        assert_eq!(schema["required"], serde_json::json!(["name", "type", "version"]));
        assert_eq!(schema["properties"]["name"]["type"], "string");
        assert_eq!(schema["properties"]["description"]["type"], serde_json::json!(["string", "null"]));
        let schema = serde_json::to_value(PoolImageOut::schema()).unwrap();
        assert_eq!(schema["properties"]["description"]["type"], "string");
        let required = schema["required"].as_array().unwrap();
        assert!(required.contains(&"tags".into()) && !required.contains(&"description".into()));
    }
}
