//! A partner's people: inviting them, changing what they may do, removing them.

use std::net::IpAddr;

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::page::{Page, PageRequest};
use otaria_core::rights::PartnerPrivileges;
use otaria_core::{EmailAddress, InvitationId, PartnerId, Timestamp, UserId};
use otaria_store::audit::{Change, Deed, Who};
use otaria_store::invitations::{self, Invitation};
use otaria_store::partner_users::{self, PartnerUser};
use otaria_store::scopes::{Caller, InstallationScope, InviteToPartner, OwnPartner};
use otaria_store::users::{self, User};
use otaria_store::{SecretHash, Tx, partners};
use serde_json::json;
use uuid::Uuid;

use crate::actions::audit::{Actor, Origin};
use crate::actions::passwords::PasswordCheck;
use crate::actions::revisions::{Replaces, Revision};
use crate::credentials::secrets::PlainSecret;
use crate::error::{Error, on_duplicate};
use crate::service::Service;

/// An invitation, with the token that its guest needs.
#[derive(Debug)]
pub struct Invited {
    /// The invitation.
    pub invitation: Invitation,
    /// The token, shown this once.
    pub token: PlainSecret,
}

/// How a guest answers an invitation.
pub struct Acceptance {
    /// The invitation's token.
    pub token: String,
    /// A new password; for somebody who has one here already, that one.
    pub password: String,
    /// First name; may be empty.
    pub first_name: String,
    /// Last name; may be empty.
    pub last_name: String,
}

/// Somebody who came.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Who.
    pub user_id: UserId,
    /// Their e-mail address.
    pub email: String,
    /// To which partner.
    pub partner_id: PartnerId,
    /// What they may do there.
    pub privileges: PartnerPrivileges,
}

fn no_user() -> Error {
    Error::not_found("person")
}

fn no_invitation() -> Error {
    Error::NotFound("There is no such invitation (any more): ask for a new one.".to_owned())
}

fn already_here() -> Error {
    Error::conflict("already_here", "This person is here already: change their privileges instead.")
}

fn recorded(privileges: PartnerPrivileges) -> serde_json::Value {
    json!({
        "owner": privileges.owner,
        "viewDeviceInfo": privileges.view_device_info,
        "manageDeviceProfiles": privileges.manage_device_profiles,
        "inviteUsers": privileges.invite_users,
    })
}

/// What somebody at a partner is known by. That they sign in changes nothing of it.
pub fn revision(user: &PartnerUser) -> Revision {
    Revision::of(&json!({
        "email": user.email,
        "firstName": user.first_name,
        "lastName": user.last_name,
        "privileges": recorded(user.privileges),
        "invitedUntilTimestamp": user.invited_until.map(Timestamp::as_millis),
    }))
}

impl Service {
    /// Invites somebody. An invitation that the address has already is replaced, and its token ends.
    ///
    /// # Errors
    /// If they are here already, or the privileges go beyond the caller's own.
    pub async fn invite(
        &self,
        scope: InviteToPartner,
        actor: Actor,
        email: EmailAddress,
        privileges: PartnerPrivileges,
    ) -> Result<Invited, Error> {
        if !scope.own().cover(privileges) {
            return Err(Error::Forbidden);
        }
        let token = PlainSecret::invitation_token()?;
        let hash = token.hash();
        let now = self.clock.now();
        let mut invitation = Invitation {
            id: InvitationId::from_uuid(Uuid::now_v7()),
            partner_id: scope.partner_id(),
            email: email.into_text(),
            privileges,
            invited_by: match actor.caller {
                Caller::User { user_id, .. } => Some(user_id),
                Caller::Client { .. } => None,
            },
            created: now,
            expires: now.plus(self.settings.invitation),
        };
        let invited = self.store.write(move |tx| {
            Box::pin(async move {
                if invitations::is_here(tx, &scope, &invitation.email).await? {
                    return Err(already_here());
                }
                let earlier = invitations::by_email(tx, &scope, &invitation.email).await?;
                if earlier.is_some_and(|earlier| !scope.own().cover(earlier.privileges)) {
                    return Err(Error::Forbidden);
                }
                invitation.id = invitations::insert(tx, &scope, &invitation, &hash).await?;
                let change = Change::made(json!({ "email": invitation.email, "privileges": recorded(privileges) }));
                let deed = Deed::new(now, Action::UserInvited, ObjectKind::User, invitation.id, change);
                tx.record(&scope, &actor.noted, deed);
                Ok(invitation)
            })
        });
        Ok(Invited { invitation: invited.await?, token })
    }

