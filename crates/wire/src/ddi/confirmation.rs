use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::feedback::{code, details};
use super::{ActionHistoryOut, DeploymentPlanOut, Link, repair};

/// Whether those at a device agreed once for all, and what waits for their answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmationBaseOut {
    /// Whether they agreed once for all.
    pub auto_confirm: AutoConfirmOut,
    /// What can be done about that, and what waits.
    #[serde(rename = "_links")]
    pub links: ConfirmationLinks,
}

/// Whether those at a device agreed once for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoConfirmOut {
    /// Whether they did.
    pub active: bool,
    /// Who said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub initiator: Option<String>,
    /// What they said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub remark: Option<String>,
    /// Since when, in milliseconds since the Unix epoch; 0 if they did not.
    pub activated_at: i64,
}

/// What can be done about agreeing once for all: exactly one of the first two; and what waits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmationLinks {
    /// Agree once for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub activate_auto_confirm: Option<Link>,
    /// Take that back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub deactivate_auto_confirm: Option<Link>,
    /// An update to agree to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confirmation_base: Option<Link>,
}

/// An update to agree to: the same as a deployment, under another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmationOut {
    /// The action's id.
    pub id: String,
    /// What would be done.
    pub confirmation: DeploymentPlanOut,
    /// What the device said about it so far; only if it asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub action_history: Option<ActionHistoryOut>,
}

/// What those at a device say to being asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
pub struct ConfirmationIn {
    /// Whether they agree.
    pub confirmation: ConfirmationWord,
    /// A number of the device's own choice; anything but an integer counts as absent.
    #[serde(default, deserialize_with = "code")]
    #[schema(value_type = Option<i64>)]
    pub code: Option<i64>,
    /// Their own words. A single text counts as one line, and what is no text as its JSON.
    #[serde(default, deserialize_with = "details")]
    #[schema(value_type = Option<Vec<String>>)]
    pub details: Vec<String>,
}

/// Whether those at a device agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConfirmationWord {
    /// They do.
    Confirmed,
    /// They do not.
    Denied,
}

/// Who agrees once for all. All of it may be left out, and so may the body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub struct AutoConfirmIn {
    /// Who.
    #[serde(default)]
    pub initiator: Option<String>,
    /// What they say.
    #[serde(default)]
    pub remark: Option<String>,
}

impl ConfirmationIn {
    /// Reads a body, and if it is no JSON, once more after [`repair`](super::repair()).
    ///
    /// # Errors
    /// What is wrong with the body: no JSON even so, no `confirmation`, or an unknown word.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        repair::parse(body)
    }
}

impl AutoConfirmIn {
    /// Reads a body, and if it is no JSON, once more after [`repair`](super::repair()). No body says nothing.
    ///
    /// # Errors
    /// What is wrong with the body: no JSON even so, or a member that is no text.
    pub fn parse(body: &[u8]) -> Result<Self, serde_json::Error> {
        if body.trim_ascii().is_empty() { Ok(Self::default()) } else { repair::parse(body) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inactive_auto_confirmation_reads_as_in_the_contract() {
        let link = |path: &str| Some(Link { href: format!("https://ota.example/{path}") });
        let out = ConfirmationBaseOut {
            auto_confirm: AutoConfirmOut { active: false, initiator: None, remark: None, activated_at: 0 },
            links: ConfirmationLinks {
                activate_auto_confirm: link("activateAutoConfirm"),
                confirmation_base: link("confirmationBase/31?c=77"),
                ..ConfirmationLinks::default()
            },
        };
        let text = serde_json::to_string(&out).unwrap();
        insta::assert_snapshot!(text, @r#"{"autoConfirm":{"active":false,"activatedAt":0},"_links":{"activateAutoConfirm":{"href":"https://ota.example/activateAutoConfirm"},"confirmationBase":{"href":"https://ota.example/confirmationBase/31?c=77"}}}"#);
        assert_eq!(serde_json::from_str::<ConfirmationBaseOut>(&text).unwrap(), out);
    }

    #[test]
    fn active_auto_confirmation_says_who_and_since_when() {
        let out = AutoConfirmOut {
            active: true,
            initiator: Some("anna".into()),
            remark: Some("kiosk".into()),
            activated_at: 1_790_000_000_000,
        };
        let text = serde_json::to_string(&out).unwrap();
        insta::assert_snapshot!(text, @r#"{"active":true,"initiator":"anna","remark":"kiosk","activatedAt":1790000000000}"#);
        assert_eq!(serde_json::from_str::<AutoConfirmOut>(&text).unwrap(), out);
    }

    #[test]
    fn answers_are_read_as_devices_write_them() {
        let read = |body: &str| ConfirmationIn::parse(body.as_bytes());
        let agreed = read(r#"{"confirmation":"confirmed","code":1,"details":["by\u0020hand"]}"#).unwrap();
        let expected = ConfirmationIn {
            confirmation: ConfirmationWord::Confirmed,
            code: Some(1),
            details: vec!["by hand".into()],
        };
        assert_eq!(agreed, expected);
        let denied = read("{\"confirmation\":\"denied\",\"details\":\"not\nnow\"}").unwrap();
        assert_eq!((denied.confirmation, denied.details), (ConfirmationWord::Denied, vec!["not\nnow".to_owned()]));
        for wrong in ["", "{}", r#"{"confirmation":"maybe"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn who_agrees_once_for_all_need_not_say_anything() {
        for nothing in ["", " ", "{}", r#"{"initiator":null,"else":1}"#] {
            assert_eq!(AutoConfirmIn::parse(nothing.as_bytes()).unwrap(), AutoConfirmIn::default(), "{nothing:?}");
        }
        let anna = AutoConfirmIn::parse(br#"{"initiator":"anna","remark":"kiosk"}"#).unwrap();
        assert_eq!((anna.initiator.as_deref(), anna.remark.as_deref()), (Some("anna"), Some("kiosk")));
        assert!(AutoConfirmIn::parse(b"[").is_err());
    }
}
