use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The first credentials of an installation, as `otaria bootstrap --json` prints them, once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BootstrapOut {
    /// The first partner, a UUID.
    pub partner_id: String,
    /// The user name with which the partner's programs ask for tokens.
    pub client_id: String,
    /// The password that goes with it.
    pub client_secret: String,
    /// The first account, a UUID.
    pub account_id: String,
    /// The first owner, a UUID; the installation's admin as well.
    pub user_id: String,
    /// What the owner signs in with: an e-mail address.
    pub username: String,
    /// The owner's password.
    pub password: String,
    /// Where clients and devices find the server.
    pub public_url: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bootstrap_prints_what_the_contract_shows() {
        let out = BootstrapOut {
            partner_id: "p".into(),
            client_id: "c".into(),
            client_secret: "s".into(),
            account_id: "a".into(),
            user_id: "u".into(),
            username: "anna@maker.example".into(),
            password: "w".into(),
            public_url: "http://127.0.0.1:8080".into(),
        };
        let text = serde_json::to_string(&out).unwrap();
        insta::assert_snapshot!(text, @r#"{"partnerId":"p","clientId":"c","clientSecret":"s","accountId":"a","userId":"u","username":"anna@maker.example","password":"w","publicUrl":"http://127.0.0.1:8080"}"#);
        assert_eq!(serde_json::from_str::<BootstrapOut>(&text).unwrap(), out);
    }
}
