//! Devices that an image is to go to, and what can be known before it is pushed.

use otaria_core::VersionNumber;
use otaria_core::eligibility::Refusal;
use otaria_wire::partner::{DeviceOut, DeviceVersionOut, PoolImageOut};

use super::devices;
use crate::client::api::Limit;
use crate::client::{Client, waiting};
use crate::failure::{Exit, Failure};

/// How many pushes of a device are looked at, the newest first: of one firmware type few are open at once.
const RECENT: usize = 100;

/// A device, and of which type it is.
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Its id.
    pub id: String,
    /// The id of its type.
    pub device_type: String,
    /// What it runs, by firmware type.
    versions: Vec<DeviceVersionOut>,
}

impl Recipient {
    /// The device of this id.
    ///
    /// # Errors
    /// If there is none.
    pub async fn find(client: &Client, id: &str) -> Result<Self, Failure> {
        let device = client.api.find(&client.partner()?.to("devices").to(id)).await?;
        let Some(device) = device else { return Err(devices::not_found(client, id).await) };
        let device: DeviceOut = serde_json::from_value(device)?;
        let versions = device.versions.unwrap_or_default();
        Ok(Self { id: device.device_id, device_type: device.device_type_id, versions })
    }

    /// Why the server would not push an image to it, as far as that shows: what the device runs, and what is on its way.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses to say.
    pub async fn refusal(&self, client: &Client, image: &PoolImageOut) -> Result<Option<Refusal>, Failure> {
        let number: VersionNumber = image.version_number.parse()?;
        let installed = self.versions.iter().find(|known| known.r#type == image.r#type);
        let installed: Option<VersionNumber> = installed.map(|known| known.version_number.parse()).transpose()?;
        match installed {
            Some(same) if same == number => return Ok(Some(Refusal::AlreadyRuns(same))),
            Some(newer) if newer > number => return Ok(Some(Refusal::RunsNewer(newer))),
            Some(_) | None => {}
        }
        let pushes = client.ota("pushes")?.with("deviceId", &self.id).with("type", image.r#type);
        let pushes = client.api.list(pushes, Limit::First(RECENT)).await?;
        let under_way = pushes.iter().filter(|push| !waiting::has_ended(push));
        let numbers = under_way.filter_map(|push| push["versionNumber"].as_str()?.parse::<VersionNumber>().ok());
        Ok(numbers.filter(|under_way| *under_way > number).max().map(Refusal::NewerUnderWay))
    }
}

/// A refusal as the server would say it.
pub fn refused(refusal: Refusal) -> Failure {
    let code = match refusal {
        Refusal::NoBinary => "no_binary",
        Refusal::AlreadyRuns(_) => "already_installed",
        Refusal::RunsNewer(_) => "newer_installed",
        Refusal::NewerUnderWay(_) => "newer_under_way",
    };
    Failure::of(Exit::Ineligible, code, refusal)
}
