//! Invitations: somebody is wanted at a partner and has not come yet.

use otaria_core::rights::PartnerPrivileges;
use otaria_core::{InvitationId, PartnerId, Timestamp, UserId};

use crate::privileges::PartnerPrivilegesRow;
use crate::scopes::{InstallationScope, InviteToPartner, OwnPartner};
use crate::sql::{execute, fetch_one, fetch_optional};
use crate::{Conn, Error, SecretHash, Tx, partners};

/// An invitation that nobody has accepted.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// To which partner.
    pub partner_id: PartnerId,
    /// Whose: an e-mail address in lower case.
    pub email: String,
    /// What they may do there.
    pub privileges: PartnerPrivileges,
    /// Who gave it, if that was a person: it goes when they go.
    pub invited_by: Option<UserId>,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it can be accepted.
    pub expires: Timestamp,
}

#[derive(sqlx::FromRow)]
struct InvitationRow {
    partner_id: String,
    invitation_id: String,
    email: String,
    #[sqlx(flatten)]
    privileges: PartnerPrivilegesRow,
    invited_by: Option<String>,
    created_ms: i64,
    expires_ms: i64,
}

impl TryFrom<InvitationRow> for Invitation {
    type Error = Error;

    fn try_from(row: InvitationRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.invitation_id.parse()?,
            partner_id: row.partner_id.parse()?,
            email: row.email,
            privileges: row.privileges.into(),
            invited_by: row.invited_by.map(|user| user.parse()).transpose()?,
            created: Timestamp::from_millis(row.created_ms),
            expires: Timestamp::from_millis(row.expires_ms),
        })
    }
}

macro_rules! invitation {
    ($rest:expr) => {
        concat!(
            $rest,
            " partner_id, invitation_id, email, is_owner, view_device_info, manage_device_profiles, invite_users,
              invited_by, created_ms, expires_ms"
        )
    };
}

/// Whether the partner's people include this address already.
pub async fn is_here(conn: &mut Conn, scope: &InviteToPartner, email: &str) -> Result<bool, Error> {
    let (count,): (i64,) = fetch_one!(
        conn,
        "SELECT COUNT(*) FROM partner_access a JOIN users u ON u.user_id = a.user_id
         WHERE a.partner_id = $1 AND u.email = $2",
        scope.partner_id().to_string(),
        email,
    )?;
    Ok(count > 0)
}

/// Stores an invitation. One to the same address is replaced, and its token with it; its id stays. Returns the id.
pub async fn insert(
    tx: &mut Tx,
    scope: &InviteToPartner,
    invitation: &Invitation,
    token: &SecretHash,
) -> Result<InvitationId, Error> {
    let (id,): (String,) = fetch_one!(
        tx,
        "INSERT INTO invitations (partner_id, invitation_id, email, token_hash, is_owner, view_device_info,
                                  manage_device_profiles, invite_users, created_ms, expires_ms, invited_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (partner_id, email) DO UPDATE
         SET token_hash = excluded.token_hash, is_owner = excluded.is_owner,
             view_device_info = excluded.view_device_info,
             manage_device_profiles = excluded.manage_device_profiles, invite_users = excluded.invite_users,
             created_ms = excluded.created_ms, expires_ms = excluded.expires_ms,
             invited_by = excluded.invited_by
         RETURNING invitation_id",
        scope.partner_id().to_string(),
        invitation.id.to_string(),
        &invitation.email,
        token.as_slice(),
        invitation.privileges.owner,
        invitation.privileges.view_device_info,
        invitation.privileges.manage_device_profiles,
        invitation.privileges.invite_users,
        invitation.created.as_millis(),
        invitation.expires.as_millis(),
        invitation.invited_by.map(|user| user.to_string()),
    )?;
    Ok(id.parse()?)
}

/// The partner's invitation to this address.
pub async fn by_email(conn: &mut Conn, scope: &InviteToPartner, email: &str) -> Result<Option<Invitation>, Error> {
    let row: Option<InvitationRow> = fetch_optional!(
        conn,
        concat!(invitation!("SELECT"), " FROM invitations WHERE partner_id = $1 AND email = $2"),
        scope.partner_id().to_string(),
        email,
    )?;
    row.map(Invitation::try_from).transpose()
}

/// The invitation that this token opens.
pub async fn by_token(
    conn: &mut Conn,
    _: &InstallationScope,
    token: &SecretHash,
    now: Timestamp,
) -> Result<Option<Invitation>, Error> {
    let row: Option<InvitationRow> = fetch_optional!(
        conn,
        concat!(invitation!("SELECT"), " FROM invitations WHERE token_hash = $1 AND expires_ms > $2"),
        token.as_slice(),
        now.as_millis(),
    )?;
    row.map(Invitation::try_from).transpose()
}

/// Uses up an invitation that this token opened a moment ago, as it is now, and returns the scope of the partner that
/// gave it. The partner's people are locked first: an owner who changes or withdraws it comes before or after.
pub async fn take(
    tx: &mut Tx,
    found: &Invitation,
    token: &SecretHash,
    now: Timestamp,
) -> Result<Option<(Invitation, OwnPartner)>, Error> {
    let partner = OwnPartner::of_invitation(found);
    partners::lock(tx, &partner).await?;
    let row: Option<InvitationRow> = fetch_optional!(
        tx,
        concat!(
            "DELETE FROM invitations WHERE partner_id = $1 AND token_hash = $2 AND expires_ms > $3 ",
            invitation!("RETURNING")
        ),
        partner.partner_id().to_string(),
        token.as_slice(),
        now.as_millis(),
    )?;
    Ok(row.map(Invitation::try_from).transpose()?.map(|invitation| (invitation, partner)))
}

/// Forgets what nobody accepted in time.
pub async fn forget_expired(tx: &mut Tx, _: &InstallationScope, now: Timestamp) -> Result<u64, Error> {
    execute!(tx, "DELETE FROM invitations WHERE expires_ms <= $1", now.as_millis())
}
