//! Partners, and the secrets of their clients.

use otaria_core::rights::PartnerPrivileges;
use otaria_core::{PartnerId, Timestamp, UserId};
use subtle::ConstantTimeEq as _;

use crate::scopes::{InstallationScope, OwnPartner, ViewPartner};
use crate::sql::{execute, fetch_all, fetch_one, fetch_optional};
use crate::{Conn, Error, SecretHash, Tx};

/// A partner.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Partner {
    /// Its id.
    #[sqlx(try_from = "String")]
    pub partner_id: PartnerId,
    /// Its name.
    pub name: String,
    /// Its name in device URLs, if it has one.
    pub short_name: Option<String>,
    /// Whom to write to, if set.
    pub contact_email: Option<String>,
    /// The id of its client.
    pub client_id: String,
    /// When it was made.
    #[sqlx(try_from = "i64", rename = "created_ms")]
    pub created: Timestamp,
}

/// Whether a partner is the one that devices reach as `DEFAULT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The installation's default partner, of which there is one.
    Default,
    /// Any other.
    Ordinary,
}

/// Stores a new partner with its first client secret.
///
/// # Errors
/// [`Error::Duplicate`] if its short name is taken, or a default partner exists already.
pub async fn insert(
    tx: &mut Tx,
    _: &InstallationScope,
    partner: &Partner,
    standing: Standing,
    secret: &SecretHash,
) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO partners (partner_id, name, short_name, contact_email, is_default, client_id, created_ms, updated_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)",
        partner.partner_id.to_string(),
        &partner.name,
        &partner.short_name,
        &partner.contact_email,
        standing == Standing::Default,
        &partner.client_id,
        partner.created.as_millis(),
    )?;
    execute!(
        tx,
        "INSERT INTO client_secrets (partner_id, secret_hash, created_ms) VALUES ($1, $2, $3)",
        partner.partner_id.to_string(),
        secret.as_slice(),
        partner.created.as_millis(),
    )?;
    Ok(())
}

/// Whether the installation has its default partner, and so was bootstrapped.
pub async fn has_default(conn: &mut Conn, _: &InstallationScope) -> Result<bool, Error> {
    let (count,): (i64,) = fetch_one!(conn, "SELECT COUNT(*) FROM partners WHERE is_default")?;
    Ok(count > 0)
}

/// The partner.
pub async fn get(conn: &mut Conn, scope: &ViewPartner) -> Result<Partner, Error> {
    fetch_one!(
        conn,
        "SELECT partner_id, name, short_name, contact_email, client_id, created_ms
         FROM partners WHERE partner_id = $1",
        scope.partner_id().to_string(),
    )
}

/// Locks the partner and its people until the transaction ends.
pub async fn lock(tx: &mut Tx, scope: &ViewPartner) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE partners SET updated_ms = updated_ms WHERE partner_id = $1",
        scope.partner_id().to_string(),
    )?;
    Ok(())
}

/// Replaces a partner's name, short name and contact.
///
/// # Errors
/// [`Error::Duplicate`] if the short name is taken.
pub async fn update(
    tx: &mut Tx,
    scope: &OwnPartner,
    name: &str,
    short_name: Option<&str>,
    contact_email: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE partners SET name = $2, short_name = $3, contact_email = $4, updated_ms = $5 WHERE partner_id = $1",
        scope.partner_id().to_string(),
        name,
        short_name,
        contact_email,
        now.as_millis(),
    )?;
    Ok(())
}

/// Gives a person privileges at a partner.
pub async fn grant(
    tx: &mut Tx,
    scope: &OwnPartner,
    user: UserId,
    privileges: PartnerPrivileges,
    now: Timestamp,
) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO partner_access
         (partner_id, user_id, is_owner, view_device_info, manage_device_profiles, invite_users, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        scope.partner_id().to_string(),
        user.to_string(),
        privileges.owner,
        privileges.view_device_info,
        privileges.manage_device_profiles,
        privileges.invite_users,
        now.as_millis(),
    )?;
    Ok(())
}

/// Gives the partner's client a new secret. Those it had are valid until `old_until` at most.
pub async fn replace_secret(
    tx: &mut Tx,
    scope: &OwnPartner,
    secret: &SecretHash,
    old_until: Timestamp,
    now: Timestamp,
) -> Result<(), Error> {
    let partner = scope.partner_id().to_string();
    execute!(
        tx,
        "UPDATE client_secrets SET expires_ms = $2 WHERE partner_id = $1 AND (expires_ms IS NULL OR expires_ms > $2)",
        &partner,
        old_until.as_millis(),
    )?;
    execute!(tx, "DELETE FROM client_secrets WHERE partner_id = $1 AND expires_ms <= $2", &partner, now.as_millis(),)?;
    execute!(
        tx,
        "INSERT INTO client_secrets (partner_id, secret_hash, created_ms) VALUES ($1, $2, $3)",
        &partner,
        secret.as_slice(),
        now.as_millis(),
    )?;
    Ok(())
}

/// Every partner with its name, and whatever else has an audit log, without a name: for whoever verifies them all.
pub async fn with_logs(conn: &mut Conn, _: &InstallationScope) -> Result<Vec<(PartnerId, Option<String>)>, Error> {
    let rows: Vec<(String, Option<String>)> = fetch_all!(
        conn,
        "SELECT l.partner_id, p.name
         FROM (SELECT partner_id FROM partners UNION SELECT partner_id FROM audit_heads
               UNION SELECT partner_id FROM audit_log) AS l
         LEFT JOIN partners p ON p.partner_id = l.partner_id ORDER BY l.partner_id",
    )?;
    rows.into_iter().map(|(id, name)| Ok((id.parse()?, name))).collect()
}

/// The partner that has this client, whoever asks; none if no partner has.
pub async fn of_client(conn: &mut Conn, _: &InstallationScope, client_id: &str) -> Result<Option<PartnerId>, Error> {
    let row: Option<(String,)> =
        fetch_optional!(conn, "SELECT partner_id FROM partners WHERE client_id = $1", client_id)?;
    Ok(row.map(|(id,)| id.parse()).transpose()?)
}

#[derive(sqlx::FromRow)]
struct ClientRow {
    partner_id: String,
    secret_hash: Vec<u8>,
}

/// The partner whose client this is, if the secret is one of its secrets.
pub async fn by_client(
    conn: &mut Conn,
    _: &InstallationScope,
    client_id: &str,
    secret: &SecretHash,
    now: Timestamp,
) -> Result<Option<PartnerId>, Error> {
    let rows: Vec<ClientRow> = fetch_all!(
        conn,
        "SELECT p.partner_id, s.secret_hash
         FROM partners p JOIN client_secrets s ON s.partner_id = p.partner_id
         WHERE p.client_id = $1 AND (s.expires_ms IS NULL OR s.expires_ms > $2)",
        client_id,
        now.as_millis(),
    )?;
    let found = rows.into_iter().find(|row| bool::from(row.secret_hash.ct_eq(secret.as_slice())));
    Ok(found.map(|row| row.partner_id.parse()).transpose()?)
}
