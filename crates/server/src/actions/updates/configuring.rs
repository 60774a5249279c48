//! What a device says about itself.

use std::collections::BTreeMap;
use std::fmt;

use otaria_core::inference::{self, Claim, Told};
use otaria_core::maintenance::Zone;
use otaria_core::push::Installed;
use otaria_core::{FirmwareType, VersionNumber};
use otaria_store::scopes::{AuthenticatedDevice, DeviceScope};
use otaria_store::{Tx, candidates, devices, pushes};

use super::reporting::{Moment, learn};
use super::standing::{Client, TIME_ZONE};
use super::words::printable;
use crate::error::Error;
use crate::service::Service;

/// How many attributes of a device are remembered.
const ATTRIBUTES: usize = 100;
/// How much of an attribute's name, and of its value, is remembered, in characters.
const LENGTH: usize = 128;
/// Before a firmware type's number, this is the name of the attribute that tells which version runs.
const VERSION: &str = "otaria.version.";

/// So begin the names of what Otaria itself reads: it goes before everything else.
const OWN: &str = "otaria.";

/// What becomes of the attributes that are known already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Those that are not named are kept.
    Merge,
    /// Those that are not named are forgotten.
    Replace,
    /// Those that are named are forgotten.
    Remove,
}

/// The name of the attribute that tells which version of a firmware type a device runs.
pub(in crate::actions) fn version_attribute(firmware_type: FirmwareType) -> String {
    format!("{VERSION}{firmware_type}")
}

/// What a device says about itself, sorted out.
#[derive(Debug, Default, PartialEq, Eq)]
struct SortedOut {
    /// Which versions it runs.
    versions: BTreeMap<FirmwareType, String>,
    /// Everything else by name; without a value it is to be forgotten.
    attributes: BTreeMap<String, Option<String>>,
    /// What there was no room for.
    remarks: Remarks,
}

/// What is not remembered, or not understood, of what a device says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// How many attributes were left out.
    left_out: u64,
    /// How many names and values were cut.
    cut: u64,
    /// What Otaria would read and cannot.
    not_understood: Vec<String>,
}

impl Remarks {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Remarks {
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
        let all = self.not_understood.iter().cloned().chain(left_out).chain(cut);
        f.write_str(&all.collect::<Vec<_>>().join("; "))
    }
}

impl Service {
    /// Remembers what a device says about itself, and through which client it does. What is too much or too long is cut,
    /// and what is not understood only kept, never refused: a device would only say it again. Returns what there is to
    /// remark on it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn configure(
        &self,
        device: &AuthenticatedDevice,
        mode: Mode,
        data: BTreeMap<String, Option<String>>,
        client: Client,
    ) -> Result<Remarks, Error> {
        let (device, moment) = (device.scope.clone(), self.moment());
        let said = sorted_out(mode, data);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &device).await?;
                    if mode == Mode::Replace {
                        devices::clear_config(tx, &device).await?;
                    }
                    for (name, value) in &said.attributes {
                        devices::set_config(tx, &device, name, value.as_deref(), moment.now).await?;
                    }
                    let mut remarks = said.remarks;
                    let numbers = believed(tx, &device, said.versions, moment, &mut remarks).await?;
                    client.remember(tx, &device, moment.now).await?;
                    let most = i64::try_from(ATTRIBUTES).unwrap_or(i64::MAX);
                    let forgotten = devices::limit_config(tx, &device, OWN, most).await?;
                    learn_versions(tx, &device, numbers, moment).await?;
                    devices::config_said(tx, &device, moment.now).await?;
                    Ok(Remarks { left_out: remarks.left_out.saturating_add(forgotten), ..remarks })
                })
            })
            .await
    }
}

