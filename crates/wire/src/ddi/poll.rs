use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a device is told each time it asks: when to ask again, and what there is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PollOut {
    /// How to go on.
    pub config: PollConfigOut,
    /// What there is to do; absent if there is nothing.
    #[serde(rename = "_links", default, skip_serializing_if = "PollLinks::is_empty")]
    #[schema(required = false)]
    pub links: PollLinks,
}

/// How a device is to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PollConfigOut {
    /// When to ask again.
    pub polling: PollingOut,
}

/// When a device is to ask again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PollingOut {
    /// How long to wait, as `HH:MM:SS`: exactly eight characters, under 24 hours.
    #[schema(pattern = "^[0-2][0-9]:[0-5][0-9]:[0-5][0-9]$")]
    pub sleep: String,
}

/// What there is to do. At most one of the first three is present.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PollLinks {
    /// An update to fetch.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub deployment_base: Option<Link>,
    /// An update to stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub cancel_action: Option<Link>,
    /// An update to agree to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub confirmation_base: Option<Link>,
    /// The update that was installed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub installed_base: Option<Link>,
    /// Where to put what the device says about itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub config_data: Option<Link>,
}

impl PollLinks {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A place to go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Link {
    /// An absolute URL.
    pub href: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(links: PollLinks) -> PollOut {
        PollOut { config: PollConfigOut { polling: PollingOut { sleep: "00:05:00".into() } }, links }
    }

    #[test]
    fn nothing_to_do_has_no_links_at_all() {
        let text = serde_json::to_string(&answer(PollLinks::default())).unwrap();
        assert_eq!(text, r#"{"config":{"polling":{"sleep":"00:05:00"}}}"#);
        assert_eq!(serde_json::from_str::<PollOut>(&text).unwrap(), answer(PollLinks::default()));
    }

    #[test]
    fn links_read_as_in_the_contract() {
        let link =
            |path: &str| Some(Link { href: format!("https://ota.example/DEFAULT/controller/v1/dev-7/{path}") });
        let out = answer(PollLinks {
            deployment_base: link("deploymentBase/31?c=-1204991377"),
            installed_base: link("installedBase/30"),
            config_data: link("configData"),
            ..PollLinks::default()
        });
        insta::assert_json_snapshot!(out, @r#"
        {
          "config": {
            "polling": {
              "sleep": "00:05:00"
            }
          },
          "_links": {
            "deploymentBase": {
              "href": "https://ota.example/DEFAULT/controller/v1/dev-7/deploymentBase/31?c=-1204991377"
            },
            "installedBase": {
              "href": "https://ota.example/DEFAULT/controller/v1/dev-7/installedBase/30"
            },
            "configData": {
              "href": "https://ota.example/DEFAULT/controller/v1/dev-7/configData"
            }
          }
        }
        "#);
    }

    #[test]
    fn the_rarer_links_have_their_names() {
        let link = || Some(Link { href: "h".into() });
        let links = PollLinks { cancel_action: link(), confirmation_base: link(), ..PollLinks::default() };
        let text = serde_json::to_string(&links).unwrap();
        assert_eq!(text, r#"{"cancelAction":{"href":"h"},"confirmationBase":{"href":"h"}}"#);
    }
}
