//! Binaries: which partner uploaded what, and where the bytes are. A row is written after its bytes, so a row
//! without bytes cannot exist; bytes without a row are swept.

use otaria_core::digest::Digests;
use otaria_core::push::PushState;
use otaria_core::{PartnerId, Sha256, Timestamp, VersionNumber};

use crate::scopes::{DeviceScope, InstallationScope, ManagePartner, ViewPartner};
use crate::sql::{execute, fetch_all, fetch_one, fetch_optional};
use crate::{Conn, Error, Tx};

/// A partner's binary, with where its bytes are.
#[derive(Clone, Debug)]
pub struct Binary {
    /// What is known of the bytes.
    pub digests: Digests,
    /// The latest name it was uploaded under.
    pub file_name: Option<String>,
    /// Where the bytes are in the repository.
    pub location: String,
}

#[derive(sqlx::FromRow)]
pub(crate) struct BinaryRow {
    sha256: Vec<u8>,
    sha1: Vec<u8>,
    md5: Vec<u8>,
    size: i64,
    file_name: Option<String>,
    location: String,
}

impl TryFrom<BinaryRow> for Binary {
    type Error = Error;

    fn try_from(row: BinaryRow) -> Result<Self, Error> {
        let unexpected = || otaria_core::ids::InvalidId { expected: "must be digests and a size" };
        Ok(Self {
            digests: Digests {
                sha256: row.sha256.try_into()?,
                sha1: row.sha1.try_into().map_err(|_| unexpected())?,
                md5: row.md5.try_into().map_err(|_| unexpected())?,
                size: u64::try_from(row.size).map_err(|_| unexpected())?,
            },
            file_name: row.file_name,
            location: row.location,
        })
    }
}

/// Notes an upload whose bytes are durable at `location`. Returns where the bytes of this digest are kept: if
/// that is elsewhere, they were here before, and the caller removes its own copy.
pub async fn insert(
    tx: &mut Tx,
    scope: &ManagePartner,
    digests: &Digests,
    file_name: Option<&str>,
    location: &str,
    now: Timestamp,
) -> Result<String, Error> {
    // An update on conflict, not nothing: it locks the row against the sweeper.
    let (kept,): (String,) = fetch_one!(
        tx,
        "INSERT INTO blobs (sha256, sha1, md5, size, location, created_ms) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (sha256) DO UPDATE SET size = excluded.size
         RETURNING location",
        digests.sha256.as_bytes().as_slice(),
        digests.sha1.as_slice(),
        digests.md5.as_slice(),
        i64::try_from(digests.size).unwrap_or(i64::MAX),
        location,
        now.as_millis(),
    )?;
    execute!(
        tx,
        "INSERT INTO binaries (partner_id, sha256, file_name, uploaded_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (partner_id, sha256) DO UPDATE
         SET file_name = COALESCE(excluded.file_name, binaries.file_name), uploaded_ms = excluded.uploaded_ms",
        scope.partner_id().to_string(),
        digests.sha256.as_bytes().as_slice(),
        file_name,
        now.as_millis(),
    )?;
    Ok(kept)
}

/// Notes that the bytes of a digest are at `location` from now on and not at `lost`, where they are gone or damaged. `_`
/// vouches for them: its holder has just uploaded them. False if they are somewhere else by now.
pub async fn relocate(
    tx: &mut Tx,
    _: &ManagePartner,
    sha256: Sha256,
    lost: &str,
    location: &str,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "UPDATE blobs SET location = $3 WHERE sha256 = $1 AND location = $2",
        sha256.as_bytes().as_slice(),
        lost,
        location,
    )?;
    Ok(touched == 1)
}

/// The binaries `u` of the partner `$1` that have the digest `$2`, with their bytes `b`.
macro_rules! select_binary {
    ($rest:expr) => {
        concat!(
            "SELECT b.sha256, b.sha1, b.md5, b.size, u.file_name, b.location
             FROM binaries u JOIN blobs b ON b.sha256 = u.sha256
             WHERE u.partner_id = $1 AND u.sha256 = $2",
            $rest
        )
    };
}

/// The partner's binary, moved to the repository or not.
pub async fn uploaded(conn: &mut Conn, scope: &ViewPartner, sha256: Sha256) -> Result<Option<Binary>, Error> {
    let (partner, sha256) = (scope.partner_id().to_string(), sha256.as_bytes().as_slice());
    let row: Option<BinaryRow> = fetch_optional!(conn, select_binary!(""), partner, sha256)?;
    row.map(Binary::try_from).transpose()
}

/// Moves an upload of this partner to the repository for good; false if the partner has none of this digest.
pub async fn move_to_repository(
    tx: &mut Tx,
    scope: &ManagePartner,
    sha256: Sha256,
    now: Timestamp,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "UPDATE binaries SET moved_ms = COALESCE(moved_ms, $3) WHERE partner_id = $1 AND sha256 = $2",
        scope.partner_id().to_string(),
        sha256.as_bytes().as_slice(),
        now.as_millis(),
    )?;
    Ok(touched == 1)
}

/// The partner's binary in the repository.
pub async fn in_repository(conn: &mut Conn, scope: &ViewPartner, sha256: Sha256) -> Result<Option<Binary>, Error> {
    let (partner, sha256) = (scope.partner_id().to_string(), sha256.as_bytes().as_slice());
    let row: Option<BinaryRow> =
        fetch_optional!(conn, select_binary!(" AND u.moved_ms IS NOT NULL"), partner, sha256)?;
    row.map(Binary::try_from).transpose()
}

