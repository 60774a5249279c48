//! Scopes: what a caller was found to be allowed, as values that only this crate can make.
//!
//! A function that reads or writes what belongs to a partner takes the partner's scope, and takes the partner's
//! id from nowhere else. A scope to change derefs to the scope to read, never the other way round.

mod device;

use std::ops::Deref;

use otaria_core::rights::{AccountPrivileges, AccountRight, PartnerPrivileges, PartnerRight};
use otaria_core::{AccountId, DeviceId, PartnerId, Timestamp, UserId};

use crate::invitations::Invitation;
use crate::privileges::{AccountPrivilegesRow, PartnerPrivilegesRow, select_accounts};
use crate::sql::fetch_optional;
use crate::{Conn, Error, SecretHash};

pub use device::{
    AuthenticatedDevice, CertifiedDevice, LinkHolder, LinkedDevice, RegisterDevices, Registrar, SpokenFor,
};

/// May read what belongs to one partner.
#[derive(Clone, Copy, Debug)]
pub struct ViewPartner(PartnerId);

/// May change what belongs to one partner, and push.
#[derive(Clone, Copy, Debug)]
pub struct ManagePartner(ViewPartner);

/// May change the partner itself.
#[derive(Clone, Copy, Debug)]
pub struct OwnPartner(ManagePartner);

/// May read one account.
#[derive(Clone, Copy, Debug)]
pub struct ViewAccount(AccountId);

/// May change one account's devices.
#[derive(Clone, Copy, Debug)]
pub struct WriteAccount(ViewAccount);

/// May do the few things that stand above partners: first credentials, new partners, signing in, chores.
#[derive(Clone, Copy, Debug)]
pub struct InstallationScope(());

/// May add to one partner's audit log. Whoever may read the partner may, and whoever signed in through its client.
#[derive(Clone, Copy, Debug)]
pub struct AuditScope(PartnerId);

/// May invite people to one partner.
#[derive(Clone, Copy, Debug)]
pub struct InviteToPartner {
    partner_id: PartnerId,
    own: PartnerPrivileges,
}

/// One device: its own pushes, its own versions. Of a device that showed its credential, or of one that somebody looks at
/// who may read its partner.
#[derive(Clone, Debug)]
pub struct DeviceScope {
    partner_id: PartnerId,
    device_id: DeviceId,
}

impl ViewPartner {
    /// The partner.
    pub const fn partner_id(&self) -> PartnerId {
        self.0
    }
}

impl Deref for ManagePartner {
    type Target = ViewPartner;

    fn deref(&self) -> &ViewPartner {
        &self.0
    }
}

impl Deref for OwnPartner {
    type Target = ManagePartner;

    fn deref(&self) -> &ManagePartner {
        &self.0
    }
}

impl AuditScope {
    /// The partner.
    pub const fn partner_id(&self) -> PartnerId {
        self.0
    }
}

impl OwnPartner {
    /// The scope in which an invitation is accepted.
    pub(crate) const fn of_invitation(invitation: &Invitation) -> Self {
        Self(ManagePartner(ViewPartner(invitation.partner_id)))
    }
}

impl From<&ViewPartner> for AuditScope {
    fn from(scope: &ViewPartner) -> Self {
        Self(scope.0)
    }
}

impl From<&ManagePartner> for AuditScope {
    fn from(scope: &ManagePartner) -> Self {
        Self(scope.partner_id())
    }
}

impl From<&OwnPartner> for AuditScope {
    fn from(scope: &OwnPartner) -> Self {
        Self(scope.partner_id())
    }
}

impl From<&InviteToPartner> for AuditScope {
    fn from(scope: &InviteToPartner) -> Self {
        Self(scope.partner_id())
    }
}

impl From<&DeviceScope> for AuditScope {
    fn from(scope: &DeviceScope) -> Self {
        Self(scope.partner_id)
    }
}

impl InviteToPartner {
    /// The partner.
    pub const fn partner_id(&self) -> PartnerId {
        self.partner_id
    }

    /// What the inviting caller may do at the partner; nobody gives more than they have.
    pub const fn own(&self) -> PartnerPrivileges {
        self.own
    }
}

