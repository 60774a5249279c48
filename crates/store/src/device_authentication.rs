//! How a partner's devices may prove who they are (device-ddi 1.2), and whom the partner trusts to certify them.

use otaria_core::{Sha256, Timestamp};
use sha2::Digest as _;

use crate::scopes::{ManagePartner, ViewPartner};
use crate::sql::{execute, fetch_one, fetch_optional};
use crate::{Conn, Error, Registers, Tx};

/// How a partner's devices may prove who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceAuthentication {
    /// Whether by a token of their own.
    pub target_tokens: bool,
    /// Whether by a token that their gateway has.
    pub gateway_tokens: bool,
    /// Whether by a certificate.
    pub certificates: bool,
    /// Who certifies them.
    pub trust: Trust,
    /// Where a certified device that nobody knew is put, if it is registered.
    pub registers: Option<Registers>,
    /// When this was last replaced; none: never.
    pub updated: Option<Timestamp>,
}

/// Whom a partner trusts to certify its devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// The certificates of its authorities, in PEM.
    pub ca_bundle: String,
    /// Their lists of what was revoked, in PEM.
    pub revocation_lists: String,
    /// The authorities whose names it takes from a proxy.
    pub proxy_authorities: Vec<String>,
}

impl Default for DeviceAuthentication {
    /// As it is where nobody has said anything: by tokens.
    fn default() -> Self {
        Self {
            target_tokens: true,
            gateway_tokens: true,
            certificates: false,
            trust: Trust::default(),
            registers: None,
            updated: None,
        }
    }
}

/// Between the names of a list in a row; no name contains it.
const SEPARATOR: &str = "\u{1e}";

impl Trust {
    /// The digest of all of it: what was found to be good by it stays so for as long as this is the same. Every part is
    /// preceded by its length, so that no two read alike.
    pub fn digest(&self) -> Sha256 {
        let mut hasher = sha2::Sha256::new();
        for part in [&self.ca_bundle, &self.revocation_lists, &self.proxy_authorities.join(SEPARATOR)] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        Sha256::from_bytes(hasher.finalize().into())
    }

    fn from_row(ca_bundle: String, revocation_lists: String, proxy_authorities: &str) -> Self {
        let names = proxy_authorities.split(SEPARATOR).filter(|name| !name.is_empty());
        Self { ca_bundle, revocation_lists, proxy_authorities: names.map(str::to_owned).collect() }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    target_tokens: bool,
    gateway_tokens: bool,
    certificates: bool,
    ca_bundle: String,
    revocation_lists: String,
    proxy_authorities: String,
    registers_device_type_id: Option<String>,
    registers_account_id: Option<String>,
    updated_ms: i64,
}

impl TryFrom<Row> for DeviceAuthentication {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            target_tokens: row.target_tokens,
            gateway_tokens: row.gateway_tokens,
            certificates: row.certificates,
            trust: Trust::from_row(row.ca_bundle, row.revocation_lists, &row.proxy_authorities),
            registers: Registers::from_row(row.registers_device_type_id, row.registers_account_id)?,
            updated: Some(Timestamp::from_millis(row.updated_ms)),
        })
    }
}

/// How the partner's devices may prove who they are.
pub async fn get(conn: &mut Conn, scope: &ViewPartner) -> Result<DeviceAuthentication, Error> {
    let row: Option<Row> = fetch_optional!(
        conn,
        "SELECT target_tokens, gateway_tokens, certificates, ca_bundle, revocation_lists, proxy_authorities,
                registers_device_type_id, registers_account_id, updated_ms
         FROM device_authentication WHERE partner_id = $1",
        scope.partner_id().to_string(),
    )?;
    row.map_or_else(|| Ok(DeviceAuthentication::default()), DeviceAuthentication::try_from)
}

/// Whom the partner trusts to certify its devices.
pub async fn trust(conn: &mut Conn, scope: &ViewPartner) -> Result<Trust, Error> {
    let row: Option<(String, String, String)> = fetch_optional!(
        conn,
        "SELECT ca_bundle, revocation_lists, proxy_authorities FROM device_authentication WHERE partner_id = $1",
        scope.partner_id().to_string(),
    )?;
    Ok(row.map(|(bundle, lists, names)| Trust::from_row(bundle, lists, &names)).unwrap_or_default())
}

/// Locks it until the transaction ends, and says what it was; for whoever replaces it.
pub async fn lock(tx: &mut Tx, scope: &ManagePartner, now: Timestamp) -> Result<DeviceAuthentication, Error> {
    let usual = DeviceAuthentication::default();
    let row: Row = fetch_one!(
        tx,
        "INSERT INTO device_authentication (partner_id, target_tokens, gateway_tokens, certificates, ca_bundle,
                                            revocation_lists, proxy_authorities, trust_digest, updated_ms)
         VALUES ($1, $2, $3, $4, '', '', '', $5, $6)
         ON CONFLICT (partner_id) DO UPDATE SET updated_ms = device_authentication.updated_ms
         RETURNING target_tokens, gateway_tokens, certificates, ca_bundle, revocation_lists, proxy_authorities,
                   registers_device_type_id, registers_account_id, updated_ms",
        scope.partner_id().to_string(),
        usual.target_tokens,
        usual.gateway_tokens,
        usual.certificates,
        usual.trust.digest().as_bytes().as_slice(),
        now.as_millis(),
    )?;
    row.try_into()
}

/// Replaces it, once it is locked.
///
/// # Errors
/// [`Error::Dangling`] if the partner has no such device type.
pub async fn replace(
    tx: &mut Tx,
    scope: &ManagePartner,
    new: &DeviceAuthentication,
    now: Timestamp,
) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE device_authentication
         SET target_tokens = $2, gateway_tokens = $3, certificates = $4, ca_bundle = $5, revocation_lists = $6,
             proxy_authorities = $7, trust_digest = $8, registers_device_type_id = $9, registers_account_id = $10,
             updated_ms = $11
         WHERE partner_id = $1",
        scope.partner_id().to_string(),
        new.target_tokens,
        new.gateway_tokens,
        new.certificates,
        &new.trust.ca_bundle,
        &new.trust.revocation_lists,
        new.trust.proxy_authorities.join(SEPARATOR),
        new.trust.digest().as_bytes().as_slice(),
        new.registers.map(|registers| registers.device_type_id.to_string()),
        new.registers.map(|registers| registers.account_id.to_string()),
        now.as_millis(),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_the_parts_apart() {
        let trust = |bundle: &str, lists: &str, names: &[&str]| Trust {
            ca_bundle: bundle.to_owned(),
            revocation_lists: lists.to_owned(),
            proxy_authorities: names.iter().map(|&name| name.to_owned()).collect(),
        };
        let digests = [
            trust("", "", &[]),
            trust("a", "", &[]),
            trust("", "a", &[]),
            trust("", "", &["a"]),
            trust("a", "b", &[]),
            trust("ab", "", &[]),
            trust("", "", &["a", "b"]),
            trust("", "", &["ab"]),
        ]
        .map(|trust| trust.digest());
        assert!((1..digests.len()).all(|at| !digests[..at].contains(&digests[at])), "{digests:?}");
        assert_eq!(trust("a", "b", &["c"]).digest(), trust("a", "b", &["c"]).digest());
    }
}
