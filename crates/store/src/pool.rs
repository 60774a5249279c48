//! The firmware pool: a partner's images, independent of device types. Device descriptions (type 4) are images
//! too, made for one device type and never in the pool.

use otaria_core::page::{Page, PageRequest};
use otaria_core::{DeviceTypeId, FirmwareType, ImageId, PartnerId, Sha256, Timestamp, VersionNumber};

use crate::lists::{List, fetch_page, list};
use crate::scopes::{ManagePartner, ViewPartner};
use crate::sequences;
use crate::sql::{execute, fetch_all, fetch_one, fetch_optional};
use crate::{Conn, Error, Tx};

/// Where an image's bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nowhere yet, or somewhere that is not ours: the text as the client gave it, possibly empty.
    Elsewhere(String),
    /// A binary of the image's partner, under this installation's own URL.
    Ours(Sha256),
    /// A binary of the image's partner, written with another base than this installation's public URL.
    OursAs(Sha256, String),
}

impl Link {
    /// The binary it names, if it is one of ours.
    pub const fn binary(&self) -> Option<Sha256> {
        match self {
            Self::Elsewhere(_) => None,
            Self::Ours(sha256) | Self::OursAs(sha256, _) => Some(*sha256),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Elsewhere(url) | Self::OursAs(_, url) => url,
            Self::Ours(_) => "",
        }
    }

    pub(crate) fn from_columns(url: String, sha256: Option<Vec<u8>>) -> Result<Self, Error> {
        Ok(match sha256 {
            None => Self::Elsewhere(url),
            Some(bytes) if url.is_empty() => Self::Ours(bytes.try_into()?),
            Some(bytes) => Self::OursAs(bytes.try_into()?, url),
        })
    }
}

/// What a client says about an image.
#[derive(Clone, Debug)]
pub struct Content {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The friendly version.
    pub version: String,
    /// Where its bytes are.
    pub link: Link,
    /// Its tags, in the order given.
    pub tags: Vec<String>,
}

/// An image.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its id.
    pub id: ImageId,
    /// Whose it is.
    pub partner_id: PartnerId,
    /// Its firmware type.
    pub firmware_type: FirmwareType,
    /// Given by the platform.
    pub version_number: VersionNumber,
    /// What its partner says about it.
    pub content: Content,
    /// Whether it was ever pushed, so that its binary is fixed.
    pub was_pushed: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

#[derive(sqlx::FromRow)]
struct ImageRow {
    id: i64,
    partner_id: String,
    r#type: i64,
    version_number: i64,
    name: String,
    description: Option<String>,
    version: String,
    url: String,
    sha256: Option<Vec<u8>>,
    tags: Option<String>,
    was_pushed: bool,
    created_ms: i64,
    updated_ms: i64,
}

pub(crate) fn split_tags(joined: Option<String>) -> Vec<String> {
    joined.map(|joined| joined.split(',').map(str::to_owned).collect()).unwrap_or_default()
}

impl TryFrom<ImageRow> for Image {
    type Error = Error;

    fn try_from(row: ImageRow) -> Result<Self, Error> {
        Ok(Self {
            id: ImageId::from_i64(row.id),
            partner_id: row.partner_id.parse()?,
            firmware_type: row.r#type.try_into()?,
            version_number: VersionNumber::from_i64(row.version_number),
            content: Content {
                name: row.name,
                description: row.description,
                version: row.version,
                link: Link::from_columns(row.url, row.sha256)?,
                tags: split_tags(row.tags),
            },
            was_pushed: row.was_pushed,
            created: Timestamp::from_millis(row.created_ms),
            updated: Timestamp::from_millis(row.updated_ms),
        })
    }
}

/// The columns of an `ImageRow`; tags hold no comma, so one joins them.
macro_rules! select_image {
    ($rest:expr) => {
        concat!(
            "SELECT i.id, i.partner_id, i.type, i.version_number, i.name, i.description, i.version, i.url, i.sha256,
                    (SELECT STRING_AGG(t.tag, ',' ORDER BY t.position) FROM image_tags t
                     WHERE t.partner_id = i.partner_id AND t.image_id = i.id) AS tags,
                    i.was_pushed, i.created_ms, i.updated_ms
             FROM images i ",
            $rest
        )
    };
}

/// What a list of images can be sorted on.
pub const SORTABLE: &[&str] =
    &["id", "name", "description", "type", "version", "versionNumber", "createdTimestamp", "updatedTimestamp"];

/// Whose pool, of which type (0: any), with at least one of these tags (`,a,b,`; empty: any).
macro_rules! pool_filter {
    () => {
        "WHERE i.partner_id = $1 AND i.type <> 4 AND (CAST($2 AS BIGINT) = 0 OR i.type = $2)
           AND ($3 = '' OR EXISTS (SELECT 1 FROM image_tags t WHERE t.partner_id = i.partner_id
                AND t.image_id = i.id AND REPLACE($3, ',' || t.tag || ',', '') <> $3))"
    };
}