impl ViewAccount {
    /// The account.
    pub const fn account_id(&self) -> AccountId {
        self.0
    }
}

impl Deref for WriteAccount {
    type Target = ViewAccount;

    fn deref(&self) -> &ViewAccount {
        &self.0
    }
}

impl InstallationScope {
    /// The scope of the process itself: signing people in, bootstrapping, chores. A request gets one only
    /// through [`Caller::administrate`].
    pub const fn of_the_process() -> Self {
        Self(())
    }

    /// The scope of a partner that this process has just made.
    pub const fn of_new_partner(&self, partner_id: PartnerId) -> OwnPartner {
        OwnPartner(ManagePartner(ViewPartner(partner_id)))
    }

    /// The scope to add to the log of the partner through whose client somebody signs in.
    pub const fn audit(&self, partner_id: PartnerId) -> AuditScope {
        AuditScope(partner_id)
    }
}

impl DeviceScope {
    /// That of a device which the caller has found within a scope of their own.
    pub(crate) const fn new(partner_id: PartnerId, device_id: DeviceId) -> Self {
        Self { partner_id, device_id }
    }

    /// The partner whose device it is.
    pub const fn partner_id(&self) -> PartnerId {
        self.partner_id
    }

    /// The device.
    pub const fn device_id(&self) -> &DeviceId {
        &self.device_id
    }

    /// What names the device among all there are.
    pub fn key(&self) -> (PartnerId, DeviceId) {
        (self.partner_id, self.device_id.clone())
    }
}

/// Who holds an access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A person.
    User {
        /// Who.
        user_id: UserId,
        /// Whether the installation is theirs.
        is_admin: bool,
    },
    /// A partner's own client, such as its CI: acts as an owner of its partner.
    Client {
        /// The partner.
        partner_id: PartnerId,
    },
}

/// What an access token opens.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who holds the token.
    pub caller: Caller,
    /// The family of tokens that it belongs to.
    pub family_id: String,
    /// The partner through whose client the caller signed in.
    partner_id: PartnerId,
    token: SecretHash,
}

impl Session {
    /// The scope to add to the log of the partner through whose client the caller signed in.
    pub const fn audit(&self) -> AuditScope {
        AuditScope(self.partner_id)
    }
}

#[derive(sqlx::FromRow)]
struct SessionRow {
    family_id: String,
    partner_id: String,
    user_id: Option<String>,
    is_admin: Option<bool>,
}

impl Session {
    /// Whether the token still opens it.
    pub async fn is_valid(&self, conn: &mut Conn, now: Timestamp) -> Result<bool, Error> {
        Ok(Self::by_token(conn, &self.token, now).await?.is_some_and(|session| session.caller == self.caller))
    }

    /// What this access token opens, if it is neither expired, revoked nor unknown.
    pub async fn by_token(conn: &mut Conn, token: &SecretHash, now: Timestamp) -> Result<Option<Self>, Error> {
        let row: Option<SessionRow> = fetch_optional!(
            conn,
            "SELECT f.family_id, f.partner_id, f.user_id, u.is_admin
             FROM access_tokens t
             JOIN token_families f ON f.family_id = t.family_id
             LEFT JOIN users u ON u.user_id = f.user_id
             WHERE t.token_hash = $1 AND t.expires_ms > $2 AND f.revoked_ms IS NULL",
            token.as_slice(),
            now.as_millis(),
        )?;
        let Some(row) = row else { return Ok(None) };
        let partner_id = row.partner_id.parse()?;
        let caller = match row.user_id {
            Some(user_id) => Caller::User { user_id: user_id.parse()?, is_admin: row.is_admin.unwrap_or(false) },
            None => Caller::Client { partner_id },
        };
        Ok(Some(Self { caller, family_id: row.family_id, partner_id, token: *token }))
    }
}

