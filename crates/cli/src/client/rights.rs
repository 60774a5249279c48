//! What the caller may do with the partner, as the server says it.

use super::Client;
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
    let granted = client.api.privileges(client.settings.partner().unwrap_or_default()).await?;
    let may = |granted: Vec<String>| granted.iter().any(|known| known == "owner" || known == "manageDeviceProfiles");
    Ok(if granted.is_none_or(may) { Rights::Publish } else { Rights::Look })
}
