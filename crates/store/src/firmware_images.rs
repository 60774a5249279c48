//! Firmware images: images as associated with a device type. An association has an id of its own, the
//! `firmwareImageId` that a push takes.

use std::collections::BTreeMap;

use otaria_core::page::{Page, PageRequest};
use otaria_core::{AssociationId, DeviceTypeId, FirmwareType, ImageId, PartnerId, Timestamp, VersionNumber};

use crate::lists::{List, fetch_page, list};
use crate::pool::{Content, Image, Link, joined_filter, split_tags};
use crate::scopes::{ManagePartner, ViewPartner};
use crate::sequences;
use crate::sql::{execute, fetch_all, fetch_optional};
use crate::{Conn, Error, Tx};

/// An image as associated with a device type.
#[derive(Clone, Debug)]
pub struct FirmwareImage {
    /// The association's id.
    pub id: AssociationId,
    /// The device type.
    pub device_type_id: DeviceTypeId,
    /// The image's partner.
    pub partner_id: PartnerId,
    /// The image's own id.
    pub image_id: ImageId,
    /// Its firmware type.
    pub firmware_type: FirmwareType,
    /// Given by the platform.
    pub version_number: VersionNumber,
    /// What its partner says about it.
    pub content: Content,
    /// For type 4: the description's id.
    pub device_description_id: Option<String>,
    /// For type 4: the profile's id.
    pub device_profile_id: Option<String>,
    /// When it was associated.
    pub created: Timestamp,
    /// When the association or the image last changed.
    pub updated: Timestamp,
}

#[derive(sqlx::FromRow)]
struct FirmwareImageRow {
    id: i64,
    device_type_id: String,
    partner_id: String,
    image_id: i64,
    r#type: i64,
    version_number: i64,
    name: String,
    description: Option<String>,
    version: String,
    url: String,
    sha256: Option<Vec<u8>>,
    tags: Option<String>,
    device_description_id: Option<String>,
    device_profile_id: Option<String>,
    created_ms: i64,
    updated_ms: i64,
}

impl TryFrom<FirmwareImageRow> for FirmwareImage {
    type Error = Error;

    fn try_from(row: FirmwareImageRow) -> Result<Self, Error> {
        Ok(Self {
            id: AssociationId::from_i64(row.id),
            device_type_id: row.device_type_id.parse()?,
            partner_id: row.partner_id.parse()?,
            image_id: ImageId::from_i64(row.image_id),
            firmware_type: row.r#type.try_into()?,
            version_number: VersionNumber::from_i64(row.version_number),
            content: Content {
                name: row.name,
                description: row.description,
                version: row.version,
                link: Link::from_columns(row.url, row.sha256)?,
                tags: split_tags(row.tags),
            },
            device_description_id: row.device_description_id,
            device_profile_id: row.device_profile_id,
            created: Timestamp::from_millis(row.created_ms),
            updated: Timestamp::from_millis(row.updated_ms),
        })
    }
}

macro_rules! select_firmware_image {
    ($rest:expr) => {
        concat!(
            "SELECT a.id, a.device_type_id, i.partner_id, i.id AS image_id, i.type, i.version_number, i.name,
                    i.description, i.version, i.url, i.sha256,
                    (SELECT STRING_AGG(t.tag, ',' ORDER BY t.position) FROM image_tags t
                     WHERE t.partner_id = i.partner_id AND t.image_id = i.id) AS tags,
                    i.device_description_id, i.device_profile_id, a.created_ms, a.updated_ms
             FROM associations a
             JOIN images i ON i.partner_id = a.image_partner_id AND i.id = a.image_id ",
            $rest
        )
    };
}

/// Whose device type, of which firmware type (0: any), with at least one of these tags (`,a,b,`; empty: any).
macro_rules! device_type_filter {
    () => {
        "WHERE a.partner_id = $1 AND a.device_type_id = $2 AND (CAST($3 AS BIGINT) = 0 OR i.type = $3)
           AND ($4 = '' OR EXISTS (SELECT 1 FROM image_tags t WHERE t.partner_id = i.partner_id
                AND t.image_id = i.id AND REPLACE($4, ',' || t.tag || ',', '') <> $4))"
    };
}

list!(
    FIRMWARE_IMAGES = List {
        select: select_firmware_image!(device_type_filter!()),
        count: concat!(
            "SELECT COUNT(*) FROM associations a
         JOIN images i ON i.partner_id = a.image_partner_id AND i.id = a.image_id ",
            device_type_filter!()
        ),
        arguments: 4,
        columns: &[
            ("id", "a.id"),
            ("name", "i.name"),
            ("description", "i.description"),
            ("type", "i.type"),
            ("version", "i.version"),
            ("versionNumber", "i.version_number"),
            ("createdTimestamp", "a.created_ms"),
            ("updatedTimestamp", "a.updated_ms"),
        ],
        tie: "a.id",
    }
);

