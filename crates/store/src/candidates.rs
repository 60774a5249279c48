//! Which images a device may be running, as far as it lets on.

use otaria_core::inference::{Candidate, Claim};
use otaria_core::{FirmwareType, Sha256, VersionNumber};

use crate::scopes::DeviceScope;
use crate::sql::fetch_all;
use crate::text::comparable;
use crate::{Conn, Error, sequences};

/// The images that a claim may be about, and what the device was known to run.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    /// The images, by version number.
    pub images: Vec<Candidate>,
    /// What the device runs of the type, if any image was found and it is known.
    pub installed: Option<VersionNumber>,
}

#[derive(sqlx::FromRow)]
struct CandidateRow {
    version_number: i64,
    version: String,
    sha256: Option<Vec<u8>>,
    md5: Option<Vec<u8>>,
    installed: Option<i64>,
}

/// The images of this type that the device could have, since they are associated with its device type or were once
/// pushed to it, and that this version, number or digest is of.
pub async fn of_claim(
    conn: &mut Conn,
    scope: &DeviceScope,
    firmware_type: FirmwareType,
    claim: &Claim,
) -> Result<Candidates, Error> {
    let number = claim.version.as_deref().and_then(|version| version.parse().ok()).map(VersionNumber::as_i64);
    let rows: Vec<CandidateRow> = fetch_all!(
        conn,
        "SELECT i.version_number, i.version, b.sha256, b.md5,
                (SELECT v.version_number FROM device_versions v
                 WHERE v.partner_id = $1 AND v.device_id = $2 AND v.type = $3) AS installed
         FROM images i LEFT JOIN blobs b ON b.sha256 = i.sha256
         WHERE i.type = $3 AND (i.version = $4 OR i.version_number = $5 OR b.sha256 = $6 OR b.md5 = $7)
           AND (i.partner_id, i.id) IN
               (SELECT a.image_partner_id, a.image_id FROM associations a
                JOIN devices d ON d.partner_id = a.partner_id AND d.device_type_id = a.device_type_id
                WHERE d.partner_id = $1 AND d.device_id = $2
                UNION
                SELECT p.image_partner_id, p.image_id FROM pushes p WHERE p.partner_id = $1 AND p.device_id = $2)
         ORDER BY i.version_number",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        i64::from(firmware_type.number()),
        claim.version.as_deref().map(comparable),
        number,
        claim.sha256.map(|sha256| sha256.as_bytes().to_vec()),
        claim.md5.map(|md5| md5.to_vec()),
    )?;
    let installed = rows.first().and_then(|row| row.installed).map(VersionNumber::from_i64);
    let images = rows.into_iter().map(|row| {
        Ok(Candidate {
            version_number: VersionNumber::from_i64(row.version_number),
            version: row.version,
            sha256: row.sha256.map(Sha256::try_from).transpose()?,
            md5: row.md5.and_then(|md5| md5.try_into().ok()),
            sealed: None,
        })
    });
    Ok(Candidates { images: images.collect::<Result<_, Error>>()?, installed })
}

/// Whether this version number was ever given out for the firmware type, to whomever. `_` is whose word it is for.
pub async fn was_given_out(
    conn: &mut Conn,
    _: &DeviceScope,
    firmware_type: FirmwareType,
    number: VersionNumber,
) -> Result<bool, Error> {
    Ok(sequences::last_version_number(conn, firmware_type).await?.is_some_and(|last| number <= last))
}
