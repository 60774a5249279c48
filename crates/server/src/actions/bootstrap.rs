//! The first credentials: the default partner, its owner, who is the installation's admin, and a first account.

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::rights::{AccountPrivileges, PartnerPrivileges};
use otaria_core::{AccountId, EmailAddress, PartnerId, UserId};
use otaria_store::accounts::{self, Account};
use otaria_store::audit::{Change, Deed, Who};
use otaria_store::partners::{self, Partner, Standing};
use otaria_store::scopes::InstallationScope;
use otaria_store::users::{self, User};
use serde_json::json;
use uuid::Uuid;

use crate::actions::audit::Origin;
use crate::credentials::secrets::PlainSecret;
use crate::error::{Error, on_duplicate};
use crate::service::Service;

/// What `bootstrap` made, shown once.
#[derive(Debug)]
pub struct FirstCredentials {
    /// The default partner.
    pub partner: Partner,
    /// The secret of its client.
    pub client_secret: PlainSecret,
    /// A first account.
    pub account_id: AccountId,
    /// The owner and admin.
    pub user_id: UserId,
    /// The owner's e-mail address.
    pub username: String,
    /// The owner's password.
    pub password: PlainSecret,
}

fn already() -> Error {
    Error::conflict(
        "already_bootstrapped",
        "This installation has its first credentials already; nothing was changed.",
    )
}

impl Service {
    /// Makes the first partner, owner and account.
    ///
    /// # Errors
    /// If the installation has them already; then nothing is changed.
    pub async fn bootstrap(&self, name: String, email: EmailAddress) -> Result<FirstCredentials, Error> {
        if self.is_bootstrapped().await? {
            return Err(already());
        }
        let now = self.clock.now();
        let client_secret = PlainSecret::client_secret()?;
        let password = PlainSecret::password()?;
        let partner = Partner {
            partner_id: PartnerId::from_uuid(Uuid::now_v7()),
            name: name.clone(),
            short_name: None,
            contact_email: None,
            client_id: Uuid::now_v7().to_string(),
            created: now,
        };
        let user = User {
            user_id: UserId::from_uuid(Uuid::now_v7()),
            email: email.into_text(),
            first_name: String::new(),
            last_name: String::new(),
            password_hash: self.passwords.hash(password.reveal().to_owned()).await?,
            is_admin: true,
            failed_attempts: 0,
            last_used: None,
            created: now,
        };
        let account = Account { account_id: AccountId::from_uuid(Uuid::now_v7()), description: name, created: now };
        let first = FirstCredentials {
            partner: partner.clone(),
            client_secret,
            account_id: account.account_id,
            user_id: user.user_id,
            username: user.email.clone(),
            password,
        };
        let hash = first.client_secret.hash();
        let stored = self.store.write(move |tx| {
            Box::pin(async move {
                let scope = InstallationScope::of_the_process();
                let inserted = partners::insert(tx, &scope, &partner, Standing::Default, &hash).await;
                inserted.map_err(on_duplicate(already))?;
                users::insert(tx, &scope, &user).await.map_err(on_duplicate(already))?;
                let own = scope.of_new_partner(partner.partner_id);
                partners::grant(tx, &own, user.user_id, PartnerPrivileges::OWNER, now).await?;
                accounts::insert(tx, &own, &account).await?;
                let privileges = AccountPrivileges { owner: true, can_write: true };
                accounts::grant(tx, &own, account.account_id, user.user_id, privileges).await?;
                let change = Change::made(json!({ "name": partner.name, "owner": user.email }));
                let id = partner.partner_id;
                let deed = Deed::new(now, Action::PartnerCreated, ObjectKind::Partner, id, change);
                tx.record(&own, &Origin::default().actor(Who::Command), deed);
                Ok::<_, Error>(())
            })
        });
        stored.await?;
        Ok(first)
    }

    /// Whether the installation has its first credentials.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn is_bootstrapped(&self) -> Result<bool, Error> {
        let mut conn = self.store.read().await?;
        Ok(partners::has_default(&mut conn, &InstallationScope::of_the_process()).await?)
    }
}