/// A page of a device type's firmware images, optionally of one type, with at least one of `tags` unless there
/// are none.
pub async fn page(
    conn: &mut Conn,
    scope: &ViewPartner,
    device_type: DeviceTypeId,
    firmware_type: Option<FirmwareType>,
    tags: &[String],
    request: &PageRequest,
) -> Result<Page<FirmwareImage>, Error> {
    let partner = scope.partner_id().to_string();
    let device_type = device_type.to_string();
    let number = firmware_type.map_or(0, |firmware_type| i64::from(firmware_type.number()));
    let tags = joined_filter(tags);
    let (rows, total_elements) =
        fetch_page!(conn, FIRMWARE_IMAGES, request, FirmwareImageRow, &partner, &device_type, number, &tags)?;
    let content = rows.into_iter().map(FirmwareImage::try_from).collect::<Result<_, _>>()?;
    Ok(Page { content, total_elements })
}

/// The image of this type and version number, if it is associated with the device type.
pub async fn get(
    conn: &mut Conn,
    scope: &ViewPartner,
    device_type: DeviceTypeId,
    firmware_type: FirmwareType,
    version_number: VersionNumber,
) -> Result<Option<FirmwareImage>, Error> {
    let row: Option<FirmwareImageRow> = fetch_optional!(
        conn,
        select_firmware_image!(
            "WHERE a.partner_id = $1 AND a.device_type_id = $2 AND i.type = $3 AND i.version_number = $4"
        ),
        scope.partner_id().to_string(),
        device_type.to_string(),
        i64::from(firmware_type.number()),
        version_number.as_i64(),
    )?;
    row.map(FirmwareImage::try_from).transpose()
}

/// The highest version number that is associated with a device type, by firmware type.
pub async fn newest(
    conn: &mut Conn,
    scope: &ViewPartner,
    device_type: DeviceTypeId,
) -> Result<BTreeMap<FirmwareType, VersionNumber>, Error> {
    let rows: Vec<(i64, i64)> = fetch_all!(
        conn,
        "SELECT i.type, MAX(i.version_number)
         FROM associations a JOIN images i ON i.partner_id = a.image_partner_id AND i.id = a.image_id
         WHERE a.partner_id = $1 AND a.device_type_id = $2 GROUP BY i.type",
        scope.partner_id().to_string(),
        device_type.to_string(),
    )?;
    let newest = rows.into_iter().map(|(number, version)| Ok((number.try_into()?, VersionNumber::from_i64(version))));
    newest.collect()
}

/// The association of this id with the device type, with its image, both locked until the transaction ends: who
/// dissociates or changes the image at the same time waits, or has been first. The image before the association, as
/// in every transaction that locks both, so that no two wait for each other.
pub async fn lock(
    tx: &mut Tx,
    scope: &ManagePartner,
    device_type: DeviceTypeId,
    id: AssociationId,
) -> Result<Option<FirmwareImage>, Error> {
    let (partner, device_type) = (scope.partner_id().to_string(), device_type.to_string());
    execute!(
        tx,
        "UPDATE images SET updated_ms = updated_ms
         WHERE (partner_id, id) IN (SELECT image_partner_id, image_id FROM associations
                                    WHERE partner_id = $1 AND device_type_id = $2 AND id = $3)",
        &partner,
        &device_type,
        id.as_i64(),
    )?;
    execute!(
        tx,
        "UPDATE associations SET updated_ms = updated_ms WHERE partner_id = $1 AND device_type_id = $2 AND id = $3",
        &partner,
        &device_type,
        id.as_i64(),
    )?;
    let row: Option<FirmwareImageRow> = fetch_optional!(
        tx,
        select_firmware_image!("WHERE a.partner_id = $1 AND a.device_type_id = $2 AND a.id = $3"),
        &partner,
        &device_type,
        id.as_i64(),
    )?;
    row.map(FirmwareImage::try_from).transpose()
}

/// Associates an image, which its own partner's scope vouches for, with a device type of this partner; none if it
/// is associated already.
///
/// # Errors
/// [`Error::Dangling`] if the partner has no such device type.
pub async fn associate(
    tx: &mut Tx,
    scope: &ManagePartner,
    device_type: DeviceTypeId,
    image_scope: &ManagePartner,
    image: &Image,
    now: Timestamp,
) -> Result<Option<AssociationId>, Error> {
    let id = sequences::next_record(tx).await?;
    let row: Option<(i64,)> = fetch_optional!(
        tx,
        "INSERT INTO associations (partner_id, id, device_type_id, image_partner_id, image_id, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $6)
         ON CONFLICT (partner_id, device_type_id, image_partner_id, image_id) DO NOTHING
         RETURNING id",
        scope.partner_id().to_string(),
        id,
        device_type.to_string(),
        image_scope.partner_id().to_string(),
        image.id.as_i64(),
        now.as_millis(),
    )?;
    Ok(row.map(|(id,)| AssociationId::from_i64(id)))
}

/// Ends an association; the image stays. A device description is no longer one of that device type, so that its
/// name and version are free again. False if there was none.
pub async fn dissociate(tx: &mut Tx, scope: &ManagePartner, image: &FirmwareImage) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "DELETE FROM associations WHERE partner_id = $1 AND device_type_id = $2 AND id = $3",
        scope.partner_id().to_string(),
        image.device_type_id.to_string(),
        image.id.as_i64(),
    )?;
    execute!(
        tx,
        "UPDATE images SET describes_device_type_id = NULL
         WHERE partner_id = $1 AND id = $2 AND describes_device_type_id = $3",
        scope.partner_id().to_string(),
        image.image_id.as_i64(),
        image.device_type_id.to_string(),
    )?;
    Ok(touched == 1)
}
