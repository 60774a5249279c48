use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::body::{DeviceBody, Members, Repairs, Unreadable, word};
use super::feedback::{details, line};
use super::{ActionHistoryOut, DeploymentPlanOut, Link};

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmationIn {
    /// Whether they agree.
    pub confirmation: ConfirmationWord,
    /// Their own words. A single text counts as one line, and what is no text as its JSON.
    pub details: Vec<String>,
}

/// Whether those at a device agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmationWord {
    /// They do.
    Confirmed,
    /// They do not.
    Denied,
}

const WORDS: [(&str, ConfirmationWord); 2] =
    [("confirmed", ConfirmationWord::Confirmed), ("denied", ConfirmationWord::Denied)];

/// Who agrees once for all. All of it may be left out, and so may the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AutoConfirmIn {
    /// Who.
    pub initiator: Option<String>,
    /// What they say.
    pub remark: Option<String>,
}

impl DeviceBody for ConfirmationIn {
    fn of(mut members: Members, _: &mut Repairs) -> Result<Self, Unreadable> {
        let confirmation = members.take("confirmation").ok_or_else(|| members.missing("confirmation"))?;
        let confirmation = word(&confirmation, &WORDS)
            .map_err(|came| Unreadable::new(format!("confirmation {came} is none of confirmed, denied")))?;
        Ok(Self { confirmation, details: members.take("details").map_or(Vec::new(), details) })
    }
}

impl DeviceBody for AutoConfirmIn {
    fn of_nothing() -> Option<Self> {
        Some(Self::default())
    }

    fn of(mut members: Members, _: &mut Repairs) -> Result<Self, Unreadable> {
        let mut said = |member| members.take(member).and_then(line);
        Ok(Self { initiator: said("initiator"), remark: said("remark") })
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
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
        let read = |body: &str| read::<ConfirmationIn>(body.as_bytes()).map(|reading| reading.value);
        let agreed = read(r#"{"confirmation":"confirmed","code":1,"details":["by\u0020hand"]}"#).unwrap();
        let expected = ConfirmationIn { confirmation: ConfirmationWord::Confirmed, details: vec!["by hand".into()] };
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
            let said = read::<AutoConfirmIn>(nothing.as_bytes()).unwrap().value;
            assert_eq!(said, AutoConfirmIn::default(), "{nothing:?}");
        }
        let anna = read::<AutoConfirmIn>(br#"{"initiator":"anna","remark":"kiosk"}"#).unwrap().value;
        assert_eq!((anna.initiator.as_deref(), anna.remark.as_deref()), (Some("anna"), Some("kiosk")));
        assert!(read::<AutoConfirmIn>(b"[").is_err());
    }
}
