use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a partner's devices may prove who they are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceAuthenticationIn {
    /// Whether by the token that a device was given when it was associated; left out: yes.
    pub target_token: Option<bool>,
    /// Whether by a gateway token; left out: yes.
    pub gateway_token: Option<bool>,
    /// Whether by a certificate, shown to the server itself or to a proxy that it believes; left out: no. Needs
    /// `caBundle` or `proxyAuthorities`.
    pub certificate: Option<bool>,
    /// The certificates of the authorities whose certificates devices may show, in PEM, at most 32.
    #[schema(max_length = 131_072)]
    pub ca_bundle: Option<String>,
    /// The revocation lists of those authorities, in PEM, at most one of each. An authority without a list has revoked
    /// nothing; a list whose `nextUpdate` is over still says what it says.
    pub revocation_lists: Option<String>,
    /// The authorities that a proxy may name, where it is the proxy that verifies certificates. Compared without case.
    #[schema(max_items = 32)]
    pub proxy_authorities: Option<Vec<Option<String>>>,
    /// Whether a device that nobody knew is registered when it shows a good certificate. Needs the other two.
    pub may_register: Option<bool>,
    /// Of which device type such devices are.
    pub device_type_id: Option<String>,
    /// Into which account such devices come.
    pub account_id: Option<String>,
}

/// A certificate of an authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CaCertificateOut {
    /// Whose it is.
    pub subject: String,
    /// Its SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// From when on it is not trusted any more, in milliseconds since the Unix epoch.
    pub expires_timestamp: i64,
}

/// A revocation list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RevocationListOut {
    /// Whose it is.
    pub issuer: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub this_update_timestamp: i64,
    /// When the next one was to be made, in milliseconds since the Unix epoch.
    pub next_update_timestamp: i64,
    /// How many certificates it names.
    pub revoked: i64,
}

/// How a partner's devices may prove who they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceAuthenticationOut {
    /// Whether by the token that a device was given when it was associated.
    pub target_token: bool,
    /// Whether by a gateway token.
    pub gateway_token: bool,
    /// Whether by a certificate.
    pub certificate: bool,
    /// The certificates of the authorities, in PEM, as they were sent.
    pub ca_bundle: String,
    /// What is in `caBundle`, in its order.
    pub ca_certificates: Vec<CaCertificateOut>,
    /// The revocation lists, in PEM, as they were sent.
    pub revocation_lists: String,
    /// What is in `revocationLists`, in its order.
    pub revocations: Vec<RevocationListOut>,
    /// The authorities that a proxy may name.
    pub proxy_authorities: Vec<String>,
    /// Whether a device that nobody knew is registered when it shows a good certificate.
    pub may_register: bool,
    /// Of which device type such devices are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub device_type_id: Option<String>,
    /// Into which account such devices come.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub account_id: Option<String>,
    /// When this was last replaced, in milliseconds since the Unix epoch; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub updated_timestamp: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_can_be_sent_back() {
        let shown = DeviceAuthenticationOut {
            target_token: true,
            gateway_token: false,
            certificate: true,
            ca_bundle: "C".into(),
            ca_certificates: vec![CaCertificateOut {
                subject: "CN=a".into(),
                sha256: "0f".into(),
                expires_timestamp: 9,
            }],
            revocation_lists: String::new(),
            revocations: Vec::new(),
            proxy_authorities: vec!["p".into()],
            may_register: false,
            device_type_id: None,
            account_id: None,
            updated_timestamp: Some(1),
        };
        let text = serde_json::to_string(&shown).unwrap();
        insta::assert_snapshot!(text, @r#"{"targetToken":true,"gatewayToken":false,"certificate":true,"caBundle":"C","caCertificates":[{"subject":"CN=a","sha256":"0f","expiresTimestamp":9}],"revocationLists":"","revocations":[],"proxyAuthorities":["p"],"mayRegister":false,"updatedTimestamp":1}"#);
        assert_eq!(serde_json::from_str::<DeviceAuthenticationOut>(&text).unwrap(), shown);
        let sent: DeviceAuthenticationIn = serde_json::from_str(&text).unwrap();
        assert_eq!((sent.gateway_token, sent.ca_bundle.as_deref()), (Some(false), Some("C")));
    }
}
