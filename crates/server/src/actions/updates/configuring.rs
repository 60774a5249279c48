//! What a device says about itself.

use std::collections::BTreeMap;
use std::fmt;

use otaria_core::push::Installed;
use otaria_core::{FirmwareType, VersionNumber};
use otaria_store::scopes::{AuthenticatedDevice, DeviceScope};
use otaria_store::{Tx, devices, pushes};
use otaria_wire::ddi::{ConfigDataIn, ConfigDataMode};

use super::reporting::{Moment, learn};
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

/// So begin the names of what Otaria itself reads: it goes before everything else.
const OWN: &str = "otaria.";

/// What a device says about itself, sorted out.
#[derive(Debug, Default, PartialEq, Eq)]
struct SortedOut {
    /// Which version numbers it runs.
    versions: BTreeMap<FirmwareType, VersionNumber>,
    /// Everything else by name; without a value it is to be forgotten.
    attributes: BTreeMap<String, Option<String>>,
    /// What there was no room for.
    lost: Lost,
}

/// What is not remembered of what a device says about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// How many attributes were left out.
    left_out: u64,
    /// How many names and values were cut.
    cut: u64,
}

impl Lost {
    /// Whether everything is remembered.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left_out = match self.left_out {
            0 => None,
            1 => Some(format!("1 attribute was left out: {ATTRIBUTES} are kept")),
            more => Some(format!("{more} attributes were left out: {ATTRIBUTES} are kept")),
        };
        let cut = match self.cut {
            0 => None,
            1 => Some(format!("1 name or value was cut to {LENGTH} characters")),
            more => Some(format!("{more} names or values were cut to {LENGTH} characters")),
        };
        f.write_str(&left_out.into_iter().chain(cut).collect::<Vec<_>>().join("; "))
    }
}

impl Service {
    /// Remembers what a device says about itself, and through which client it does. What is too much or too long is cut,
    /// never refused: a device would only say it again. Returns what was.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn configure(
        &self,
        device: &AuthenticatedDevice,
        body: ConfigDataIn,
        client: Client,
    ) -> Result<Lost, Error> {
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
                    let most = i64::try_from(ATTRIBUTES).unwrap_or(i64::MAX);
                    let forgotten = devices::limit_config(tx, &device, OWN, most).await?;
                    learn_versions(tx, &device, said.versions, moment).await?;
                    devices::config_said(tx, &device, moment.now).await?;
                    Ok(Lost { left_out: said.lost.left_out.saturating_add(forgotten), ..said.lost })
                })
            })
            .await
    }
}

/// Remembers what a locked device runs. What is known already, and no push waits for, costs nothing.
async fn learn_versions(
    tx: &mut Tx,
    device: &DeviceScope,
    versions: BTreeMap<FirmwareType, VersionNumber>,
    moment: Moment,
) -> Result<(), Error> {
    if versions.is_empty() {
        return Ok(());
    }
    let known = devices::installed(tx, device).await?;
    let open = pushes::open(tx, device).await?;
    let is_awaited = |firmware_type| open.iter().any(|record| record.push.firmware_type == firmware_type);
    for (firmware_type, number) in versions {
        if known.get(&firmware_type) != Some(&number) || is_awaited(firmware_type) {
            learn(tx, device, firmware_type, Installed::Exactly(number), moment).await?;
        }
    }
    Ok(())
}

fn sorted_out(mode: ConfigDataMode, data: BTreeMap<String, Option<String>>) -> SortedOut {
    let mut said = SortedOut::default();
    let named = data.into_iter().map(|(name, value)| (printable(&name, usize::MAX), value));
    let (own, others): (Vec<_>, Vec<_>) = named.partition(|(name, _)| name.starts_with(OWN));
    for (name, value) in own.into_iter().chain(others) {
        let value = value.filter(|_| mode != ConfigDataMode::Remove);
        if let Some((firmware_type, number)) = value.as_deref().and_then(|value| version(&name, value)) {
            said.versions.insert(firmware_type, number);
        } else if !name.is_empty() {
            said.remember(&name, value.as_deref());
        }
    }
    said
}

impl SortedOut {
    /// Remembers an attribute, as far as there is room for it.
    fn remember(&mut self, name: &str, value: Option<&str>) {
        let mut cut = 0;
        let mut within = |text: &str| {
            let (whole, kept) = (printable(text, usize::MAX), printable(text, LENGTH));
            cut += u64::from(whole != kept);
            kept
        };
        let (name, value) = (within(name), value.map(&mut within));
        if self.attributes.contains_key(&name) || self.attributes.len() >= ATTRIBUTES {
            self.lost.left_out += 1;
        } else {
            self.attributes.insert(name, value);
            self.lost.cut += cut;
        }
    }
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
        assert_eq!(said.versions, BTreeMap::from([(FirmwareType::HUB, VersionNumber::from_i64(7))]));
        assert_eq!(said.attributes.len(), 2);
    }

    #[test]
    fn a_type_has_one_version_however_it_is_spelt() {
        let data = (0..6200).map(|zeros| (format!("otaria.version.{}1", "0".repeat(zeros)), Some(zeros.to_string())));
        let said = sorted_out(ConfigDataMode::Merge, data.collect());
        assert_eq!((said.versions.len(), said.attributes.len()), (1, 0));
    }

    #[test]
    fn what_otaria_reads_is_taken_first() {
        let mut data: BTreeMap<_, _> = (0..150).map(|number| (format!("a{number}"), Some(String::new()))).collect();
        data.insert("otaria.timeZone".into(), Some("UTC".into()));
        let said = sorted_out(ConfigDataMode::Merge, data);
        assert!(said.attributes.contains_key("otaria.timeZone"));
        assert_eq!(said.lost, Lost { left_out: 51, cut: 0 });
    }

    #[test]
    fn what_was_lost_is_said() {
        assert_eq!(
            Lost { left_out: 1, cut: 2 }.to_string(),
            "1 attribute was left out: 100 are kept; 2 names or values were cut to 128 characters"
        );
        assert_eq!(
            Lost { left_out: 2, cut: 1 }.to_string(),
            "2 attributes were left out: 100 are kept; 1 name or value was cut to 128 characters"
        );
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
        assert_eq!(said.lost, Lost { left_out: 50, cut: 100 });
    }
}