    /// A page of the partner's people, those invited among them.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn partner_users(
        &self,
        scope: &InviteToPartner,
        request: &PageRequest,
    ) -> Result<Page<PartnerUser>, Error> {
        Ok(partner_users::page(&mut self.store.read().await?, scope, request).await?)
    }

    /// One of the partner's people, or somebody invited.
    ///
    /// # Errors
    /// If they are not here.
    pub async fn partner_user(&self, scope: &InviteToPartner, user: UserId) -> Result<PartnerUser, Error> {
        let found = partner_users::get(&mut self.store.read().await?, scope, user).await?;
        found.ok_or_else(no_user)
    }

    /// Changes what somebody may do at the partner.
    ///
    /// # Errors
    /// If they are not here, were changed since the caller read of them, or are the last owner and would be none.
    pub async fn update_partner_user(
        &self,
        scope: OwnPartner,
        actor: Actor,
        user: UserId,
        privileges: PartnerPrivileges,
        replaces: Replaces,
    ) -> Result<PartnerUser, Error> {
        let now = self.clock.now();
        let updated = self.store.write(move |tx| {
            Box::pin(async move {
                let before = partner_users::lock(tx, &scope, user).await?.ok_or_else(no_user)?;
                replaces.allows(&revision(&before))?;
                if !privileges.owner {
                    keep_an_owner(tx, &scope, &before).await?;
                }
                partner_users::set_privileges(tx, &scope, user, privileges).await?;
                let change = Change::replaced(recorded(before.privileges), recorded(privileges));
                tx.record(&scope, &actor.noted, Deed::new(now, Action::UserUpdated, ObjectKind::User, user, change));
                Ok(PartnerUser { privileges, ..before })
            })
        });
        updated.await
    }

    /// Removes somebody from the partner, or withdraws their invitation.
    ///
    /// # Errors
    /// If they are not here, or are the last owner.
    pub async fn remove_partner_user(&self, scope: OwnPartner, actor: Actor, user: UserId) -> Result<(), Error> {
        let now = self.clock.now();
        let removed = self.store.write(move |tx| {
            Box::pin(async move {
                let before = partner_users::lock(tx, &scope, user).await?.ok_or_else(no_user)?;
                keep_an_owner(tx, &scope, &before).await?;
                partner_users::remove(tx, &scope, user, now).await?;
                let change =
                    Change::removed(json!({ "email": before.email, "privileges": recorded(before.privileges) }));
                tx.record(&scope, &actor.noted, Deed::new(now, Action::UserRemoved, ObjectKind::User, user, change));
                Ok(())
            })
        });
        removed.await
    }

    /// Accepts an invitation. Whoever is new gets the password; whoever is not shows theirs, so that an invitation
    /// gives nobody power over somebody else's account.
    ///
    /// # Errors
    /// If there is no such invitation, or the password of somebody known is wrong.
    pub async fn accept_invitation(
        &self,
        acceptance: Acceptance,
        address: IpAddr,
        origin: &Origin,
    ) -> Result<Accepted, Error> {
        let installation = InstallationScope::of_the_process();
        let token = SecretHash::of(&acceptance.token);
        let now = self.clock.now();
        let mut conn = self.store.read().await?;
        let invitation = invitations::by_token(&mut conn, &installation, &token, now).await?;
        let invitation = invitation.ok_or_else(no_invitation)?;
        let (email, partner_id) = (invitation.email.clone(), invitation.partner_id);
        let known = users::by_email(&mut conn, &installation, &email).await?;
        drop(conn);
        let guest = match known {
            Some(_) => match self.check_password(&email, acceptance.password, address).await? {
                PasswordCheck::Right(user) => Guest::Known(user),
                PasswordCheck::Wrong => {
                    self.count_wrong_password(installation.audit(partner_id), &email, origin).await?;
                    return Err(wrong_password());
                }
            },
            None => Guest::New { password_hash: self.passwords.hash(acceptance.password).await? },
        };
        let origin = origin.clone();
        let (first_name, last_name) = (acceptance.first_name, acceptance.last_name);
        let accepted = self.store.write(move |tx| {
            Box::pin(async move {
                let taken = invitations::take(tx, &invitation, &token, now).await?;
                let (invitation, own) = taken.ok_or_else(no_invitation)?;
                let user_id = match guest {
                    // Their password may have been replaced since it was looked at, to keep just this caller out.
                    Guest::Known(User { user_id, password_hash, .. }) => {
                        if !users::count_success(tx, &installation, user_id, &password_hash, now).await? {
                            return Err(wrong_password());
                        }
                        user_id
                    }
                    Guest::New { password_hash } => {
                        let user = User {
                            user_id: invitation.id.into(),
                            email: invitation.email.clone(),
                            first_name,
                            last_name,
                            password_hash,
                            is_admin: false,
                            failed_attempts: 0,
                            last_used: None,
                            created: now,
                        };
                        // Somebody who accepted another invitation at the same moment: then they are known now.
                        users::insert(tx, &installation, &user).await.map_err(on_duplicate(|| {
                            Error::conflict("already_known", "This person has just come: accept it once more.")
                        }))?;
                        user.user_id
                    }
                };
                partners::grant(tx, &own, user_id, invitation.privileges, now)
                    .await
                    .map_err(on_duplicate(already_here))?;
                let change = Change::made(recorded(invitation.privileges));
                let deed = Deed::new(now, Action::InvitationAccepted, ObjectKind::User, user_id, change);
                tx.record(&own, &origin.actor(Who::Person(user_id)), deed);
                let Invitation { email, partner_id, privileges, .. } = invitation;
                Ok::<_, Error>(Accepted { user_id, email, partner_id, privileges })
            })
        });
        accepted.await
    }
}

fn wrong_password() -> Error {
    Error::field("password", "must be the password that this person has here already")
}

/// Who accepts an invitation.
enum Guest {
    Known(User),
    New { password_hash: String },
}

/// Refuses what would leave the partner without an owner.
async fn keep_an_owner(tx: &mut Tx, scope: &OwnPartner, user: &PartnerUser) -> Result<(), Error> {
    let is_owner = user.privileges.owner && user.invited_until.is_none();
    if is_owner && partner_users::owners(tx, scope).await? <= 1 {
        return Err(Error::conflict("last_owner", "This is the last owner: make somebody else an owner first."));
    }
    Ok(())
}
