//! Partners.

use otaria_core::PartnerId;
use otaria_core::rights::PartnerPrivileges;
use otaria_store::partners::{self, Partner, Standing};
use otaria_store::scopes::{Caller, InstallationScope, OwnPartner, ViewPartner};

use crate::access::secrets::PlainSecret;
use crate::actions::Error;
use crate::actions::error::on_duplicate;
use crate::service::Service;

/// What can be said about a partner.
#[derive(Clone, Debug)]
pub struct PartnerDetails {
    /// Its name.
    pub name: String,
    /// Its name in device URLs.
    pub short_name: Option<String>,
    /// Whom to write to.
    pub contact_email: Option<String>,
}

fn short_name_taken() -> Error {
    Error::conflict("short_name_taken", "Another partner has this short name: choose another one.")
}

impl Service {
    /// Makes a partner and its client's first secret. Whoever makes it is its first owner.
    ///
    /// # Errors
    /// If the short name is taken.
    pub async fn create_partner(
        &self,
        scope: InstallationScope,
        caller: Caller,
        details: PartnerDetails,
    ) -> Result<(Partner, PlainSecret), Error> {
        let secret = PlainSecret::client_secret()?;
        let partner = Partner {
            partner_id: PartnerId::from_uuid(uuid::Uuid::now_v7()),
            name: details.name,
            short_name: details.short_name,
            contact_email: details.contact_email,
            client_id: uuid::Uuid::now_v7().to_string(),
            created: self.clock.now(),
        };
        let (new, hash) = (partner.clone(), secret.hash());
        let created = self.store.write(move |tx| {
            Box::pin(async move {
                let inserted = partners::insert(tx, &scope, &new, Standing::Ordinary, &hash).await;
                inserted.map_err(on_duplicate(short_name_taken))?;
                if let Caller::User { user_id, .. } = caller {
                    let own = scope.of_new_partner(new.partner_id);
                    partners::grant(tx, &own, user_id, PartnerPrivileges::OWNER, new.created).await?;
                }
                Ok::<_, Error>(())
            })
        });
        created.await?;
        Ok((partner, secret))
    }

    /// The partner.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn partner(&self, scope: &ViewPartner) -> Result<Partner, Error> {
        Ok(partners::get(&mut self.store.read().await?, scope).await?)
    }

    /// Replaces what is said about a partner.
    ///
    /// # Errors
    /// If the short name is taken.
    pub async fn update_partner(&self, scope: OwnPartner, details: PartnerDetails) -> Result<Partner, Error> {
        let now = self.clock.now();
        let updated = self.store.write(move |tx| {
            Box::pin(async move {
                let PartnerDetails { name, short_name, contact_email } = &details;
                partners::update(tx, &scope, name, short_name.as_deref(), contact_email.as_deref(), now)
                    .await
                    .map_err(on_duplicate(short_name_taken))?;
                Ok::<_, Error>(partners::get(tx, &scope).await?)
            })
        });
        updated.await
    }
}
