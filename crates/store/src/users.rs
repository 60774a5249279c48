//! People: their credentials, and what they have access to.

use otaria_core::rights::{AccountPrivileges, PartnerPrivileges};
use otaria_core::{AccountId, PartnerId, Timestamp, UserId};

use crate::privileges::{AccountPrivilegesRow, PartnerPrivilegesRow, select_accounts};
use crate::scopes::InstallationScope;
use crate::sql::{execute, fetch_all, fetch_optional};
use crate::{Conn, Error, Tx};

/// A person who can sign in.
#[derive(Clone, Debug)]
pub struct User {
    /// Who.
    pub user_id: UserId,
    /// Their e-mail address in lower case: the name they sign in with.
    pub email: String,
    /// First name; may be empty.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
    /// Argon2id, as a PHC string.
    pub password_hash: String,
    /// Whether the installation is theirs.
    pub is_admin: bool,
    /// Wrong passwords since the last right one.
    pub failed_attempts: i64,
    /// When they last signed in.
    pub last_used: Option<Timestamp>,
    /// When they were made.
    pub created: Timestamp,
}

#[derive(sqlx::FromRow)]
struct UserRow {
    user_id: String,
    email: String,
    first_name: String,
    last_name: String,
    password_hash: String,
    is_admin: bool,
    failed_attempts: i64,
    last_used_ms: Option<i64>,
    created_ms: i64,
}

impl TryFrom<UserRow> for User {
    type Error = Error;

    fn try_from(row: UserRow) -> Result<Self, Error> {
        Ok(Self {
            user_id: row.user_id.parse()?,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            password_hash: row.password_hash,
            is_admin: row.is_admin,
            failed_attempts: row.failed_attempts,
            last_used: row.last_used_ms.map(Timestamp::from_millis),
            created: Timestamp::from_millis(row.created_ms),
        })
    }
}

/// Stores a new person.
///
/// # Errors
/// [`Error::Duplicate`] if the e-mail address is taken.
pub async fn insert(tx: &mut Tx, _: &InstallationScope, user: &User) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO users (user_id, email, first_name, last_name, password_hash, is_admin,
                            failed_attempts, created_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        user.user_id.to_string(),
        &user.email,
        &user.first_name,
        &user.last_name,
        &user.password_hash,
        user.is_admin,
        user.failed_attempts,
        user.created.as_millis(),
    )?;
    Ok(())
}

/// The person with this e-mail address, in lower case.
pub async fn by_email(conn: &mut Conn, _: &InstallationScope, email: &str) -> Result<Option<User>, Error> {
    let row: Option<UserRow> = fetch_optional!(
        conn,
        "SELECT user_id, email, first_name, last_name, password_hash, is_admin, failed_attempts,
                last_used_ms, created_ms
         FROM users WHERE email = $1",
        email,
    )?;
    row.map(User::try_from).transpose()
}

/// The person with this id.
pub async fn by_id(conn: &mut Conn, _: &InstallationScope, user: UserId) -> Result<Option<User>, Error> {
    let row: Option<UserRow> = fetch_optional!(
        conn,
        "SELECT user_id, email, first_name, last_name, password_hash, is_admin, failed_attempts,
                last_used_ms, created_ms
         FROM users WHERE user_id = $1",
        user.to_string(),
    )?;
    row.map(User::try_from).transpose()
}

/// Replaces a person's password, whatever it was.
pub async fn set_password(tx: &mut Tx, _: &InstallationScope, user: UserId, hash: &str) -> Result<(), Error> {
    execute!(tx, "UPDATE users SET password_hash = $2 WHERE user_id = $1", user.to_string(), hash)?;
    Ok(())
}

/// Replaces this password of a person's by another; false if it is not theirs any more.
pub async fn replace_password(
    tx: &mut Tx,
    _: &InstallationScope,
    user: UserId,
    known_hash: &str,
    hash: &str,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "UPDATE users SET password_hash = $3 WHERE user_id = $1 AND password_hash = $2",
        user.to_string(),
        known_hash,
        hash,
    )?;
    Ok(touched == 1)
}

/// Counts a wrong password for this name, if it is anybody's.
pub async fn count_failure(tx: &mut Tx, _: &InstallationScope, email: &str) -> Result<(), Error> {
    execute!(tx, "UPDATE users SET failed_attempts = failed_attempts + 1 WHERE email = $1", email)?;
    Ok(())
}

/// Notes that this password was right; false if it is another one by now.
pub async fn count_success(
    tx: &mut Tx,
    _: &InstallationScope,
    user: UserId,
    password_hash: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "UPDATE users SET failed_attempts = 0, last_used_ms = $3 WHERE user_id = $1 AND password_hash = $2",
        user.to_string(),
        password_hash,
        now.as_millis(),
    )?;
    Ok(touched == 1)
}

/// A partner that a person has access to.
#[derive(Clone, Debug)]
pub struct PartnerAccess {
    /// The partner.
    pub partner_id: PartnerId,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// The id of its client.
    pub client_id: String,
    /// What the person may do there.
    pub privileges: PartnerPrivileges,
}

#[derive(sqlx::FromRow)]
struct PartnerAccessRow {
    partner_id: String,
    name: String,
    created_ms: i64,
    client_id: String,
    #[sqlx(flatten)]
    privileges: PartnerPrivilegesRow,
}

/// The partners that a person has access to, oldest first.
pub async fn partner_access(
    conn: &mut Conn,
    _: &InstallationScope,
    user: UserId,
) -> Result<Vec<PartnerAccess>, Error> {
    let rows: Vec<PartnerAccessRow> = fetch_all!(
        conn,
        "SELECT p.partner_id, p.name, p.created_ms, p.client_id,
                a.is_owner, a.view_device_info, a.manage_device_profiles, a.invite_users
         FROM partner_access a JOIN partners p ON p.partner_id = a.partner_id
         WHERE a.user_id = $1 ORDER BY a.created_ms, p.partner_id",
        user.to_string(),
    )?;
    let access = rows.into_iter().map(|row| {
        Ok(PartnerAccess {
            partner_id: row.partner_id.parse()?,
            name: row.name,
            created: Timestamp::from_millis(row.created_ms),
            client_id: row.client_id,
            privileges: row.privileges.into(),
        })
    });
    access.collect()
}

/// An account that a person has access to.
#[derive(Clone, Debug)]
pub struct AccountAccess {
    /// The account.
    pub account_id: AccountId,
    /// What it is called.
    pub description: String,
    /// When it was made.
    pub created: Timestamp,
    /// What the person may do there.
    pub privileges: AccountPrivileges,
}

#[derive(sqlx::FromRow)]
struct AccountAccessRow {
    account_id: String,
    description: String,
    created_ms: i64,
    #[sqlx(flatten)]
    privileges: AccountPrivilegesRow,
}

/// The accounts that a person has access to, oldest first: their own, and those their partners made.
pub async fn account_access(
    conn: &mut Conn,
    _: &InstallationScope,
    user: UserId,
) -> Result<Vec<AccountAccess>, Error> {
    let rows: Vec<AccountAccessRow> =
        fetch_all!(conn, select_accounts!("ORDER BY c.created_ms, c.account_id"), user.to_string(),)?;
    let access = rows.into_iter().map(|row| {
        Ok(AccountAccess {
            account_id: row.account_id.parse()?,
            description: row.description,
            created: Timestamp::from_millis(row.created_ms),
            privileges: row.privileges.into(),
        })
    });
    access.collect()
}
