//! A person of their own: who they are, and signing out.

use otaria_core::audit::{Action, ObjectKind};
use otaria_store::audit::{Change, Deed};
use otaria_store::scopes::{Caller, InstallationScope, Session};
use otaria_store::tokens::{self, SignIns};
use otaria_store::users::{self, AccountAccess, PartnerAccess, User};

use crate::actions::audit::Actor;
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