list!(
    POOL = List {
        select: select_image!(pool_filter!()),
        count: concat!("SELECT COUNT(*) FROM images i ", pool_filter!()),
        arguments: 3,
        columns: &[
            ("id", "i.id"),
            ("name", "i.name"),
            ("description", "i.description"),
            ("type", "i.type"),
            ("version", "i.version"),
            ("versionNumber", "i.version_number"),
            ("createdTimestamp", "i.created_ms"),
            ("updatedTimestamp", "i.updated_ms"),
        ],
        tie: "i.id",
    }
);

/// A tag filter as the statements take it.
pub(crate) fn joined_filter(tags: &[String]) -> String {
    if tags.is_empty() { String::new() } else { format!(",{},", tags.join(",")) }
}

/// A page of the pool, optionally of one type, with at least one of `tags` unless there are none.
pub async fn page(
    conn: &mut Conn,
    scope: &ViewPartner,
    firmware_type: Option<FirmwareType>,
    tags: &[String],
    request: &PageRequest,
) -> Result<Page<Image>, Error> {
    let partner = scope.partner_id().to_string();
    let number = firmware_type.map_or(0, |firmware_type| i64::from(firmware_type.number()));
    let tags = joined_filter(tags);
    let (rows, total_elements) = fetch_page!(conn, POOL, request, ImageRow, &partner, number, &tags)?;
    let content = rows.into_iter().map(Image::try_from).collect::<Result<_, _>>()?;
    Ok(Page { content, total_elements })
}

/// The partner's pool image of this type and version number.
pub async fn get(
    conn: &mut Conn,
    scope: &ViewPartner,
    firmware_type: FirmwareType,
    version_number: VersionNumber,
) -> Result<Option<Image>, Error> {
    let row: Option<ImageRow> = fetch_optional!(
        conn,
        select_image!("WHERE i.partner_id = $1 AND i.type = $2 AND i.version_number = $3 AND i.type <> 4"),
        scope.partner_id().to_string(),
        i64::from(firmware_type.number()),
        version_number.as_i64(),
    )?;
    row.map(Image::try_from).transpose()
}

/// Whose pool image has this type and version number, which are unique over the installation. The id alone
/// opens nothing: the caller still needs a scope of that partner.
pub async fn partner_of(
    conn: &mut Conn,
    _: &ViewPartner,
    firmware_type: FirmwareType,
    version_number: VersionNumber,
) -> Result<Option<PartnerId>, Error> {
    let row: Option<(String,)> = fetch_optional!(
        conn,
        "SELECT partner_id FROM images WHERE type = $1 AND version_number = $2 AND type <> 4",
        i64::from(firmware_type.number()),
        version_number.as_i64(),
    )?;
    Ok(row.map(|(partner,)| partner.parse()).transpose()?)
}

/// Whether another pool image than `except` has this type, name and version.
pub async fn exists(
    conn: &mut Conn,
    scope: &ViewPartner,
    firmware_type: FirmwareType,
    name: &str,
    version: &str,
    except: Option<ImageId>,
) -> Result<bool, Error> {
    let (count,): (i64,) = fetch_one!(
        conn,
        "SELECT COUNT(*) FROM images
         WHERE partner_id = $1 AND type = $2 AND name = $3 AND version = $4 AND id <> $5 AND type <> 4",
        scope.partner_id().to_string(),
        i64::from(firmware_type.number()),
        name,
        version,
        except.map_or(-1, ImageId::as_i64),
    )?;
    Ok(count > 0)
}

/// What a new image is, besides what its partner says about it.
#[derive(Clone, Debug)]
pub enum Kind {
    /// In the pool, of a type other than 4.
    Pool(FirmwareType),
    /// A device description (type 4), for one device type.
    DeviceDescription {
        /// The device type it describes.
        device_type: DeviceTypeId,
        /// The description's id, if given.
        device_description_id: Option<String>,
        /// The profile's id, if given.
        device_profile_id: Option<String>,
    },
}

/// Stores a new image under fresh numbers.
///
/// # Errors
/// [`Error::Duplicate`] if the pool, or the described device type, has one of this type, name and version.
pub async fn insert(
    tx: &mut Tx,
    scope: &ManagePartner,
    kind: &Kind,
    content: &Content,
    now: Timestamp,
) -> Result<Image, Error> {
    let (firmware_type, described, description_id, profile_id) = match kind {
        Kind::Pool(firmware_type) => (*firmware_type, None, None, None),
        Kind::DeviceDescription { device_type, device_description_id, device_profile_id } => (
            FirmwareType::DEVICE_DESCRIPTION,
            Some(device_type.to_string()),
            device_description_id.as_ref(),
            device_profile_id.as_ref(),
        ),
    };
    let id = ImageId::from_i64(sequences::next_record(tx).await?);
    let version_number = sequences::next_version_number(tx, firmware_type).await?;
    execute!(
        tx,
        "INSERT INTO images (partner_id, id, type, version_number, name, description, version, url, sha256,
                             was_pushed, describes_device_type_id, device_description_id, device_profile_id,
                             created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, FALSE, $10, $11, $12, $13, $13)",
        scope.partner_id().to_string(),
        id.as_i64(),
        i64::from(firmware_type.number()),
        version_number.as_i64(),
        &content.name,
        &content.description,
        &content.version,
        content.link.text(),
        content.link.binary().map(|sha256| sha256.as_bytes().to_vec()),
        &described,
        description_id,
        profile_id,
        now.as_millis(),
    )?;
    insert_tags(tx, scope, id, &content.tags).await?;
    Ok(Image {
        id,
        partner_id: scope.partner_id(),
        firmware_type,
        version_number,
        content: content.clone(),
        was_pushed: false,
        created: now,
        updated: now,
    })
}

