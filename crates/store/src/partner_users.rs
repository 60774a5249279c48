//! A partner's people: those who are there, and those who are invited.

use otaria_core::page::{Page, PageRequest};
use otaria_core::rights::{PartnerPrivileges, PartnerRight};
use otaria_core::{PartnerId, Timestamp, UserId};

use crate::lists::{List, fetch_page, list};
use crate::privileges::PartnerPrivilegesRow;
use crate::scopes::{AuditScope, InviteToPartner, OwnPartner};
use crate::sql::{execute, fetch_one, fetch_optional};
use crate::{Conn, Error, Tx, partners};

/// Somebody at a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartnerUser {
    /// Who. For somebody invited, the invitation's id.
    pub user_id: UserId,
    /// Their e-mail address.
    pub email: String,
    /// First name; empty until they came.
    pub first_name: String,
    /// Last name; empty until they came.
    pub last_name: String,
    /// What they may do.
    pub privileges: PartnerPrivileges,
    /// When they last signed in.
    pub last_used: Option<Timestamp>,
    /// When they came, or were invited.
    pub created: Timestamp,
    /// Until when their invitation can be accepted; none for those who are there.
    pub invited_until: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    email: String,
    first_name: String,
    last_name: String,
    #[sqlx(flatten)]
    privileges: PartnerPrivilegesRow,
    last_used_ms: Option<i64>,
    created_ms: i64,
    expires_ms: Option<i64>,
}

impl TryFrom<Row> for PartnerUser {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            user_id: row.id.parse()?,
            email: row.email,
            first_name: row.first_name,
            last_name: row.last_name,
            privileges: row.privileges.into(),
            last_used: row.last_used_ms.map(Timestamp::from_millis),
            created: Timestamp::from_millis(row.created_ms),
            invited_until: row.expires_ms.map(Timestamp::from_millis),
        })
    }
}

macro_rules! select_people {
    ($rest:expr) => {
        concat!(
            "SELECT id, email, first_name, last_name, is_owner, view_device_info, manage_device_profiles,
                    invite_users, last_used_ms, created_ms, expires_ms
             FROM (SELECT a.user_id AS id, u.email, u.first_name, u.last_name, a.is_owner, a.view_device_info,
                          a.manage_device_profiles, a.invite_users, u.last_used_ms, a.created_ms,
                          CAST(NULL AS BIGINT) AS expires_ms
                   FROM partner_access a JOIN users u ON u.user_id = a.user_id WHERE a.partner_id = $1
                   UNION ALL
                   SELECT invitation_id AS id, email, '' AS first_name, '' AS last_name, is_owner, view_device_info,
                          manage_device_profiles, invite_users, CAST(NULL AS BIGINT) AS last_used_ms, created_ms,
                          expires_ms
                   FROM invitations WHERE partner_id = $1) AS people ",
            $rest
        )
    };
}

/// What a list of people can be sorted on.
pub const SORTABLE: &[&str] = &["userId", "email", "firstName", "lastName", "createdTimestamp", "lastUsedTimestamp"];

list!(
    PEOPLE = List {
        select: select_people!(""),
        count: "SELECT (SELECT COUNT(*) FROM partner_access WHERE partner_id = $1)
                     + (SELECT COUNT(*) FROM invitations WHERE partner_id = $1)",
        arguments: 1,
        columns: &[
            ("userId", "id"),
            ("email", "email"),
            ("firstName", "first_name"),
            ("lastName", "last_name"),
            ("createdTimestamp", "created_ms"),
            ("lastUsedTimestamp", "last_used_ms"),
        ],
        tie: "id",
    }
);

/// A page of the partner's people.
pub async fn page(
    conn: &mut Conn,
    scope: &InviteToPartner,
    request: &PageRequest,
) -> Result<Page<PartnerUser>, Error> {
    let (rows, total_elements) = fetch_page!(conn, PEOPLE, request, Row, scope.partner_id().to_string())?;
    let content: Result<_, Error> = rows.into_iter().map(PartnerUser::try_from).collect();
    Ok(Page { content: content?, total_elements })
}

/// Whether this is the e-mail address of one of the partner's people, or of somebody invited.
pub async fn is_one(conn: &mut Conn, scope: AuditScope, email: &str) -> Result<bool, Error> {
    let (count,): (i64,) = fetch_one!(
        conn,
        "SELECT (SELECT COUNT(*) FROM partner_access a JOIN users u ON u.user_id = a.user_id
                 WHERE a.partner_id = $1 AND u.email = $2)
              + (SELECT COUNT(*) FROM invitations WHERE partner_id = $1 AND email = $2)",
        scope.partner_id().to_string(),
        email,
    )?;
    Ok(count > 0)
}

