//! What a person sees of themselves.

use otaria_store::scopes::{Caller, InstallationScope};
use otaria_store::users::{self, AccountAccess, PartnerAccess, User};

use crate::actions::Error;
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
}
