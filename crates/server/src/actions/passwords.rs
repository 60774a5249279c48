//! Passwords: looked at, changed by their owner, and reset by whoever has the server.

use std::net::IpAddr;

use otaria_core::EmailAddress;
use otaria_core::audit::{Action, ObjectKind};
use otaria_store::audit::{Change, Deed, Who};
use otaria_store::partner_users;
use otaria_store::scopes::{AuditScope, Caller, InstallationScope, Session};
use otaria_store::tokens::{self, SignIns};
use otaria_store::users::{self, User};

use crate::actions::audit::{Actor, Origin};
use crate::credentials::secrets::PlainSecret;
use crate::error::Error;
use crate::service::Service;

/// In the audit log, the name of somebody who is none of the partner's people.
const NOBODY_HERE: &str = "(nobody here)";

/// What came of a password.
pub(crate) enum PasswordCheck {
    /// It is this person's.
    Right(User),
    /// It is not, or there is nobody of that name.
    Wrong,
}

fn wrong_password() -> Error {
    Error::field("currentPassword", "is not the password that you have now")
}

impl Service {
    /// Whether this is the person's password. Whoever guesses is slowed down.
    ///
    /// # Errors
    /// If the account has to wait at this address.
    pub(crate) async fn check_password(
        &self,
        email: &str,
        password: String,
        address: IpAddr,
    ) -> Result<PasswordCheck, Error> {
        let begun = self.throttle.begin(email, address, self.clock.now());
        begun.map_err(|retry_after| Error::TooManyAttempts { retry_after })?;
        let scope = InstallationScope::of_the_process();
        let user = users::by_email(&mut self.store.read().await?, &scope, email).await?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let right = self.passwords.verify(password, hash).await?;
        Ok(match user {
            Some(user) if right => {
                self.throttle.succeeded(email, address);
                PasswordCheck::Right(user)
            }
            _ => PasswordCheck::Wrong,
        })
    }

    /// Counts and records a wrong password: the same work whether there is such a person or not, so that both take
    /// as long.
    pub(crate) async fn count_wrong_password(
        &self,
        log: AuditScope,
        email: &str,
        origin: &Origin,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let (email, origin) = (email.to_owned(), origin.clone());
        let counted = self.store.write(move |tx| {
            Box::pin(async move {
                users::count_failure(tx, &InstallationScope::of_the_process(), &email).await?;
                // What is the name of nobody here may be a password in the wrong field, and is not kept.
                let is_here = partner_users::is_one(tx, log, &email).await?;
                let claimed = if is_here { email } else { NOBODY_HERE.to_owned() };
                let actor = origin.actor(Who::Claimed(claimed.clone()));
                tx.record(
                    log,
                    &actor,
                    Deed::new(now, Action::SignInRefused, ObjectKind::User, claimed, Change::NONE),
                );
                Ok::<_, Error>(())
            })
        });
        counted.await
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
}
