//! Keys that the installation has for itself: made once, and the same for every process on the database.

use otaria_core::Timestamp;
use otaria_core::ids::InvalidId;

use crate::scopes::InstallationScope;
use crate::sql::{fetch_one, fetch_optional};
use crate::{Conn, Error, Tx};

/// How many bytes a key has: a block of SHA-256, which HMAC takes as it is.
const LENGTH: usize = 64;

/// A key of random bits. It is never shown.
#[derive(Clone)]
pub struct InstallationKey([u8; LENGTH]);

impl InstallationKey {
    /// A key of these bits.
    pub const fn new(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bits.
    pub const fn as_bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    fn from_row((bytes,): (Vec<u8>,)) -> Result<Self, Error> {
        Ok(Self(bytes.try_into().map_err(|_| InvalidId { expected: "must be a key of 64 bytes" })?))
    }
}

impl std::fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InstallationKey(…)")
    }
}

/// The key of this name, if it was made.
pub async fn get(conn: &mut Conn, _: &InstallationScope, name: &str) -> Result<Option<InstallationKey>, Error> {
    let row = fetch_optional!(conn, "SELECT key FROM installation_keys WHERE name = $1", name)?;
    row.map(InstallationKey::from_row).transpose()
}

/// Makes the key of this name, unless somebody did already. Returns the one that there is now.
pub async fn make(
    tx: &mut Tx,
    _: &InstallationScope,
    name: &str,
    candidate: &InstallationKey,
    now: Timestamp,
) -> Result<InstallationKey, Error> {
    let row = fetch_one!(
        tx,
        "INSERT INTO installation_keys (name, key, created_ms) VALUES ($1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET created_ms = installation_keys.created_ms
         RETURNING key",
        name,
        candidate.as_bytes().as_slice(),
        now.as_millis(),
    )?;
    InstallationKey::from_row(row)
}
