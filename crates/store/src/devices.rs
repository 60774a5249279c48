//! Devices: whose they are, their credentials, and what they said about themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use otaria_core::page::{Page, PageRequest};
use otaria_core::{AccountId, DeviceId, DeviceTypeId, FirmwareType, PartnerId, Timestamp, VersionNumber};

use crate::lists::{List, fetch_page, list};
use crate::scopes::{DeviceScope, InstallationScope, ManagePartner, ViewAccount, ViewPartner, WriteAccount};
use crate::sql::{execute, fetch_all, fetch_one, fetch_optional};
use crate::text::comparable;
use crate::{Conn, Error, SecretHash, Tx};

/// A device, with everything that its expansions show.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its id.
    pub device_id: DeviceId,
    /// Its partner.
    pub partner_id: PartnerId,
    /// Its device type.
    pub device_type_id: DeviceTypeId,
    /// The account that owns it.
    pub account_id: AccountId,
    /// What its owner calls it.
    pub friendly_name: String,
    /// Whether a push is on its way to it.
    pub updating: bool,
    /// When it was last heard of.
    pub last_seen: Option<Timestamp>,
    /// From which address it was last heard of, where that is known.
    pub last_address: Option<String>,
    /// When it was first associated.
    pub created: Timestamp,
    /// Its tags, in the order given.
    pub tags: Vec<DeviceTag>,
    /// What it runs, by firmware type.
    pub versions: Vec<InstalledVersion>,
}

/// A device's tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceTag {
    /// The tag's own id.
    pub tag_id: String,
    /// What it says.
    pub value: String,
}

/// What a device runs of one firmware type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledVersion {
    /// The firmware type.
    pub firmware_type: FirmwareType,
    /// The version number.
    pub version_number: VersionNumber,
    /// The friendly version of an image of that number, where the device's partner may see one.
    pub version: Option<String>,
    /// Since when this is known.
    pub updated: Timestamp,
}

/// A device to associate with an account.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Its id.
    pub device_id: DeviceId,
    /// Its device type.
    pub device_type_id: DeviceTypeId,
    /// What its owner calls it.
    pub friendly_name: String,
    /// Its tags.
    pub tags: Vec<DeviceTag>,
    /// When it is associated.
    pub created: Timestamp,
}

#[derive(sqlx::FromRow)]
struct DeviceRow {
    device_id: String,
    partner_id: String,
    device_type_id: String,
    account_id: String,
    friendly_name: String,
    updating: bool,
    last_seen_ms: Option<i64>,
    last_address: Option<String>,
    created_ms: i64,
    tags: Option<String>,
    versions: Option<String>,
}

// Lists inside a row are joined by U+001E, their parts by U+001F, which no stored text may contain.
macro_rules! select_device {
    ($rest:expr) => {
        concat!(
            "SELECT d.device_id, d.partner_id, d.device_type_id, d.account_id, d.friendly_name,
                    EXISTS (SELECT 1 FROM pushes p WHERE p.partner_id = d.partner_id
                            AND p.device_id = d.device_id AND p.finished_ms IS NULL) AS updating,
                    d.last_seen_ms, d.last_address, d.created_ms,
                    (SELECT STRING_AGG(t.tag_id || '\u{1f}' || t.value, '\u{1e}' ORDER BY t.position)
                     FROM device_tags t
                     WHERE t.partner_id = d.partner_id AND t.device_id = d.device_id) AS tags,
                    (SELECT STRING_AGG(CAST(v.type AS TEXT) || '\u{1f}' || CAST(v.version_number AS TEXT) || '\u{1f}'
                            || CAST(v.updated_ms AS TEXT) || '\u{1f}' || COALESCE(
                                (SELECT i.version FROM images i
                                 WHERE i.type = v.type AND i.version_number = v.version_number
                                   AND (i.partner_id = d.partner_id OR EXISTS
                                        (SELECT 1 FROM associations a WHERE a.partner_id = d.partner_id
                                         AND a.image_partner_id = i.partner_id AND a.image_id = i.id))), ''),
                            '\u{1e}' ORDER BY v.type)
                     FROM device_versions v
                     WHERE v.partner_id = d.partner_id AND v.device_id = d.device_id) AS versions
             FROM devices d ",
            $rest
        )
    };
}

