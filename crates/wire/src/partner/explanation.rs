use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a device is, or is not, being offered something now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplanationOut {
    /// The device's id.
    pub device_id: String,
    /// When it was last heard of, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_poll_timestamp: Option<i64>,
    /// What concerns the device as a whole, at least one reason: whether it polls comes first.
    pub reasons: Vec<ReasonOut>,
    /// What concerns each firmware type of which something is associated, installed or pushed, by its number.
    pub types: Vec<TypeExplanationOut>,
}

/// Why a device is, or is not, being offered something of one firmware type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypeExplanationOut {
    /// The firmware type, 1–200.
    #[schema(minimum = 1, maximum = 200)]
    pub r#type: i64,
    /// The version number that the device runs, decimal digits, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub installed_version_number: Option<String>,
    /// The highest version number that is associated with the device's type, decimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub newest_version_number: Option<String>,
    /// The reasons, at least one.
    pub reasons: Vec<ReasonOut>,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReasonOut {
    /// For programs. Of a device: `credential_unused`, `not_polled_since`, `polling`, `nothing_associated`. Of a
    /// firmware type: `offered`, `under_way`, `download_ahead`, `waiting_for_window`, `time_zone_unknown`,
    /// `waiting_for_confirmation`, `confirmation_denied`, `waiting_for_another`, `waiting_for_version`, `cancelling`,
    /// `nothing_associated`, `up_to_date`, `runs_newer`, `not_pushed`; and of the last push: `cancelled`, `failed`,
    /// `timed_out`, `lost`.
    pub code: String,
    /// For people.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_is_in_codes_and_words() {
        let reason = |code: &str| ReasonOut { code: code.into(), message: "So it is.".into() };
        let out = ExplanationOut {
            device_id: "lamp-1".into(),
            last_poll_timestamp: None,
            reasons: vec![reason("credential_unused")],
            types: vec![TypeExplanationOut {
                r#type: 5,
                installed_version_number: None,
                newest_version_number: Some("8".into()),
                reasons: vec![reason("not_pushed")],
            }],
        };
        let text = serde_json::to_string(&out).unwrap();
        insta::assert_snapshot!(text, @r#"{"deviceId":"lamp-1","reasons":[{"code":"credential_unused","message":"So it is."}],"types":[{"type":5,"newestVersionNumber":"8","reasons":[{"code":"not_pushed","message":"So it is."}]}]}"#);
        assert_eq!(serde_json::from_str::<ExplanationOut>(&text).unwrap(), out);
    }
}
