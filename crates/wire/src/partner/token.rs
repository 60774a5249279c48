use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A token, as the token endpoint answers it (RFC 6749 §5.1). Its keys are in snake_case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenOut {
    /// What to send as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: String,
    /// How long the access token lives from now, in seconds.
    #[schema(minimum = 0)]
    pub expires_in: i64,
    /// What it is good for, words separated by spaces.
    pub scope: String,
    /// What the next token can be had for, once; absent where the client's own credentials do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refresh_token: Option<String>,
}

/// What the token endpoints can do (RFC 8414). Its keys are in snake_case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerMetadata {
    /// The server's public URL.
    pub issuer: String,
    /// Where tokens are had.
    pub token_endpoint: String,
    /// Where tokens are given back.
    pub revocation_endpoint: String,
    /// The grants that the token endpoint takes.
    pub grant_types_supported: Vec<String>,
    /// How a client proves itself to the token endpoint.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// How a client proves itself to the revocation endpoint.
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// The response types of an authorization endpoint: none, because there is none.
    pub response_types_supported: Vec<String>,
    /// The scopes that a token can have.
    pub scopes_supported: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_as_in_the_standard() {
        let mut token = TokenOut {
            access_token: "t".into(),
            token_type: "bearer".into(),
            expires_in: 14_400,
            scope: "partner account".into(),
            refresh_token: Some("r".into()),
        };
        let text = serde_json::to_string(&token).unwrap();
        insta::assert_snapshot!(text, @r#"{"access_token":"t","token_type":"bearer","expires_in":14400,"scope":"partner account","refresh_token":"r"}"#);
        assert_eq!(serde_json::from_str::<TokenOut>(&text).unwrap(), token);
        token.refresh_token = None;
        assert!(!serde_json::to_string(&token).unwrap().contains("refresh_token"));
    }

    #[test]
    fn metadata_reads_as_in_the_standard() {
        let metadata = ServerMetadata {
            issuer: "https://ota.example".into(),
            token_endpoint: "https://ota.example/oauth/token".into(),
            revocation_endpoint: "https://ota.example/oauth/revoke".into(),
            grant_types_supported: vec!["password".into()],
            token_endpoint_auth_methods_supported: vec!["client_secret_basic".into()],
            revocation_endpoint_auth_methods_supported: vec!["client_secret_basic".into()],
            response_types_supported: vec![],
            scopes_supported: vec!["partner".into(), "account".into()],
        };
        insta::assert_snapshot!(serde_json::to_string(&metadata).unwrap(), @r#"{"issuer":"https://ota.example","token_endpoint":"https://ota.example/oauth/token","revocation_endpoint":"https://ota.example/oauth/revoke","grant_types_supported":["password"],"token_endpoint_auth_methods_supported":["client_secret_basic"],"revocation_endpoint_auth_methods_supported":["client_secret_basic"],"response_types_supported":[],"scopes_supported":["partner","account"]}"#);
    }
}