impl TryFrom<DeviceRow> for Device {
    type Error = Error;

    fn try_from(row: DeviceRow) -> Result<Self, Error> {
        let tags = items(row.tags.as_deref()).map(|item| match item.split_once('\u{1f}') {
            Some((tag_id, value)) => DeviceTag { tag_id: tag_id.to_owned(), value: value.to_owned() },
            None => DeviceTag { tag_id: String::new(), value: item.to_owned() },
        });
        let versions = items(row.versions.as_deref()).map(|item| {
            let mut parts = item.split('\u{1f}');
            let mut next = || parts.next().unwrap_or_default();
            Ok::<_, Error>(InstalledVersion {
                firmware_type: next().parse()?,
                version_number: next().parse()?,
                updated: Timestamp::from_millis(next().parse().unwrap_or_default()),
                version: Some(next()).filter(|version| !version.is_empty()).map(str::to_owned),
            })
        });
        Ok(Self {
            device_id: row.device_id.parse()?,
            partner_id: row.partner_id.parse()?,
            device_type_id: row.device_type_id.parse()?,
            account_id: row.account_id.parse()?,
            friendly_name: row.friendly_name,
            updating: row.updating,
            last_seen: row.last_seen_ms.map(Timestamp::from_millis),
            last_address: row.last_address,
            created: Timestamp::from_millis(row.created_ms),
            tags: tags.collect(),
            versions: versions.collect::<Result<_, _>>()?,
        })
    }
}

fn items(joined: Option<&str>) -> impl Iterator<Item = &str> {
    joined.into_iter().flat_map(|joined| joined.split('\u{1e}'))
}

/// Associates a device with an account, under a new credential. A device that was disassociated comes back with
/// its history. False if the partner has an associated device of this id.
///
/// # Errors
/// [`Error::Duplicate`] if the account has a device of this id from another partner; [`Error::Dangling`] if the
/// partner has no such device type.
pub async fn insert(
    tx: &mut Tx,
    account: &WriteAccount,
    partner: &ManagePartner,
    device: &NewDevice,
    token: &SecretHash,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "INSERT INTO devices (partner_id, device_id, device_type_id, account_id, friendly_name, token_hash,
                              config_wanted, last_action, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, TRUE, 0, $7)
         ON CONFLICT (partner_id, device_id) DO UPDATE
         SET device_type_id = excluded.device_type_id, account_id = excluded.account_id,
             friendly_name = excluded.friendly_name, token_hash = excluded.token_hash, config_wanted = TRUE,
             created_ms = excluded.created_ms
         WHERE devices.account_id IS NULL",
        partner.partner_id().to_string(),
        device.device_id.as_str(),
        device.device_type_id.to_string(),
        account.account_id().to_string(),
        &device.friendly_name,
        token.as_slice(),
        device.created.as_millis(),
    )?;
    for (position, tag) in (0_i64..).zip(&device.tags) {
        if touched == 0 {
            break;
        }
        execute!(
            tx,
            "INSERT INTO device_tags (partner_id, device_id, position, tag_id, value) VALUES ($1, $2, $3, $4, $5)",
            partner.partner_id().to_string(),
            device.device_id.as_str(),
            position,
            &tag.tag_id,
            &tag.value,
        )?;
    }
    Ok(touched == 1)
}

/// Stores a device that nobody knew and that a gateway or a certificate speaks for. It has no token of its own. False if
/// the partner or the account has had one of this id: what was taken out is not put back by itself.
pub async fn register(
    tx: &mut Tx,
    account: &WriteAccount,
    partner: &ManagePartner,
    device: &NewDevice,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "INSERT INTO devices (partner_id, device_id, device_type_id, account_id, friendly_name, config_wanted,
                              last_action, created_ms)
         VALUES ($1, $2, $3, $4, $5, TRUE, 0, $6)
         ON CONFLICT DO NOTHING",
        partner.partner_id().to_string(),
        device.device_id.as_str(),
        device.device_type_id.to_string(),
        account.account_id().to_string(),
        &device.friendly_name,
        device.created.as_millis(),
    )?;
    Ok(touched == 1)
}

