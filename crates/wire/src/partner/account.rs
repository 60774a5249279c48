use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new account.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountIn {
    /// Whose it is, 1–500 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 500)]
    pub description: Option<String>,
    /// The partner whose people make it.
    #[schema(required = true, nullable = false)]
    pub partner_id: Option<String>,
}

/// An end customer's account, which owns devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountOut {
    /// Its id, a UUID.
    pub account_id: String,
    /// Whose it is.
    pub description: String,
    /// What kind of account it is.
    pub r#type: AccountKind,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
}

/// What kind of account it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum AccountKind {
    /// An end customer's.
    #[default]
    Customer,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_reads_as_in_the_contract() {
        let account = AccountOut {
            account_id: "a".into(),
            description: "Anna".into(),
            r#type: AccountKind::Customer,
            created_timestamp: 1,
        };
        let text = serde_json::to_string(&account).unwrap();
        insta::assert_snapshot!(text, @r#"{"accountId":"a","description":"Anna","type":"CUSTOMER","createdTimestamp":1}"#);
        assert_eq!(serde_json::from_str::<AccountOut>(&text).unwrap(), account);
        assert_eq!(serde_json::from_str::<AccountIn>(&text).unwrap().description.as_deref(), Some("Anna"));
    }
}
