use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new partner, or what is to stand in an existing one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerIn {
    /// The company's name, 1–255 characters.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// A name for paths that devices use: 2–40 characters of `a-z 0-9 -`, unique.
    #[schema(min_length = 2, max_length = 40, pattern = "^[a-z0-9-]{2,40}$")]
    pub short_name: Option<String>,
    /// Whom others write to; by default the first owner's address.
    pub contact_email: Option<String>,
}

/// A partner: a company that makes devices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerOut {
    /// Its id, a UUID.
    pub partner_id: String,
    /// The company's name.
    pub name: String,
    /// Its name in paths that devices use.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub short_name: Option<String>,
    /// Whom others write to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub contact_email: Option<String>,
    /// The user name with which its programs ask for tokens.
    pub client_id: String,
    /// The password that goes with it; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub client_secret: Option<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
}

/// A new secret for the partner's client.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientSecretIn {
    /// How long the old secret stays valid beside the new one, in seconds: 0 to 2592000 (30 days). Left out or 0: it
    /// ends at once, and so does what the client holds.
    #[schema(minimum = 0, maximum = 2_592_000)]
    pub overlap_seconds: Option<i64>,
}

/// The new secret of the partner's client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientSecretOut {
    /// The client's id, which stays.
    pub client_id: String,
    /// The secret; only in this answer.
    pub client_secret: String,
    /// Until when the old secret is valid, in milliseconds since the Unix epoch.
    pub old_secret_expires_timestamp: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_shows_only_where_it_was_made() {
        let mut partner = PartnerOut {
            partner_id: "p".into(),
            name: "Maker".into(),
            short_name: Some("maker".into()),
            contact_email: Some("ops@maker.example".into()),
            client_id: "c".into(),
            client_secret: Some("s".into()),
            created_timestamp: 1,
        };
        let text = serde_json::to_string(&partner).unwrap();
        insta::assert_snapshot!(text, @r#"{"partnerId":"p","name":"Maker","shortName":"maker","contactEmail":"ops@maker.example","clientId":"c","clientSecret":"s","createdTimestamp":1}"#);
        assert_eq!(serde_json::from_str::<PartnerOut>(&text).unwrap(), partner);
        assert_eq!(serde_json::from_str::<PartnerIn>(&text).unwrap().short_name.as_deref(), Some("maker"));
        partner.client_secret = None;
        assert!(!serde_json::to_string(&partner).unwrap().contains("clientSecret"));
    }
}