/// The devices of an account, oldest first.
pub async fn of_account(conn: &mut Conn, scope: &ViewAccount) -> Result<Vec<Device>, Error> {
    let rows: Vec<DeviceRow> = fetch_all!(
        conn,
        select_device!("WHERE d.account_id = $1 ORDER BY d.created_ms, d.device_id"),
        scope.account_id().to_string(),
    )?;
    rows.into_iter().map(Device::try_from).collect()
}

/// The account's device of this id.
pub async fn get_of_account(
    conn: &mut Conn,
    scope: &ViewAccount,
    device: &DeviceId,
) -> Result<Option<Device>, Error> {
    let row: Option<DeviceRow> = fetch_optional!(
        conn,
        select_device!("WHERE d.account_id = $1 AND d.device_id = $2"),
        scope.account_id().to_string(),
        device.as_str(),
    )?;
    row.map(Device::try_from).transpose()
}

/// What a list of devices can be sorted on.
pub const SORTABLE: &[&str] = &["deviceId", "friendlyName", "deviceTypeId", "createdTimestamp"];

/// Which of a partner's devices to list; what is empty does not filter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Of this device type.
    pub device_type_id: Option<DeviceTypeId>,
    /// With this tag.
    pub tag: String,
    /// With this text in the id or the friendly name, without case.
    pub text: String,
}

macro_rules! fleet_filter {
    () => {
        "WHERE d.partner_id = $1 AND d.account_id IS NOT NULL AND ($2 = '' OR d.device_type_id = $2)
           AND ($3 = '' OR EXISTS (SELECT 1 FROM device_tags g WHERE g.partner_id = d.partner_id
                AND g.device_id = d.device_id AND g.value = $3))
           AND ($4 = '' OR REPLACE(LOWER(d.device_id), $4, '') <> LOWER(d.device_id)
                OR REPLACE(LOWER(d.friendly_name), $4, '') <> LOWER(d.friendly_name))"
    };
}

list!(
    FLEET = List {
        select: select_device!(fleet_filter!()),
        count: concat!("SELECT COUNT(*) FROM devices d ", fleet_filter!()),
        arguments: 4,
        columns: &[
            ("deviceId", "d.device_id"),
            ("friendlyName", "d.friendly_name"),
            ("deviceTypeId", "d.device_type_id"),
            ("createdTimestamp", "d.created_ms"),
        ],
        tie: "d.device_id",
    }
);

/// A page of the partner's fleet.
pub async fn page(
    conn: &mut Conn,
    scope: &ViewPartner,
    filter: &Filter,
    request: &PageRequest,
) -> Result<Page<Device>, Error> {
    let partner = scope.partner_id().to_string();
    let device_type = filter.device_type_id.map(|id| id.to_string()).unwrap_or_default();
    let text = filter.text.to_ascii_lowercase();
    let (rows, total_elements) =
        fetch_page!(conn, FLEET, request, DeviceRow, &partner, &device_type, &filter.tag, &text)?;
    let content = rows.into_iter().map(Device::try_from).collect::<Result<_, _>>()?;
    Ok(Page { content, total_elements })
}

/// The partner's device of this id.
pub async fn get(conn: &mut Conn, scope: &ViewPartner, device: &DeviceId) -> Result<Option<Device>, Error> {
    let row: Option<DeviceRow> = fetch_optional!(
        conn,
        select_device!("WHERE d.partner_id = $1 AND d.device_id = $2 AND d.account_id IS NOT NULL"),
        scope.partner_id().to_string(),
        device.as_str(),
    )?;
    row.map(Device::try_from).transpose()
}

/// Changes what an account's device is called; false if it has none of this id.
pub async fn rename(
    tx: &mut Tx,
    scope: &WriteAccount,
    device: &DeviceId,
    friendly_name: &str,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "UPDATE devices SET friendly_name = $3 WHERE account_id = $1 AND device_id = $2",
        scope.account_id().to_string(),
        device.as_str(),
        friendly_name,
    )?;
    Ok(touched == 1)
}

/// Replaces a device's credential; false if the account has none of this id.
pub async fn replace_token(
    tx: &mut Tx,
    scope: &WriteAccount,
    device: &DeviceId,
    token: &SecretHash,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "UPDATE devices SET token_hash = $3 WHERE account_id = $1 AND device_id = $2",
        scope.account_id().to_string(),
        device.as_str(),
        token.as_slice(),
    )?;
    Ok(touched == 1)
}