/// The version numbers that a locked device can run, of the versions that it says ([`inference::told`]). What is not
/// believed is kept as what the device says: a number that was never given out would keep every image from the device
/// for good.
async fn believed(
    tx: &mut Tx,
    device: &DeviceScope,
    versions: BTreeMap<FirmwareType, String>,
    moment: Moment,
    remarks: &mut Remarks,
) -> Result<BTreeMap<FirmwareType, VersionNumber>, Error> {
    let mut believed = BTreeMap::new();
    for (firmware_type, version) in versions {
        let name = version_attribute(firmware_type);
        let number = version.parse().ok();
        let given_out = match number {
            Some(number) if candidates::was_given_out(tx, device, firmware_type, number).await? => Some(number),
            _ => None,
        };
        let claim = Claim { version: Some(version.clone()), ..Claim::default() };
        let found = candidates::of_claim(tx, device, firmware_type, &claim).await?;
        let open = pushes::open(tx, device).await?;
        let awaited = open.iter().map(|record| &record.push).filter(|push| push.firmware_type == firmware_type);
        let known: Vec<_> = awaited.map(|push| push.version_number).chain(found.installed).collect();
        let reason = match inference::told(&version, given_out, &found.images, &known) {
            Told::Runs(number) => {
                devices::set_config(tx, device, &name, None, moment.now).await?;
                believed.insert(firmware_type, number);
                continue;
            }
            Told::Ambiguous => "could be several images that the device could have: let it say the version number",
            Told::Nothing if number.is_some() => "is a version number that was never given out",
            Told::Nothing => "is neither a version number nor the version of an image that the device could have",
        };
        devices::set_config(tx, device, &name, Some(&version), moment.now).await?;
        remarks.not_understood.push(format!("{name} {version:?} {reason}"));
    }
    Ok(believed)
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

fn sorted_out(mode: Mode, data: BTreeMap<String, Option<String>>) -> SortedOut {
    let mut said = SortedOut::default();
    let named = data.into_iter().map(|(name, value)| (printable(&name, usize::MAX), value));
    let (own, others): (Vec<_>, Vec<_>) = named.partition(|(name, _)| name.starts_with(OWN));
    for (name, value) in own.into_iter().chain(others) {
        let value = value.filter(|_| mode != Mode::Remove);
        match (version_of(&name), value.as_deref()) {
            (Some(firmware_type), Some(value)) => {
                said.versions.insert(firmware_type, printable(value.trim(), LENGTH));
            }
            (_, value) if !name.is_empty() => said.remember(&name, value),
            _ => {}
        }
    }
    if let Some(Some(zone)) = said.attributes.get(TIME_ZONE)
        && zone.parse::<Zone>().is_err()
    {
        said.remarks.not_understood.push(format!("{TIME_ZONE} {zone:?} is no time zone"));
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
            self.remarks.left_out += 1;
        } else {
            self.attributes.insert(name, value);
            self.remarks.cut += cut;
        }
    }
}

/// The firmware type of which an attribute tells what runs.
fn version_of(name: &str) -> Option<FirmwareType> {
    let firmware_type = name.strip_prefix(VERSION)?.parse().ok()?;
    (firmware_type != FirmwareType::DEVICE_DESCRIPTION).then_some(firmware_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(mode: Mode, data: &[(&str, Option<&str>)]) -> SortedOut {
        let owned = data.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
        sorted_out(mode, owned.collect())
    }

    #[test]
    fn versions_are_told_from_attributes() {
        let data =
            [("otaria.version.5", Some("7\n")), ("otaria.version.x", Some("7")), ("otaria.version.3", Some("v1"))];
        let said = said(Mode::Merge, &data);
        let versions = [(FirmwareType::HUB, "7".to_owned()), (FirmwareType::APPLICATION, "v1".to_owned())];
        assert_eq!(said.versions, BTreeMap::from(versions));
        assert_eq!(said.attributes.keys().collect::<Vec<_>>(), ["otaria.version.x"]);
    }

    #[test]
    fn a_type_has_one_version_however_it_is_spelt() {
        let data = (0..6200).map(|zeros| (format!("otaria.version.{}1", "0".repeat(zeros)), Some(zeros.to_string())));
        let said = sorted_out(Mode::Merge, data.collect());
        assert_eq!((said.versions.len(), said.attributes.len()), (1, 0));
    }

    #[test]
    fn what_otaria_reads_is_taken_first() {
        let mut data: BTreeMap<_, _> = (0..150).map(|number| (format!("a{number}"), Some(String::new()))).collect();
        data.insert("otaria.timeZone".into(), Some("UTC".into()));
        let said = sorted_out(Mode::Merge, data);
        assert!(said.attributes.contains_key("otaria.timeZone"));
        assert_eq!(said.remarks, Remarks { left_out: 51, ..Remarks::default() });
    }

    #[test]
    fn what_there_is_to_remark_is_said() {
        assert_eq!(
            Remarks { left_out: 1, cut: 2, not_understood: vec!["x is y".into()] }.to_string(),
            "x is y; 1 attribute was left out: 100 are kept; 2 names or values were cut to 128 characters"
        );
        assert_eq!(
            Remarks { left_out: 2, cut: 1, ..Remarks::default() }.to_string(),
            "2 attributes were left out: 100 are kept; 1 name or value was cut to 128 characters"
        );
    }

    #[test]
    fn removing_sets_nothing() {
        let said = said(Mode::Remove, &[("otaria.version.5", Some("7")), ("a", Some("b"))]);
        assert!(said.versions.is_empty());
        assert!(said.attributes.values().all(Option::is_none));
    }

    #[test]
    fn too_much_is_cut() {
        let data: BTreeMap<_, _> = (0..150).map(|number| (format!("{number:03}{}", "n".repeat(200)), None)).collect();
        let said = sorted_out(Mode::Merge, data);
        assert_eq!(said.attributes.len(), ATTRIBUTES);
        assert!(said.attributes.keys().all(|name| name.len() == LENGTH));
        assert_eq!(said.remarks, Remarks { left_out: 50, cut: 100, ..Remarks::default() });
    }
}
