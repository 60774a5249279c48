use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An update to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CancelOut {
    /// The action's id.
    pub id: String,
    /// What to stop.
    pub cancel_action: StopOut,
}

/// Which update to stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopOut {
    /// The action's id, once more.
    pub stop_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_is_said_twice() {
        let out = CancelOut { id: "31".into(), cancel_action: StopOut { stop_id: "31".into() } };
        let text = serde_json::to_string(&out).unwrap();
        assert_eq!(text, r#"{"id":"31","cancelAction":{"stopId":"31"}}"#);
        assert_eq!(serde_json::from_str::<CancelOut>(&text).unwrap(), out);
    }
}