/// Takes a device out of its account: no credential, no tags, not listed any more. What it said about itself, when it was
/// heard of, and what those at it agreed to goes as well: it may come back to somebody else. Its numbering, versions and
/// pushes stay. Returns its scope, for ending its pushes.
pub async fn disassociate(
    tx: &mut Tx,
    scope: &WriteAccount,
    device: &DeviceId,
) -> Result<Option<DeviceScope>, Error> {
    let row: Option<(String,)> = fetch_optional!(
        tx,
        "UPDATE devices SET account_id = NULL, token_hash = NULL, last_seen_ms = NULL, last_address = NULL,
                auto_confirm_ms = NULL, auto_confirm_initiator = NULL, auto_confirm_remark = NULL
         WHERE account_id = $1 AND device_id = $2
         RETURNING partner_id",
        scope.account_id().to_string(),
        device.as_str(),
    )?;
    let Some((partner,)) = row else { return Ok(None) };
    let scope = DeviceScope::new(partner.parse()?, device.clone());
    execute!(tx, "DELETE FROM device_tags WHERE partner_id = $1 AND device_id = $2", &partner, device.as_str())?;
    execute!(
        tx,
        "DELETE FROM device_unreadable WHERE partner_id = $1 AND device_id = $2",
        &partner,
        device.as_str()
    )?;
    clear_config(tx, &scope).await?;
    Ok(Some(scope))
}

/// Locks a device that can be pushed to, until the transaction ends; none if the partner has no such device of
/// this device type.
pub async fn lock_for_push(
    tx: &mut Tx,
    scope: &ManagePartner,
    device_type: DeviceTypeId,
    device: &DeviceId,
) -> Result<Option<DeviceScope>, Error> {
    let touched = execute!(
        tx,
        "UPDATE devices SET last_action = last_action
         WHERE partner_id = $1 AND device_type_id = $2 AND device_id = $3 AND account_id IS NOT NULL",
        scope.partner_id().to_string(),
        device_type.to_string(),
        device.as_str(),
    )?;
    let found = DeviceScope::new(scope.partner_id(), device.clone());
    Ok((touched == 1).then_some(found))
}

/// Locks the device until the transaction ends, so that what is decided from its pushes still holds when it is
/// written.
pub async fn lock(tx: &mut Tx, scope: &DeviceScope) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE devices SET last_action = last_action WHERE partner_id = $1 AND device_id = $2",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
    )?;
    Ok(())
}

/// The locked device's next number for a push: counted per device, never reused.
///
/// # Errors
/// [`Error::Unexpected`] if there is no such device, or it has used up its numbers.
pub(crate) async fn next_action(tx: &mut Tx, scope: &DeviceScope) -> Result<i32, Error> {
    let (action,): (i64,) = fetch_one!(
        tx,
        "UPDATE devices SET last_action = last_action + 1 WHERE partner_id = $1 AND device_id = $2
         RETURNING last_action",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
    )?;
    i32::try_from(action).map_err(|error| Error::Unexpected(Arc::new(error)))
}

/// What the device runs, by firmware type.
pub async fn installed(conn: &mut Conn, scope: &DeviceScope) -> Result<BTreeMap<FirmwareType, VersionNumber>, Error> {
    let rows: Vec<(i64, i64)> = fetch_all!(
        conn,
        "SELECT type, version_number FROM device_versions WHERE partner_id = $1 AND device_id = $2",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
    )?;
    let versions = rows
        .into_iter()
        .map(|(number, version)| Ok((FirmwareType::try_from(number)?, VersionNumber::from_i64(version))));
    versions.collect()
}

/// Sets what the device runs of a firmware type.
pub async fn set_installed(
    tx: &mut Tx,
    scope: &DeviceScope,
    firmware_type: FirmwareType,
    version_number: VersionNumber,
    now: Timestamp,
) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO device_versions (partner_id, device_id, type, version_number, updated_ms)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (partner_id, device_id, type) DO UPDATE
         SET version_number = excluded.version_number, updated_ms = excluded.updated_ms",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        i64::from(firmware_type.number()),
        version_number.as_i64(),
        now.as_millis(),
    )?;
    Ok(())
}

/// Notes that the device is to be asked what it is.
pub async fn want_config(tx: &mut Tx, scope: &DeviceScope) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE devices SET config_wanted = TRUE WHERE partner_id = $1 AND device_id = $2",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
    )?;
    Ok(())
}