impl Caller {
    /// The caller's privileges at a partner; none where the partner does not exist, which must look the same.
    async fn partner_privileges(
        &self,
        conn: &mut Conn,
        partner: PartnerId,
    ) -> Result<Option<PartnerPrivileges>, Error> {
        match self {
            Self::Client { partner_id } if *partner_id == partner => Ok(Some(PartnerPrivileges::OWNER)),
            Self::Client { .. } => Ok(None),
            Self::User { user_id, .. } => {
                let row: Option<PartnerPrivilegesRow> = fetch_optional!(
                    conn,
                    "SELECT is_owner, view_device_info, manage_device_profiles, invite_users
                     FROM partner_access WHERE partner_id = $1 AND user_id = $2",
                    partner.to_string(),
                    user_id.to_string(),
                )?;
                Ok(row.map(PartnerPrivileges::from))
            }
        }
    }

    async fn enter_partner(
        &self,
        conn: &mut Conn,
        partner: PartnerId,
        right: PartnerRight,
    ) -> Result<Option<ViewPartner>, Error> {
        let privileges = self.partner_privileges(conn, partner).await?;
        Ok(privileges.filter(|privileges| privileges.allow(right)).map(|_| ViewPartner(partner)))
    }

    /// The scope to read a partner, if the caller may.
    pub async fn view_partner(&self, conn: &mut Conn, partner: PartnerId) -> Result<Option<ViewPartner>, Error> {
        self.enter_partner(conn, partner, PartnerRight::View).await
    }

    /// The scope to change what belongs to a partner, if the caller may.
    pub async fn manage_partner(&self, conn: &mut Conn, partner: PartnerId) -> Result<Option<ManagePartner>, Error> {
        Ok(self.enter_partner(conn, partner, PartnerRight::Manage).await?.map(ManagePartner))
    }

    /// The scope to change a partner itself, if the caller may.
    pub async fn own_partner(&self, conn: &mut Conn, partner: PartnerId) -> Result<Option<OwnPartner>, Error> {
        Ok(self.enter_partner(conn, partner, PartnerRight::Own).await?.map(|view| OwnPartner(ManagePartner(view))))
    }

    /// The scope to invite people to a partner, if the caller may.
    pub async fn invite_to_partner(
        &self,
        conn: &mut Conn,
        partner: PartnerId,
    ) -> Result<Option<InviteToPartner>, Error> {
        let privileges = self.partner_privileges(conn, partner).await?;
        let may = privileges.filter(|privileges| privileges.allow(PartnerRight::Invite));
        Ok(may.map(|own| InviteToPartner { partner_id: partner, own }))
    }

    /// The scope above partners, for the installation's admin.
    pub fn administrate(&self) -> Option<InstallationScope> {
        matches!(self, Self::User { is_admin: true, .. }).then_some(InstallationScope(()))
    }

    /// The caller's privileges at an account: its own, and `canWrite` for those who may manage the partner that made it.
    async fn account_privileges(
        &self,
        conn: &mut Conn,
        account: AccountId,
    ) -> Result<Option<AccountPrivileges>, Error> {
        let row: Option<AccountPrivilegesRow> = match self {
            Self::Client { partner_id } => fetch_optional!(
                conn,
                "SELECT FALSE AS is_owner, TRUE AS can_write FROM accounts WHERE account_id = $1 AND partner_id = $2",
                account.to_string(),
                partner_id.to_string(),
            ),
            Self::User { user_id, .. } => fetch_optional!(
                conn,
                select_accounts!("AND c.account_id = $2"),
                user_id.to_string(),
                account.to_string(),
            ),
        }?;
        Ok(row.map(AccountPrivileges::from))
    }

    /// The scope to read an account, if the caller may.
    pub async fn view_account(&self, conn: &mut Conn, account: AccountId) -> Result<Option<ViewAccount>, Error> {
        let privileges = self.account_privileges(conn, account).await?;
        Ok(privileges.filter(|privileges| privileges.allow(AccountRight::View)).map(|_| ViewAccount(account)))
    }

    /// The scope to change an account's devices, if the caller may.
    pub async fn write_account(&self, conn: &mut Conn, account: AccountId) -> Result<Option<WriteAccount>, Error> {
        let privileges = self.account_privileges(conn, account).await?;
        let may_write = privileges.filter(|privileges| privileges.allow(AccountRight::Write));
        Ok(may_write.map(|_| WriteAccount(ViewAccount(account))))
    }
}
