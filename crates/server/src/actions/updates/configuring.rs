//! What a device says about itself.

use std::collections::BTreeMap;

use otaria_core::push::Installed;
use otaria_core::{FirmwareType, VersionNumber};
use otaria_store::devices;
use otaria_store::scopes::AuthenticatedDevice;
use otaria_wire::ddi::{ConfigDataIn, ConfigDataMode};

use super::reporting::learn;
use super::standing::Client;
use super::words::printable;
use crate::error::Error;
use crate::service::Service;

/// How many attributes of a device are remembered.
const ATTRIBUTES: usize = 100;
/// How much of an attribute's name, and of its value, is remembered, in characters.
const LENGTH: usize = 128;
/// Before a firmware type's number, this is the name of the attribute that tells which version number runs.
const VERSION: &str = "otaria.version.";

/// What a device says about itself, sorted out.
#[derive(Debug, Default, PartialEq, Eq)]
struct SortedOut {
    /// Which version numbers it runs.
    versions: Vec<(FirmwareType, VersionNumber)>,
    /// Everything else by name; without a value it is to be forgotten.
    attributes: BTreeMap<String, Option<String>>,
}

impl Service {
    /// Remembers what a device says about itself, and through which client it does. What is too much or too long is cut, never refused: a device
    /// would only say it again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn configure(
        &self,
        device: &AuthenticatedDevice,
        body: ConfigDataIn,
        client: Client,
    ) -> Result<(), Error> {
        let (device, moment) = (device.scope.clone(), self.moment());
        let mode = body.mode.unwrap_or_default();
        let said = sorted_out(mode, body.data);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &device).await?;
                    if mode == ConfigDataMode::Replace {
                        devices::clear_config(tx, &device).await?;
                    }
                    for (name, value) in &said.attributes {
                        devices::set_config(tx, &device, name, value.as_deref(), moment.now).await?;
                    }
                    client.remember(tx, &device, moment.now).await?;
                    devices::limit_config(tx, &device, i64::try_from(ATTRIBUTES).unwrap_or(i64::MAX)).await?;
                    for (firmware_type, number) in said.versions {
                        learn(tx, &device, firmware_type, Installed::Exactly(number), moment).await?;
                    }
                    devices::config_said(tx, &device, moment.now).await?;
                    Ok(())
                })
            })
            .await
    }
}

fn sorted_out(mode: ConfigDataMode, data: BTreeMap<String, Option<String>>) -> SortedOut {
    let mut said = SortedOut::default();
    for (name, value) in data {
        let name = printable(&name, LENGTH);
        let value = value.filter(|_| mode != ConfigDataMode::Remove);
        match value.as_deref().and_then(|value| version(&name, value)) {
            Some(version) => said.versions.push(version),
            None if name.is_empty() || said.attributes.len() >= ATTRIBUTES => {}
            None => drop(said.attributes.insert(name, value.map(|value| printable(&value, LENGTH)))),
        }
    }
    said
}

/// A version number that runs, if the attribute tells one; `1` and `01` are the same.
fn version(name: &str, value: &str) -> Option<(FirmwareType, VersionNumber)> {
    let firmware_type = name.strip_prefix(VERSION)?.parse().ok()?;
    Some((firmware_type, value.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(mode: ConfigDataMode, data: &[(&str, Option<&str>)]) -> SortedOut {
        let owned = data.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
        sorted_out(mode, owned.collect())
    }

    #[test]
    fn versions_are_told_from_attributes() {
        let data =
            [("otaria.version.5", Some("7")), ("otaria.version.x", Some("7")), ("otaria.version.3", Some("v1"))];
        let said = said(ConfigDataMode::Merge, &data);
        assert_eq!(said.versions, [(FirmwareType::HUB, VersionNumber::from_i64(7))]);
        assert_eq!(said.attributes.len(), 2);
    }

    #[test]
    fn removing_sets_nothing() {
        let said = said(ConfigDataMode::Remove, &[("otaria.version.5", Some("7")), ("a", Some("b"))]);
        assert!(said.versions.is_empty());
        assert!(said.attributes.values().all(Option::is_none));
    }

    #[test]
    fn too_much_is_cut() {
        let data: BTreeMap<_, _> = (0..150).map(|number| (format!("{number:03}{}", "n".repeat(200)), None)).collect();
        let said = sorted_out(ConfigDataMode::Merge, data);
        assert_eq!(said.attributes.len(), ATTRIBUTES);
        assert!(said.attributes.keys().all(|name| name.len() == LENGTH));
    }
}
