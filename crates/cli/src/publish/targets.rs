//! Whom a publication is for: device types that can have it, and devices that get it at once.

use otaria_wire::partner::{AssociationOut, DeviceOut, DeviceTypeOut};

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::nouns::device_types;

/// A device, and of which type it is.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: String,
    pub device_type: String,
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
            let device = client.api.find(&path).await?.ok_or_else(|| Failure::not_found("device", given))?;
            let device: DeviceOut = serde_json::from_value(device)?;
            found.devices.push(Device { id: device.device_id, device_type: device.device_type_id });
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
}