/// Notes that the device has said what it is.
pub async fn config_said(tx: &mut Tx, scope: &DeviceScope, now: Timestamp) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE devices SET config_wanted = FALSE, config_said_ms = $3 WHERE partner_id = $1 AND device_id = $2",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        now.as_millis(),
    )?;
    Ok(())
}

/// One thing that the device says about itself.
pub async fn config_value(conn: &mut Conn, scope: &DeviceScope, name: &str) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = fetch_optional!(
        conn,
        "SELECT value FROM device_config WHERE partner_id = $1 AND device_id = $2 AND name = $3",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        name,
    )?;
    Ok(row.map(|(value,)| value))
}

/// That those at a device agreed once for all to every push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoConfirmed {
    /// Since when.
    pub since: Timestamp,
    /// Who said so, in the device's words.
    pub initiator: Option<String>,
    /// What they said, in the device's words.
    pub remark: Option<String>,
}

/// Whether those at the device agreed once for all; none if not.
pub async fn auto_confirmed(conn: &mut Conn, scope: &DeviceScope) -> Result<Option<AutoConfirmed>, Error> {
    let row: Option<(Option<i64>, Option<String>, Option<String>)> = fetch_optional!(
        conn,
        "SELECT auto_confirm_ms, auto_confirm_initiator, auto_confirm_remark
         FROM devices WHERE partner_id = $1 AND device_id = $2",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
    )?;
    Ok(row.and_then(|(since, initiator, remark)| {
        since.map(|since| AutoConfirmed { since: Timestamp::from_millis(since), initiator, remark })
    }))
}

/// Notes that those at the device agree once for all, or not any more.
pub async fn set_auto_confirmed(
    tx: &mut Tx,
    scope: &DeviceScope,
    agreed: Option<&AutoConfirmed>,
) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE devices SET auto_confirm_ms = $3, auto_confirm_initiator = $4, auto_confirm_remark = $5
         WHERE partner_id = $1 AND device_id = $2",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        agreed.map(|agreed| agreed.since.as_millis()),
        agreed.and_then(|agreed| agreed.initiator.clone()),
        agreed.and_then(|agreed| agreed.remark.clone()),
    )?;
    Ok(())
}

/// A version that a device could run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedVersion {
    /// The firmware type.
    pub firmware_type: FirmwareType,
    /// The version number.
    pub version_number: VersionNumber,
    /// Whether its image is associated with the device's own type.
    pub is_for_its_type: bool,
}

/// The versions that a device of the partner could run, by the name and the friendly version of their image: the
/// partner's own, and what is associated with its device types.
pub async fn versions_named(
    conn: &mut Conn,
    scope: &DeviceScope,
    name: &str,
    version: &str,
) -> Result<Vec<NamedVersion>, Error> {
    let rows: Vec<(i64, i64, bool)> = fetch_all!(
        conn,
        "SELECT i.type, i.version_number, EXISTS
                (SELECT 1 FROM associations t
                 JOIN devices d ON d.partner_id = t.partner_id AND d.device_type_id = t.device_type_id
                 WHERE d.partner_id = $1 AND d.device_id = $4
                 AND t.image_partner_id = i.partner_id AND t.image_id = i.id) AS is_for_its_type
         FROM images i
         WHERE i.name = $2 AND i.version = $3 AND i.type <> 4
           AND (i.partner_id = $1 OR EXISTS
                (SELECT 1 FROM associations a WHERE a.partner_id = $1
                 AND a.image_partner_id = i.partner_id AND a.image_id = i.id))
         ORDER BY i.type, i.version_number",
        scope.partner_id().to_string(),
        comparable(name),
        comparable(version),
        scope.device_id().as_str(),
    )?;
    let versions = rows.into_iter().map(|(number, version, is_for_its_type)| {
        Ok(NamedVersion {
            firmware_type: FirmwareType::try_from(number)?,
            version_number: VersionNumber::from_i64(version),
            is_for_its_type,
        })
    });
    versions.collect()
}

