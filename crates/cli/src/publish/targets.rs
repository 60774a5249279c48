//! Whom a publication is for: device types that can have it, and devices that get it at once.

use otaria_core::VersionNumber;
use otaria_core::eligibility::Refusal;
use otaria_wire::partner::{AssociationOut, DeviceOut, DeviceTypeOut, DeviceVersionOut, PoolImageOut};

use crate::client::api::Limit;
use crate::client::{Client, waiting};
use crate::failure::{Exit, Failure};
use crate::nouns::{device_types, devices};

/// How many pushes of a device are looked at, the newest first: of one firmware type few are open at once.
const RECENT: usize = 100;

/// A device, and of which type it is.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: String,
    pub device_type: String,
    /// What it runs, by firmware type.
    versions: Vec<DeviceVersionOut>,
}

/// Whom a publication is for.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The device types that are named.
    pub device_types: Vec<DeviceTypeOut>,
    /// The devices that it is pushed to.
    pub devices: Vec<Device>,
}

impl Targets {
    /// Looks all of them up, before anything is changed.
    ///
    /// # Errors
    /// If one is not there.
    pub async fn find(client: &Client, names: &[String], devices: &[String]) -> Result<Self, Failure> {
        let device_types = device_types::resolve_all(client, names).await?;
        let mut found = Self { device_types, devices: Vec::new() };
        for given in devices {
            let path = client.partner()?.to("devices").to(given);
            let Some(device) = client.api.find(&path).await? else {
                return Err(devices::not_found(client, given).await);
            };
            let device: DeviceOut = serde_json::from_value(device)?;
            found.devices.push(Device {
                id: device.device_id,
                device_type: device.device_type_id,
                versions: device.versions.unwrap_or_default(),
            });
        }
        Ok(found)
    }

    /// That each of the devices can have the image, once it is for the device types that are named as well.
    ///
    /// # Errors
    /// If it is not for the type of one.
    pub async fn require_all_included(&self, client: &Client, known: &[AssociationOut]) -> Result<(), Failure> {
        for device in &self.devices {
            let is_named = self.device_types.iter().any(|named| named.device_type_id == device.device_type);
            if is_named || known.iter().any(|known| known.device_type_id == device.device_type) {
                continue;
            }
            let device_type = client.api.get(&client.partner()?.to("deviceTypes").to(&device.device_type)).await?;
            let name = device_type["name"].as_str().unwrap_or(&device.device_type);
            let message = format!("{} is a {name:?}, and the image is not for those", device.id);
            let failure = Failure::of(Exit::Ineligible, "not_associated", message);
            return Err(failure.with_remedy(format!("add --device-type {name:?}")));
        }
        Ok(())
    }

    /// That none of the devices has a newer version of an image than one that is recorded already: there is no downgrade.
    /// A new record is newer than everything.
    ///
    /// # Errors
    /// If one runs a newer version, or one is on its way to it.
    pub async fn require_none_newer(&self, client: &Client, image: &PoolImageOut) -> Result<(), Failure> {
        let number: VersionNumber = image.version_number.parse()?;
        let mut refused = None;
        for device in &self.devices {
            let Some((code, refusal)) = device.newer_than(client, image, number).await? else { continue };
            let failure = Failure::of(Exit::Ineligible, code, refusal);
            let failure = failure.about(&format!("{} does not get {} {}", device.id, image.name, image.version));
            match &refused {
                None => refused = Some(failure),
                Some(_) => client.terminal.warn(failure.message()),
            }
        }
        refused.map_or(Ok(()), Err)
    }
}

impl Device {
    /// Why the server would not push the image to it, by the code that it would say that with.
    async fn newer_than(
        &self,
        client: &Client,
        image: &PoolImageOut,
        number: VersionNumber,
    ) -> Result<Option<(&'static str, Refusal)>, Failure> {
        let installed = self.versions.iter().find(|known| known.r#type == image.r#type);
        let installed: Option<VersionNumber> = installed.map(|known| known.version_number.parse()).transpose()?;
        if let Some(newer) = installed.filter(|installed| *installed > number) {
            return Ok(Some(("newer_installed", Refusal::RunsNewer(newer))));
        }
        let pushes = client.ota("pushes")?.with("deviceId", &self.id).with("type", image.r#type);
        let pushes = client.api.list(pushes, Limit::First(RECENT)).await?;
        let under_way = pushes.iter().filter(|push| !waiting::has_ended(push));
        let numbers = under_way.filter_map(|push| push["versionNumber"].as_str()?.parse::<VersionNumber>().ok());
        let newer = numbers.filter(|under_way| *under_way > number).max();
        Ok(newer.map(|newer| ("newer_under_way", Refusal::NewerUnderWay(newer))))
    }
}
