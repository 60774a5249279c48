//! Whom a publication is for: device types that can have it, and devices that get it at once.

use otaria_core::eligibility::Refusal;
use otaria_wire::partner::{AssociationOut, DeviceTypeOut, PoolImageOut};

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::nouns::device_types;
use crate::nouns::recipients::{Recipient, refused};

/// Whom a publication is for.
#[derive(Clone, Debug)]
pub struct Targets {
    /// The device types that are named.
    pub device_types: Vec<DeviceTypeOut>,
    /// The devices that it is pushed to.
    pub devices: Vec<Recipient>,
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
            found.devices.push(Recipient::find(client, given).await?);
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
        let mut first = None;
        for device in &self.devices {
            let refusal = match device.refusal(client, image).await? {
                // What it runs already is no failure.
                None | Some(Refusal::AlreadyRuns(_)) => continue,
                Some(refusal) => refusal,
            };
            let failure =
                refused(refusal).about(&format!("{} does not get {} {}", device.id, image.name, image.version));
            match &first {
                None => first = Some(failure),
                Some(_) => client.terminal.warn(failure.message()),
            }
        }
        first.map_or(Ok(()), Err)
    }
}
