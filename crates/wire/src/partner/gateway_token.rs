use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new gateway token.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayTokenIn {
    /// What it is called, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// Until when it is valid, in milliseconds since the Unix epoch; left out: until it is deleted.
    pub expires_timestamp: Option<i64>,
    /// Whether devices that nobody knew are registered when the gateway speaks for them. Needs the other two.
    pub may_register: Option<bool>,
    /// Of which device type such devices are.
    pub device_type_id: Option<String>,
    /// Into which account such devices come.
    pub account_id: Option<String>,
}

/// A gateway token: one credential for many of a partner's devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayTokenOut {
    /// Its id, a UUID.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Until when it is valid, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_timestamp: Option<i64>,
    /// Whether devices that nobody knew are registered when the gateway speaks for them.
    pub may_register: bool,
    /// Of which device type such devices are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub device_type_id: Option<String>,
    /// Into which account such devices come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub account_id: Option<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// The token itself, 32 lower-case hex digits; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_shows_only_where_it_was_made() {
        let mut made = GatewayTokenOut {
            id: "g".into(),
            name: "site 7".into(),
            expires_timestamp: Some(9),
            may_register: true,
            device_type_id: Some("t".into()),
            account_id: Some("a".into()),
            created_timestamp: 1,
            token: Some("0f".into()),
        };
        let text = serde_json::to_string(&made).unwrap();
        insta::assert_snapshot!(text, @r#"{"id":"g","name":"site 7","expiresTimestamp":9,"mayRegister":true,"deviceTypeId":"t","accountId":"a","createdTimestamp":1,"token":"0f"}"#);
        assert_eq!(serde_json::from_str::<GatewayTokenOut>(&text).unwrap(), made);
        assert_eq!(serde_json::from_str::<GatewayTokenIn>(&text).unwrap().may_register, Some(true));
        made.token = None;
        assert!(!serde_json::to_string(&made).unwrap().contains("0f"));
    }
}
