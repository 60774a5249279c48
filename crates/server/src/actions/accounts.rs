//! Accounts of end customers.

use otaria_core::AccountId;
use otaria_core::audit::{Action, ObjectKind};
use otaria_store::accounts::{self, Account};
use otaria_store::audit::{Change, Deed};
use otaria_store::scopes::{ManagePartner, ViewAccount};
use serde_json::json;

use crate::actions::audit::Actor;
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// Makes an account for a partner, whose people can then write to it.
    ///
    /// # Errors
    /// If the caller does not manage the partner.
    pub async fn create_account(
        &self,
        actor: Actor,
        partner: otaria_core::PartnerId,
        description: String,
    ) -> Result<Account, Error> {
        let scope = actor.caller.manage_partner(&mut self.store.read().await?, partner).await?;
        let scope = scope.ok_or(Error::Forbidden)?;
        let account = Account {
            account_id: AccountId::from_uuid(uuid::Uuid::now_v7()),
            description,
            created: self.clock.now(),
        };
        self.store_account(scope, actor, account.clone()).await?;
        Ok(account)
    }

    async fn store_account(&self, scope: ManagePartner, actor: Actor, account: Account) -> Result<(), Error> {
        let stored = self.store.write(move |tx| {
            Box::pin(async move {
                accounts::insert(tx, &scope, &account).await?;
                let change = Change::made(json!({ "description": account.description }));
                let id = account.account_id;
                let deed = Deed::new(account.created, Action::AccountCreated, ObjectKind::Account, id, change);
                tx.record(&scope, &actor.noted, deed);
                Ok::<_, Error>(())
            })
        });
        stored.await
    }

    /// The account.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn account(&self, scope: &ViewAccount) -> Result<Account, Error> {
        Ok(accounts::get(&mut self.store.read().await?, scope).await?)
    }
}
