//! What a person sees of themselves.

use std::net::IpAddr;

use otaria_core::EmailAddress;
use otaria_core::audit::{Action, ObjectKind};
use otaria_store::audit::{Change, Deed, Who};
use otaria_store::scopes::{Caller, InstallationScope, Session};
use otaria_store::tokens::{self, SignIns};
use otaria_store::users::{self, AccountAccess, PartnerAccess, User};

use crate::actions::audit::{Actor, Origin};
use crate::actions::tokens::PasswordCheck;
use crate::credentials::secrets::PlainSecret;
use crate::error::Error;
use crate::service::Service;

/// A person, and what they have access to.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Who.
    pub user: User,
    /// Their accounts.
    pub accounts: Vec<AccountAccess>,
    /// Their partners.
    pub partners: Vec<PartnerAccess>,
}

fn wrong_password() -> Error {
    Error::field("currentPassword", "is not the password that you have now")
}

impl Service {
    /// Who the caller is. A partner's own client is nobody.
    ///
    /// # Errors
    /// If the caller is no person.
    pub async fn me(&self, caller: Caller) -> Result<Profile, Error> {
        let Caller::User { user_id, .. } = caller else { return Err(Error::Forbidden) };
        let scope = InstallationScope::of_the_process();
        let mut conn = self.store.read().await?;
        Ok(Profile {
            user: users::by_id(&mut conn, &scope, user_id).await?.ok_or(Error::Forbidden)?,
            accounts: users::account_access(&mut conn, &scope, user_id).await?,
            partners: users::partner_access(&mut conn, &scope, user_id).await?,
        })
    }

    /// Changes the caller's own password. Every other sign-in of theirs ends: one of them may be why.
    ///
    /// # Errors
    /// If the caller is no person, the current password is wrong, or they have to wait.
    pub async fn change_password(
        &self,
        session: Session,
        actor: Actor,
        current: String,
        new: String,
        address: IpAddr,
        origin: &Origin,
    ) -> Result<(), Error> {
        let Caller::User { user_id, .. } = session.caller else { return Err(Error::Forbidden) };
        let scope = InstallationScope::of_the_process();
        let user = users::by_id(&mut self.store.read().await?, &scope, user_id).await?.ok_or(Error::Forbidden)?;
        let PasswordCheck::Right(user) = self.check_password(&user.email, current, address).await? else {
            self.count_wrong_password(session.audit(), &user.email, origin).await?;
            return Err(wrong_password());
        };
        let hash = self.passwords.hash(new).await?;
        let now = self.clock.now();
        let changed = self.store.write(move |tx| {
            Box::pin(async move {
                // It may have been replaced since it was looked at, to keep just this caller out.
                if !users::replace_password(tx, &scope, user_id, &user.password_hash, &hash).await? {
                    return Err(wrong_password());
                }
                let others = SignIns::AllBut(session.family_id.clone());
                tokens::sign_out(tx, &scope, user_id, &others, now).await?;
                let deed = Deed::new(now, Action::PasswordChanged, ObjectKind::User, user_id, Change::NONE);
                tx.record(session.audit(), &actor.noted, deed);
                Ok::<_, Error>(())
            })
        });
        changed.await
    }

    /// Gives somebody who lost theirs a new password, and ends every sign-in of theirs. For the command line: whoever has
    /// the server's storage has everything anyway.
    ///
    /// # Errors
    /// If there is nobody of this address.
    pub async fn reset_password(&self, email: &str) -> Result<PlainSecret, Error> {
        let scope = InstallationScope::of_the_process();
        let mut conn = self.store.read().await?;
        let user = users::by_email(&mut conn, &scope, &EmailAddress::spelling(email)).await?;
        let user_id = user.ok_or_else(|| Error::not_found("person"))?.user_id;
        let partners = users::partner_access(&mut conn, &scope, user_id).await?;
        drop(conn);
        let password = PlainSecret::password()?;
        let hash = self.passwords.hash(password.reveal().to_owned()).await?;
        let now = self.clock.now();
        let reset = self.store.write(move |tx| {
            Box::pin(async move {
                users::set_password(tx, &scope, user_id, &hash).await?;
                tokens::sign_out(tx, &scope, user_id, &SignIns::All, now).await?;
                let actor = Origin::default().actor(Who::Command);
                for partner in partners {
                    let deed = Deed::new(now, Action::PasswordReset, ObjectKind::User, user_id, Change::NONE);
                    tx.record(scope.audit(partner.partner_id), &actor, deed);
                }
                Ok::<_, Error>(())
            })
        });
        reset.await?;
        Ok(password)
    }

    /// Ends every sign-in of the caller, this one too.
    ///
    /// # Errors
    /// If the caller is no person.
    pub async fn sign_out_everywhere(&self, session: Session, actor: Actor) -> Result<(), Error> {
        let Caller::User { user_id, .. } = session.caller else { return Err(Error::Forbidden) };
        let now = self.clock.now();
        let signed_out = self.store.write(move |tx| {
            Box::pin(async move {
                let scope = InstallationScope::of_the_process();
                tokens::sign_out(tx, &scope, user_id, &SignIns::All, now).await?;
                let deed = Deed::new(now, Action::SignedOut, ObjectKind::User, user_id, Change::NONE);
                tx.record(session.audit(), &actor.noted, deed);
                Ok::<_, Error>(())
            })
        });
        signed_out.await
    }
}
