//! What the caller may do with the partner, as the server says it.

use serde_json::Value;

use super::Client;
use super::paths::Path;
use crate::failure::Failure;

/// What somebody may do, as far as it matters here.
pub enum Rights {
    /// Publish and push, and all that goes with it.
    Publish,
    /// Look alone.
    Look,
}

/// What the caller may do. A client is no person, and may do everything.
///
/// # Errors
/// If the server cannot be reached, or refuses.
pub async fn rights(client: &Client) -> Result<Rights, Failure> {
    let me = match client.api.get(&Path::of(["v1", "users", "me"])).await {
        Ok(me) => me,
        Err(failure) if failure.code() == "forbidden" => return Ok(Rights::Publish),
        Err(failure) => return Err(failure),
    };
    let access = me["partnerAccess"].as_array().into_iter().flatten();
    let chosen = client.settings.partner().unwrap_or_default();
    let is_chosen = |access: &&Value| {
        access["partner"]["partnerId"].as_str().is_some_and(|partner| partner.eq_ignore_ascii_case(chosen))
    };
    let mut privileges = access.filter(is_chosen).map(|access| &access["privileges"]);
    let may = |privileges: &Value| privileges["owner"] == true || privileges["manageDeviceProfiles"] == true;
    Ok(if privileges.any(may) { Rights::Publish } else { Rights::Look })
}