async fn insert_tags(tx: &mut Tx, scope: &ManagePartner, image: ImageId, tags: &[String]) -> Result<(), Error> {
    for (position, tag) in (0_i64..).zip(tags) {
        execute!(
            tx,
            "INSERT INTO image_tags (partner_id, image_id, position, tag) VALUES ($1, $2, $3, $4)",
            scope.partner_id().to_string(),
            image.as_i64(),
            position,
            tag,
        )?;
    }
    Ok(())
}

/// The partner's pool image, locked until the transaction ends, so that what is decided from it still holds
/// when it is written.
pub async fn lock(
    tx: &mut Tx,
    scope: &ManagePartner,
    firmware_type: FirmwareType,
    version_number: VersionNumber,
) -> Result<Option<Image>, Error> {
    execute!(
        tx,
        "UPDATE images SET updated_ms = updated_ms WHERE partner_id = $1 AND type = $2 AND version_number = $3",
        scope.partner_id().to_string(),
        i64::from(firmware_type.number()),
        version_number.as_i64(),
    )?;
    get(tx, scope, firmware_type, version_number).await
}

/// Replaces what a partner says about an image. Where it is associated, the change shows as well.
///
/// # Errors
/// [`Error::Duplicate`] if another image of the pool has this type, name and version.
pub async fn update(
    tx: &mut Tx,
    scope: &ManagePartner,
    image: ImageId,
    content: &Content,
    now: Timestamp,
) -> Result<(), Error> {
    let partner = scope.partner_id().to_string();
    execute!(
        tx,
        "UPDATE images SET name = $3, description = $4, version = $5, url = $6, sha256 = $7, updated_ms = $8
         WHERE partner_id = $1 AND id = $2",
        &partner,
        image.as_i64(),
        &content.name,
        &content.description,
        &content.version,
        content.link.text(),
        content.link.binary().map(|sha256| sha256.as_bytes().to_vec()),
        now.as_millis(),
    )?;
    execute!(
        tx,
        "UPDATE associations SET updated_ms = $3 WHERE image_partner_id = $1 AND image_id = $2",
        &partner,
        image.as_i64(),
        now.as_millis(),
    )?;
    execute!(tx, "DELETE FROM image_tags WHERE partner_id = $1 AND image_id = $2", &partner, image.as_i64(),)?;
    insert_tags(tx, scope, image, &content.tags).await
}

/// The distinct tags on the partner's images, sorted.
pub async fn tags(conn: &mut Conn, scope: &ViewPartner) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = fetch_all!(
        conn,
        "SELECT DISTINCT tag FROM image_tags WHERE partner_id = $1 ORDER BY tag",
        scope.partner_id().to_string(),
    )?;
    Ok(rows.into_iter().map(|(tag,)| tag).collect())
}

/// An association of an image, with the partner and device type it is with.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct AssociatedWith {
    /// The device type's partner's name.
    pub partner_name: String,
    /// The device type's partner.
    #[sqlx(try_from = "String")]
    pub partner_id: PartnerId,
    /// Whom to write to there.
    pub email: Option<String>,
    /// The device type.
    #[sqlx(try_from = "String")]
    pub device_type_id: DeviceTypeId,
    /// Its name.
    pub device_type_name: String,
    /// The association's id.
    pub association_id: i64,
}

/// With what a partner's pool image is associated, oldest first. It is the image's partner who may know.
pub async fn associations(
    conn: &mut Conn,
    scope: &ViewPartner,
    image: ImageId,
) -> Result<Vec<AssociatedWith>, Error> {
    fetch_all!(
        conn,
        "SELECT p.name AS partner_name, p.partner_id,
                COALESCE(p.contact_email,
                         (SELECT u.email FROM partner_access o JOIN users u ON u.user_id = o.user_id
                          WHERE o.partner_id = p.partner_id AND o.is_owner
                          ORDER BY o.created_ms, u.user_id LIMIT 1)) AS email,
                a.device_type_id, d.name AS device_type_name, a.id AS association_id
         FROM associations a
         JOIN partners p ON p.partner_id = a.partner_id
         JOIN device_types d ON d.partner_id = a.partner_id AND d.device_type_id = a.device_type_id
         WHERE a.image_partner_id = $1 AND a.image_id = $2
         ORDER BY a.id",
        scope.partner_id().to_string(),
        image.as_i64(),
    )
}