/// One of the partner's people, or somebody invited.
pub async fn get(conn: &mut Conn, scope: &InviteToPartner, user: UserId) -> Result<Option<PartnerUser>, Error> {
    one(conn, scope.partner_id(), user).await
}

/// The same, with all of the partner's people locked until the transaction ends: so that two owners who remove
/// each other at once do not both succeed.
pub async fn lock(tx: &mut Tx, scope: &OwnPartner, user: UserId) -> Result<Option<PartnerUser>, Error> {
    partners::lock(tx, scope).await?;
    one(tx, scope.partner_id(), user).await
}

async fn one(conn: &mut Conn, partner: PartnerId, user: UserId) -> Result<Option<PartnerUser>, Error> {
    let row: Option<Row> =
        fetch_optional!(conn, select_people!("WHERE id = $2"), partner.to_string(), user.to_string())?;
    row.map(PartnerUser::try_from).transpose()
}

/// How many owners the partner has. Somebody invited is none yet.
pub async fn owners(conn: &mut Conn, scope: &OwnPartner) -> Result<i64, Error> {
    let (count,): (i64,) = fetch_one!(
        conn,
        "SELECT COUNT(*) FROM partner_access WHERE partner_id = $1 AND is_owner",
        scope.partner_id().to_string(),
    )?;
    Ok(count)
}

/// Changes what somebody who is there, or invited, may do. Whoever may not manage any more keeps nothing at the accounts
/// that the partner made.
pub async fn set_privileges(
    tx: &mut Tx,
    scope: &OwnPartner,
    user: UserId,
    privileges: PartnerPrivileges,
) -> Result<(), Error> {
    if !privileges.allow(PartnerRight::Manage) {
        leave_accounts(tx, scope, user).await?;
    }
    let (partner, user) = (scope.partner_id().to_string(), user.to_string());
    execute!(
        tx,
        "UPDATE partner_access SET is_owner = $3, view_device_info = $4, manage_device_profiles = $5, invite_users = $6
         WHERE partner_id = $1 AND user_id = $2",
        &partner,
        &user,
        privileges.owner,
        privileges.view_device_info,
        privileges.manage_device_profiles,
        privileges.invite_users,
    )?;
    execute!(
        tx,
        "UPDATE invitations SET is_owner = $3, view_device_info = $4, manage_device_profiles = $5, invite_users = $6
         WHERE partner_id = $1 AND invitation_id = $2",
        &partner,
        &user,
        privileges.owner,
        privileges.view_device_info,
        privileges.manage_device_profiles,
        privileges.invite_users,
    )?;
    Ok(())
}

/// Takes what somebody may do at the accounts that the partner made.
async fn leave_accounts(tx: &mut Tx, scope: &OwnPartner, user: UserId) -> Result<(), Error> {
    execute!(
        tx,
        "DELETE FROM account_access
         WHERE user_id = $2 AND account_id IN (SELECT account_id FROM accounts WHERE partner_id = $1)",
        scope.partner_id().to_string(),
        user.to_string(),
    )?;
    Ok(())
}

/// Removes somebody: what they may do at the partner and at the accounts it made, and the sign-ins through its
/// client, and the invitations that they gave; or withdraws their invitation.
pub async fn remove(tx: &mut Tx, scope: &OwnPartner, user: UserId, now: Timestamp) -> Result<(), Error> {
    leave_accounts(tx, scope, user).await?;
    let (partner, user) = (scope.partner_id().to_string(), user.to_string());
    execute!(tx, "DELETE FROM partner_access WHERE partner_id = $1 AND user_id = $2", &partner, &user)?;
    execute!(tx, "DELETE FROM invitations WHERE partner_id = $1 AND invitation_id = $2", &partner, &user)?;
    execute!(tx, "DELETE FROM invitations WHERE partner_id = $1 AND invited_by = $2", &partner, &user,)?;
    execute!(
        tx,
        "UPDATE token_families SET revoked_ms = $3 WHERE partner_id = $1 AND user_id = $2 AND revoked_ms IS NULL",
        &partner,
        &user,
        now.as_millis(),
    )?;
    Ok(())
}
