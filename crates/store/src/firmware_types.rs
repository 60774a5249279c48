//! A partner's own firmware types (101–200). The platform's are constants of the core.

use otaria_core::{FirmwareType, FirmwareTypeId, Timestamp};

use crate::scopes::{DeviceScope, ManagePartner, ViewPartner};
use crate::sequences;
use crate::sql::{execute, fetch_all, fetch_one, fetch_optional};
use crate::{Conn, Error, Tx};

/// The record of a firmware type.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct TypeRecord {
    /// The record's id.
    #[sqlx(try_from = "i64")]
    pub id: FirmwareTypeId,
    /// The type's number.
    #[sqlx(try_from = "i64", rename = "type")]
    pub firmware_type: FirmwareType,
    /// What can be changed of it.
    #[sqlx(flatten)]
    pub details: Details,
    /// When it was made.
    #[sqlx(try_from = "i64", rename = "created_ms")]
    pub created: Timestamp,
    /// When it was last changed.
    #[sqlx(try_from = "i64", rename = "updated_ms")]
    pub updated: Timestamp,
}

/// What can be changed of a firmware type.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Details {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What such firmware is called to devices that speak DDI; none: as by default.
    pub part: Option<String>,
}

/// Stores a new type; none if the partner has one of this number.
pub async fn insert(
    tx: &mut Tx,
    scope: &ManagePartner,
    firmware_type: FirmwareType,
    details: &Details,
    now: Timestamp,
) -> Result<Option<TypeRecord>, Error> {
    let id = sequences::next_record(tx).await?;
    fetch_optional!(
        tx,
        "INSERT INTO firmware_types (partner_id, type, id, name, description, part, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (partner_id, type) DO NOTHING
         RETURNING id, type, name, description, part, created_ms, updated_ms",
        scope.partner_id().to_string(),
        i64::from(firmware_type.number()),
        id,
        &details.name,
        &details.description,
        &details.part,
        now.as_millis(),
    )
}

/// The partner's own types, by number.
pub async fn all(conn: &mut Conn, scope: &ViewPartner) -> Result<Vec<TypeRecord>, Error> {
    fetch_all!(
        conn,
        "SELECT id, type, name, description, part, created_ms, updated_ms
         FROM firmware_types WHERE partner_id = $1 ORDER BY type",
        scope.partner_id().to_string(),
    )
}

/// Whether the device's partner has a type of its own of this number.
pub async fn is_known_to(conn: &mut Conn, scope: &DeviceScope, firmware_type: FirmwareType) -> Result<bool, Error> {
    let (count,): (i64,) = fetch_one!(
        conn,
        "SELECT COUNT(*) FROM firmware_types WHERE partner_id = $1 AND type = $2",
        scope.partner_id().to_string(),
        i64::from(firmware_type.number()),
    )?;
    Ok(count > 0)
}

/// The partner's own type of this number.
pub async fn get(
    conn: &mut Conn,
    scope: &ViewPartner,
    firmware_type: FirmwareType,
) -> Result<Option<TypeRecord>, Error> {
    fetch_optional!(
        conn,
        "SELECT id, type, name, description, part, created_ms, updated_ms
         FROM firmware_types WHERE partner_id = $1 AND type = $2",
        scope.partner_id().to_string(),
        i64::from(firmware_type.number()),
    )
}

/// The partner's own type of this number, locked until the transaction ends.
pub async fn lock(
    tx: &mut Tx,
    scope: &ManagePartner,
    firmware_type: FirmwareType,
) -> Result<Option<TypeRecord>, Error> {
    fetch_optional!(
        tx,
        "UPDATE firmware_types SET updated_ms = updated_ms WHERE partner_id = $1 AND type = $2
         RETURNING id, type, name, description, part, created_ms, updated_ms",
        scope.partner_id().to_string(),
        i64::from(firmware_type.number()),
    )
}

/// Replaces what can be changed of a type; false if there is none.
pub async fn update(
    tx: &mut Tx,
    scope: &ManagePartner,
    firmware_type: FirmwareType,
    details: &Details,
    now: Timestamp,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "UPDATE firmware_types SET name = $3, description = $4, part = $5, updated_ms = $6
         WHERE partner_id = $1 AND type = $2",
        scope.partner_id().to_string(),
        i64::from(firmware_type.number()),
        &details.name,
        &details.description,
        &details.part,
        now.as_millis(),
    )?;
    Ok(touched == 1)
}