/// Whether the binary is in the repository of an image's partner. `_` vouches for the image: it is associated
/// with one of the caller's device types.
pub async fn is_in_repository_of(
    conn: &mut Conn,
    _: &ManagePartner,
    image_partner: PartnerId,
    sha256: Sha256,
) -> Result<bool, Error> {
    let (count,): (i64,) = fetch_one!(
        conn,
        "SELECT COUNT(*) FROM binaries WHERE partner_id = $1 AND sha256 = $2 AND moved_ms IS NOT NULL",
        image_partner.to_string(),
        sha256.as_bytes().as_slice(),
    )?;
    Ok(count > 0)
}

/// The binary of a push to this device, by the device's own number for the push.
pub async fn of_push(conn: &mut Conn, scope: &DeviceScope, action: i32) -> Result<Option<Binary>, Error> {
    let row: Option<BinaryRow> = fetch_optional!(
        conn,
        "SELECT b.sha256, b.sha1, b.md5, b.size, u.file_name, b.location
         FROM pushes p
         JOIN images i ON i.partner_id = p.image_partner_id AND i.id = p.image_id
         JOIN binaries u ON u.partner_id = i.partner_id AND u.sha256 = i.sha256
         JOIN blobs b ON b.sha256 = u.sha256
         WHERE p.partner_id = $1 AND p.device_id = $2 AND p.action = $3 AND u.moved_ms IS NOT NULL",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        i64::from(action),
    )?;
    row.map(Binary::try_from).transpose()
}

#[derive(sqlx::FromRow)]
struct DownloadRow {
    #[sqlx(flatten)]
    binary: BinaryRow,
    state: String,
    version_number: i64,
    installed: Option<i64>,
}

/// The binary of a push to a device, and all else that decides whether the device may have it.
#[derive(Clone, Debug)]
pub struct Download {
    /// The binary.
    pub binary: Binary,
    /// Where the push stands.
    pub state: PushState,
    /// What it delivers.
    pub version_number: VersionNumber,
    /// What the device runs of this type.
    pub installed: Option<VersionNumber>,
}

/// What a download of a push to this device needs to know, in one query.
pub async fn for_download(conn: &mut Conn, scope: &DeviceScope, action: i32) -> Result<Option<Download>, Error> {
    let row: Option<DownloadRow> = fetch_optional!(
        conn,
        "SELECT b.sha256, b.sha1, b.md5, b.size, u.file_name, b.location, p.state, p.version_number,
                v.version_number AS installed
         FROM pushes p
         LEFT JOIN device_versions v ON v.partner_id = p.partner_id AND v.device_id = p.device_id AND v.type = p.type
         JOIN images i ON i.partner_id = p.image_partner_id AND i.id = p.image_id
         JOIN binaries u ON u.partner_id = i.partner_id AND u.sha256 = i.sha256
         JOIN blobs b ON b.sha256 = u.sha256
         WHERE p.partner_id = $1 AND p.device_id = $2 AND p.action = $3 AND u.moved_ms IS NOT NULL",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        i64::from(action),
    )?;
    let download = row.map(|row| {
        Ok(Download {
            binary: row.binary.try_into()?,
            state: row.state.parse()?,
            version_number: VersionNumber::from_i64(row.version_number),
            installed: row.installed.map(VersionNumber::from_i64),
        })
    });
    download.transpose()
}

/// Forgets uploads that were not moved since `before`, and blobs that nobody has any more. Returns where the
/// bytes of those are, for the caller to remove once this is durable.
pub async fn forget_temporary(tx: &mut Tx, _: &InstallationScope, before: Timestamp) -> Result<Vec<String>, Error> {
    execute!(tx, "DELETE FROM binaries WHERE moved_ms IS NULL AND uploaded_ms < $1", before.as_millis(),)?;
    let rows: Vec<(String,)> = fetch_all!(
        tx,
        "DELETE FROM blobs WHERE created_ms < $1
           AND NOT EXISTS (SELECT 1 FROM binaries u WHERE u.sha256 = blobs.sha256)
         RETURNING location",
        before.as_millis(),
    )?;
    Ok(rows.into_iter().map(|(location,)| location).collect())
}

/// Whether a row names the bytes at this location.
pub async fn is_known(conn: &mut Conn, _: &InstallationScope, location: &str) -> Result<bool, Error> {
    let (count,): (i64,) = fetch_one!(conn, "SELECT COUNT(*) FROM blobs WHERE location = $1", location)?;
    Ok(count > 0)
}

/// Bytes as they are stored, for whoever looks after all of them.
#[derive(Clone, Debug)]
pub struct StoredBlob {
    /// What they are.
    pub sha256: Sha256,
    /// How many they are.
    pub size: u64,
    /// Where they are in the repository.
    pub location: String,
}

/// Up to `limit` blobs of the installation after that of the digest `after`, by digest.
pub async fn stored_after(
    conn: &mut Conn,
    _: &InstallationScope,
    after: Option<Sha256>,
    limit: i64,
) -> Result<Vec<StoredBlob>, Error> {
    let rows: Vec<(Vec<u8>, i64, String)> = fetch_all!(
        conn,
        "SELECT sha256, size, location FROM blobs WHERE sha256 > $1 ORDER BY sha256 LIMIT $2",
        after.map_or(Vec::new(), |sha256| sha256.as_bytes().to_vec()),
        limit,
    )?;
    let blobs = rows.into_iter().map(|(sha256, size, location)| {
        Ok(StoredBlob { sha256: sha256.try_into()?, size: u64::try_from(size).unwrap_or(0), location })
    });
    blobs.collect()
}