/// Sets one thing that the device says about itself; without a value it is forgotten.
pub async fn set_config(
    tx: &mut Tx,
    scope: &DeviceScope,
    name: &str,
    value: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(value) = value else {
        execute!(
            tx,
            "DELETE FROM device_config WHERE partner_id = $1 AND device_id = $2 AND name = $3",
            scope.partner_id().to_string(),
            scope.device_id().as_str(),
            name,
        )?;
        return Ok(());
    };
    execute!(
        tx,
        "INSERT INTO device_config (partner_id, device_id, name, value, updated_ms) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (partner_id, device_id, name) DO UPDATE
         SET value = excluded.value, updated_ms = excluded.updated_ms",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        name,
        value,
        now.as_millis(),
    )?;
    Ok(())
}

/// Keeps `keep` of the things that the device said about itself, and forgets the others: first those whose name begins
/// like `first`, then what it said most recently. Returns how many are forgotten.
pub async fn limit_config(tx: &mut Tx, scope: &DeviceScope, first: &str, keep: i64) -> Result<u64, Error> {
    execute!(
        tx,
        "DELETE FROM device_config WHERE partner_id = $1 AND device_id = $2 AND name NOT IN
               (SELECT c.name FROM device_config c WHERE c.partner_id = $1 AND c.device_id = $2
                ORDER BY CASE WHEN SUBSTR(c.name, 1, LENGTH($3)) = $3 THEN 0 ELSE 1 END, c.updated_ms DESC, c.name LIMIT $4)",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        first,
        keep,
    )
}

/// Forgets everything that the device said about itself.
pub async fn clear_config(tx: &mut Tx, scope: &DeviceScope) -> Result<(), Error> {
    execute!(
        tx,
        "DELETE FROM device_config WHERE partner_id = $1 AND device_id = $2",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
    )?;
    Ok(())
}

/// What the partner's device says about itself, by name.
pub async fn config(
    conn: &mut Conn,
    scope: &ViewPartner,
    device: &DeviceId,
) -> Result<BTreeMap<String, String>, Error> {
    let rows: Vec<(String, String)> = fetch_all!(
        conn,
        "SELECT name, value FROM device_config WHERE partner_id = $1 AND device_id = $2 ORDER BY name",
        scope.partner_id().to_string(),
        device.as_str(),
    )?;
    Ok(rows.into_iter().collect())
}

/// A sign of life of one device.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Which device.
    pub device: DeviceScope,
    /// When.
    pub at: Timestamp,
    /// From which address.
    pub address: Option<String>,
}

/// The scope of one of the account's devices.
pub async fn in_account(conn: &mut Conn, scope: &WriteAccount, id: &DeviceId) -> Result<Option<DeviceScope>, Error> {
    let row: Option<(String,)> = fetch_optional!(
        conn,
        "SELECT partner_id FROM devices WHERE account_id = $1 AND device_id = $2",
        scope.account_id().to_string(),
        id.as_str(),
    )?;
    row.map(|(partner,)| Ok(DeviceScope::new(partner.parse()?, id.clone()))).transpose()
}

/// The scope of one of the partner's associated devices.
pub async fn in_partner(conn: &mut Conn, scope: &ViewPartner, id: &DeviceId) -> Result<Option<DeviceScope>, Error> {
    let row: Option<(String,)> = fetch_optional!(
        conn,
        "SELECT partner_id FROM devices WHERE partner_id = $1 AND device_id = $2 AND account_id IS NOT NULL",
        scope.partner_id().to_string(),
        id.as_str(),
    )?;
    Ok(row.map(|_| DeviceScope::new(scope.partner_id(), id.clone())))
}

/// By how much two signs of life may come in the wrong order, in milliseconds. What is further ahead was noted by a clock
/// that went wrong.
const APART_MS: i64 = 60 * 60 * 1000;

/// Notes many signs of life at once.
pub async fn note_sightings(tx: &mut Tx, _: &InstallationScope, sightings: &[Sighting]) -> Result<(), Error> {
    for sighting in sightings {
        execute!(
            tx,
            "UPDATE devices SET last_seen_ms = $3, last_address = $4
             WHERE partner_id = $1 AND device_id = $2 AND account_id IS NOT NULL
               AND (COALESCE(last_seen_ms, 0) <= $3 OR last_seen_ms > $3 + $5)",
            sighting.device.partner_id().to_string(),
            sighting.device.device_id().as_str(),
            sighting.at.as_millis(),
            &sighting.address,
            APART_MS,
        )?;
    }
    Ok(())
}
