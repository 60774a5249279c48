//! Device types.

use otaria_core::page::{Page, PageRequest};
use otaria_core::{DeviceTypeId, PartnerId, Timestamp};

use crate::lists::{List, fetch_page, list};
use crate::scopes::{ManagePartner, ViewPartner, WriteAccount};
use crate::sql::{execute, fetch_all, fetch_optional};
use crate::{Conn, Error, Tx};

/// A model of device.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct DeviceType {
    /// Its id, unique within its partner.
    #[sqlx(try_from = "String")]
    pub device_type_id: DeviceTypeId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// When it was made.
    #[sqlx(try_from = "i64", rename = "created_ms")]
    pub created: Timestamp,
    /// When it was last changed.
    #[sqlx(try_from = "i64", rename = "updated_ms")]
    pub updated: Timestamp,
}

/// What a list of device types can be sorted on.
pub const SORTABLE: &[&str] = &["deviceTypeId", "name", "description", "createdTimestamp", "updatedTimestamp"];

list!(
    DEVICE_TYPES = List {
        select: "SELECT device_type_id, name, description, created_ms, updated_ms FROM device_types WHERE partner_id = $1",
        count: "SELECT COUNT(*) FROM device_types WHERE partner_id = $1",
        arguments: 1,
        columns: &[
            ("deviceTypeId", "device_type_id"),
            ("name", "name"),
            ("description", "description"),
            ("createdTimestamp", "created_ms"),
            ("updatedTimestamp", "updated_ms"),
        ],
        tie: "device_type_id",
    }
);

/// Stores a new device type; false if the partner has one of this id.
pub async fn insert(tx: &mut Tx, scope: &ManagePartner, device_type: &DeviceType) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "INSERT INTO device_types (partner_id, device_type_id, name, description, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (partner_id, device_type_id) DO NOTHING",
        scope.partner_id().to_string(),
        device_type.device_type_id.to_string(),
        &device_type.name,
        &device_type.description,
        device_type.created.as_millis(),
        device_type.updated.as_millis(),
    )?;
    Ok(touched == 1)
}

/// A page of the partner's device types.
pub async fn page(conn: &mut Conn, scope: &ViewPartner, request: &PageRequest) -> Result<Page<DeviceType>, Error> {
    let partner = scope.partner_id().to_string();
    let (content, total_elements) = fetch_page!(conn, DEVICE_TYPES, request, DeviceType, &partner)?;
    Ok(Page { content, total_elements })
}

/// The partner's device type of this id.
pub async fn get(conn: &mut Conn, scope: &ViewPartner, id: DeviceTypeId) -> Result<Option<DeviceType>, Error> {
    fetch_optional!(
        conn,
        "SELECT device_type_id, name, description, created_ms, updated_ms
         FROM device_types WHERE partner_id = $1 AND device_type_id = $2",
        scope.partner_id().to_string(),
        id.to_string(),
    )
}

/// Which partners have a device type of this id: ids are unique within a partner only. They open nothing: the
/// caller still needs a scope of one of them.
pub async fn partners_with(conn: &mut Conn, _: &WriteAccount, id: DeviceTypeId) -> Result<Vec<PartnerId>, Error> {
    let rows: Vec<(String,)> = fetch_all!(
        conn,
        "SELECT partner_id FROM device_types WHERE device_type_id = $1 ORDER BY partner_id",
        id.to_string(),
    )?;
    rows.into_iter().map(|(partner,)| Ok(partner.parse()?)).collect()
}

/// The device type, locked until the transaction ends.
pub async fn lock(tx: &mut Tx, scope: &ManagePartner, id: DeviceTypeId) -> Result<Option<DeviceType>, Error> {
    fetch_optional!(
        tx,
        "UPDATE device_types SET updated_ms = updated_ms WHERE partner_id = $1 AND device_type_id = $2
         RETURNING device_type_id, name, description, created_ms, updated_ms",
        scope.partner_id().to_string(),
        id.to_string(),
    )
}

/// Replaces a device type's name and description; none if there is none.
pub async fn update(
    tx: &mut Tx,
    scope: &ManagePartner,
    id: DeviceTypeId,
    name: &str,
    description: Option<&str>,
    now: Timestamp,
) -> Result<Option<DeviceType>, Error> {
    fetch_optional!(
        tx,
        "UPDATE device_types SET name = $3, description = $4, updated_ms = $5
         WHERE partner_id = $1 AND device_type_id = $2
         RETURNING device_type_id, name, description, created_ms, updated_ms",
        scope.partner_id().to_string(),
        id.to_string(),
        name,
        description,
        now.as_millis(),
    )
}
