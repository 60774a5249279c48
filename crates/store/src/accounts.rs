//! Accounts of end customers.

use otaria_core::rights::AccountPrivileges;
use otaria_core::{AccountId, Timestamp, UserId};

use crate::scopes::{ManagePartner, ViewAccount};
use crate::sql::{execute, fetch_one};
use crate::{Conn, Error, Tx};

/// An end customer's account.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Account {
    /// Its id.
    #[sqlx(try_from = "String")]
    pub account_id: AccountId,
    /// What it is called.
    pub description: String,
    /// When it was made.
    #[sqlx(try_from = "i64", rename = "created_ms")]
    pub created: Timestamp,
}

/// Stores an account that a partner's people make, and may therefore write to.
pub async fn insert(tx: &mut Tx, scope: &ManagePartner, account: &Account) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO accounts (account_id, partner_id, description, created_ms) VALUES ($1, $2, $3, $4)",
        account.account_id.to_string(),
        scope.partner_id().to_string(),
        &account.description,
        account.created.as_millis(),
    )?;
    Ok(())
}

/// Gives a person privileges at an account that this partner made.
pub async fn grant(
    tx: &mut Tx,
    scope: &ManagePartner,
    account: AccountId,
    user: UserId,
    privileges: AccountPrivileges,
) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO account_access (account_id, user_id, is_owner, can_write)
         SELECT account_id, $3, $4, $5 FROM accounts WHERE account_id = $1 AND partner_id = $2",
        account.to_string(),
        scope.partner_id().to_string(),
        user.to_string(),
        privileges.owner,
        privileges.can_write,
    )?;
    Ok(())
}

/// The account.
pub async fn get(conn: &mut Conn, scope: &ViewAccount) -> Result<Account, Error> {
    fetch_one!(
        conn,
        "SELECT account_id, description, created_ms FROM accounts WHERE account_id = $1",
        scope.account_id().to_string(),
    )
}

/// Whether this partner made the account.
pub async fn is_made_by(conn: &mut Conn, scope: &ManagePartner, account: AccountId) -> Result<bool, Error> {
    let (count,): (i64,) = fetch_one!(
        conn,
        "SELECT COUNT(*) FROM accounts WHERE account_id = $1 AND partner_id = $2",
        account.to_string(),
        scope.partner_id().to_string(),
    )?;
    Ok(count > 0)
}
