//! What a change needs of whoever makes it, as far as that can be known before.

use reqwest::Method;
use serde_json::Value;

use super::Api;
use super::change::Change;
use crate::client::paths::Path;
use crate::failure::{Exit, Failure};

impl Api {
    /// What a person may do with a partner, by the names of the API; none of a client, which is no person and may do
    /// everything.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn privileges(&self, partner: &str) -> Result<Option<Vec<String>>, Failure> {
        let me = match self.get(&Path::of(["v1", "users", "me"])).await {
            Ok(me) => me,
            Err(failure) if failure.code() == "forbidden" => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let is_meant = |access: &&Value| {
            access["partner"]["partnerId"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(partner))
        };
        let access = me["partnerAccess"].as_array().into_iter().flatten().filter(is_meant);
        let granted = access.filter_map(|access| access["privileges"].as_object()).flatten();
        let granted = granted.filter(|(_, granted)| **granted == Value::Bool(true));
        Ok(Some(granted.map(|(name, _)| name.clone()).collect()))
    }

    /// That the caller may make a change.
    ///
    /// # Errors
    /// If they may not, or the server cannot be reached.
    pub(super) async fn require_right(&self, change: &Change) -> Result<(), Failure> {
        let Some((partner, privilege)) = needed(change) else { return Ok(()) };
        let Some(granted) = self.privileges(partner).await? else { return Ok(()) };
        if granted.iter().any(|granted| granted == privilege || granted == "owner") {
            return Ok(());
        }
        let message = format!("you may not do this for the partner {partner}");
        Err(Failure::of(Exit::NotAllowed, "forbidden", message)
            .with_remedy(format!("an owner of the partner can give you {privilege}, with `otaria user edit`")))
    }
}

/// Of which partner a change needs which privilege, if it needs one.
fn needed(change: &Change) -> Option<(&str, &'static str)> {
    let steps: Vec<_> = change.path().steps().collect();
    match steps.as_slice() {
        ["v1", "ota", "partners", partner, ..] => Some((partner, "manageDeviceProfiles")),
        ["v1", "partners", partner, "deviceTypes" | "deviceAuthentication" | "gatewayTokens", ..] => {
            Some((partner, "manageDeviceProfiles"))
        }
        ["v1", "partners", partner, "users"] if change.method() == Method::POST => Some((partner, "inviteUsers")),
        ["v1", "partners", partner, ..] => Some((partner, "owner")),
        _ => None,
    }
}
