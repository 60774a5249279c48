use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Who did something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditActorOut {
    /// `user`, `client`, `gateway`, `device` (by its certificate), `unproven` (who they claim to be, and did not
    /// prove) or `command` (the server's own command line).
    pub kind: String,
    /// Which: a user's, a gateway token's, a client's or a device's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id: Option<String>,
    /// What they were called then.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub name: Option<String>,
}

/// What something was done to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditObjectOut {
    /// What kind of thing, such as `device` or `push`.
    pub kind: String,
    /// Which.
    pub id: String,
}

/// One entry of a partner's audit log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntryOut {
    /// Its number in the log, counted from 1 without a gap; a string of digits.
    pub id: String,
    /// When, in milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// What was done, such as `push.requested`.
    pub action: String,
    /// Who did it.
    pub actor: AuditActorOut,
    /// To what.
    pub object: AuditObjectOut,
    /// What was there before, where something was changed or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    pub before: Option<Value>,
    /// What is there since, where something was made or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Object)]
    pub after: Option<Value>,
    /// From which address.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub address: Option<String>,
    /// In which request: what `x-request-id` said there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub request_id: Option<String>,
    /// The entry's hash, in hex, which covers the entry and all before it.
    pub hash: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reads_as_documented() {
        let entry = AuditEntryOut {
            id: "7".into(),
            timestamp: 1,
            action: "device.renamed".into(),
            actor: AuditActorOut {
                kind: "user".into(),
                id: Some("u".into()),
                name: Some("ada@maker.example".into()),
            },
            object: AuditObjectOut { kind: "device".into(), id: "d".into() },
            before: Some(serde_json::json!({ "friendlyName": "a" })),
            after: None,
            address: None,
            request_id: Some("r".into()),
            hash: "00".into(),
        };
        let text = serde_json::to_string(&entry).unwrap();
        insta::assert_snapshot!(text, @r#"{"id":"7","timestamp":1,"action":"device.renamed","actor":{"kind":"user","id":"u","name":"ada@maker.example"},"object":{"kind":"device","id":"d"},"before":{"friendlyName":"a"},"requestId":"r","hash":"00"}"#);
        assert_eq!(serde_json::from_str::<AuditEntryOut>(&text).unwrap(), entry);
    }
}
