//! Device types.

use std::time::Duration;

use otaria_core::page::{Page, PageRequest};
use otaria_core::policy::{ConfirmationRule, Policy};
use otaria_core::push::Success;
use otaria_core::{DeviceTypeId, PartnerId, Timestamp};

use crate::lists::{List, fetch_page, list};
use crate::scopes::{DeviceScope, ManagePartner, ViewPartner, WriteAccount};
use crate::sql::{execute, fetch_all, fetch_optional};
use crate::{Conn, Error, Tx};

/// A model of device.
#[derive(Clone, Debug)]
pub struct DeviceType {
    /// Its id, unique within its partner.
    pub device_type_id: DeviceTypeId,
    /// What can be changed of it.
    pub details: Details,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// What can be changed of a device type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// What its operators want of its updates.
    pub policy: Policy,
}

#[derive(sqlx::FromRow)]
struct Row {
    device_type_id: String,
    name: String,
    description: Option<String>,
    #[sqlx(flatten)]
    policy: PolicyRow,
    created_ms: i64,
    updated_ms: i64,
}

#[derive(sqlx::FromRow)]
struct PolicyRow {
    confirmation_required: bool,
    version_within_ms: Option<i64>,
    maintenance: Option<String>,
}

impl TryFrom<Row> for DeviceType {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            device_type_id: row.device_type_id.parse()?,
            details: Details { name: row.name, description: row.description, policy: row.policy.try_into()? },
            created: Timestamp::from_millis(row.created_ms),
            updated: Timestamp::from_millis(row.updated_ms),
        })
    }
}

impl TryFrom<PolicyRow> for Policy {
    type Error = Error;

    fn try_from(row: PolicyRow) -> Result<Self, Error> {
        let maintenance = row.maintenance.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            confirmation: if row.confirmation_required {
                ConfirmationRule::Required
            } else {
                ConfirmationRule::NotRequired
            },
            success: success(row.version_within_ms),
            maintenance: maintenance?,
        })
    }
}

/// What counts as a push's success, as it is stored.
pub(crate) fn success(version_within_ms: Option<i64>) -> Success {
    match version_within_ms {
        None => Success::Reported,
        Some(within) => Success::VersionReported { within: Duration::from_millis(within.max(0).cast_unsigned()) },
    }
}

/// The same the other way round.
pub(crate) fn version_within_ms(success: Success) -> Option<i64> {
    match success {
        Success::Reported => None,
        Success::VersionReported { within } => Some(i64::try_from(within.as_millis()).unwrap_or(i64::MAX)),
    }
}

fn maintenance(policy: &Policy) -> Result<Option<String>, Error> {
    Ok(policy.maintenance.as_ref().map(serde_json::to_string).transpose()?)
}

macro_rules! columns {
    () => {
        "device_type_id, name, description, confirmation_required, version_within_ms, maintenance, created_ms, updated_ms"
    };
}

/// What a list of device types can be sorted on.
pub const SORTABLE: &[&str] = &["deviceTypeId", "name", "description", "createdTimestamp", "updatedTimestamp"];

list!(
    DEVICE_TYPES = List {
        select: concat!("SELECT ", columns!(), " FROM device_types WHERE partner_id = $1"),
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
    let details = &device_type.details;
    let maintenance = maintenance(&details.policy)?;
    let touched = execute!(
        tx,
        "INSERT INTO device_types (partner_id, device_type_id, name, description, confirmation_required, version_within_ms,
                                   maintenance, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (partner_id, device_type_id) DO NOTHING",
        scope.partner_id().to_string(),
        device_type.device_type_id.to_string(),
        &details.name,
        &details.description,
        details.policy.confirmation == ConfirmationRule::Required,
        version_within_ms(details.policy.success),
        &maintenance,
        device_type.created.as_millis(),
        device_type.updated.as_millis(),
    )?;
    Ok(touched == 1)
}

/// A page of the partner's device types.
pub async fn page(conn: &mut Conn, scope: &ViewPartner, request: &PageRequest) -> Result<Page<DeviceType>, Error> {
    let partner = scope.partner_id().to_string();
    let (rows, total_elements) = fetch_page!(conn, DEVICE_TYPES, request, Row, &partner)?;
    let content = rows.into_iter().map(DeviceType::try_from).collect::<Result<_, _>>()?;
    Ok(Page { content, total_elements })
}

/// The partner's device type of this id.
pub async fn get(conn: &mut Conn, scope: &ViewPartner, id: DeviceTypeId) -> Result<Option<DeviceType>, Error> {
    let row: Option<Row> = fetch_optional!(
        conn,
        concat!("SELECT ", columns!(), " FROM device_types WHERE partner_id = $1 AND device_type_id = $2"),
        scope.partner_id().to_string(),
        id.to_string(),
    )?;
    row.map(DeviceType::try_from).transpose()
}

/// What the operators of the device's type want of its updates.
pub async fn policy(conn: &mut Conn, device: &DeviceScope) -> Result<Policy, Error> {
    let row: Option<PolicyRow> = fetch_optional!(
        conn,
        "SELECT t.confirmation_required, t.version_within_ms, t.maintenance
         FROM devices d
         JOIN device_types t ON t.partner_id = d.partner_id AND t.device_type_id = d.device_type_id
         WHERE d.partner_id = $1 AND d.device_id = $2",
        device.partner_id().to_string(),
        device.device_id().as_str(),
    )?;
    Ok(row.map(Policy::try_from).transpose()?.unwrap_or_default())
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
    let row: Option<Row> = fetch_optional!(
        tx,
        concat!(
            "UPDATE device_types SET updated_ms = updated_ms WHERE partner_id = $1 AND device_type_id = $2 RETURNING ",
            columns!()
        ),
        scope.partner_id().to_string(),
        id.to_string(),
    )?;
    row.map(DeviceType::try_from).transpose()
}

/// Replaces what can be changed of a device type; none if there is none.
pub async fn update(
    tx: &mut Tx,
    scope: &ManagePartner,
    id: DeviceTypeId,
    details: &Details,
    now: Timestamp,
) -> Result<Option<DeviceType>, Error> {
    let maintenance = maintenance(&details.policy)?;
    let row: Option<Row> = fetch_optional!(
        tx,
        concat!(
            "UPDATE device_types SET name = $3, description = $4, confirmation_required = $5, version_within_ms = $6,
                                     maintenance = $7, updated_ms = $8
             WHERE partner_id = $1 AND device_type_id = $2 RETURNING ",
            columns!()
        ),
        scope.partner_id().to_string(),
        id.to_string(),
        &details.name,
        &details.description,
        details.policy.confirmation == ConfirmationRule::Required,
        version_within_ms(details.policy.success),
        &maintenance,
        now.as_millis(),
    )?;
    row.map(DeviceType::try_from).transpose()
}
