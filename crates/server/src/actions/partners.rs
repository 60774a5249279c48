//! Partners.

use std::time::Duration;

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::rights::PartnerPrivileges;
use otaria_core::{PartnerId, Timestamp};
use otaria_store::audit::{Change, Deed};
use otaria_store::partners::{self, Partner, Standing};
use otaria_store::scopes::{Caller, InstallationScope, OwnPartner, ViewPartner};
use otaria_store::tokens;
use serde_json::json;

use crate::actions::audit::Actor;
use crate::actions::revisions::{Replaces, Revision};
use crate::credentials::secrets::PlainSecret;
use crate::error::{Error, on_duplicate};
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

/// A client's new secret.
#[derive(Debug)]
pub struct ReplacedSecret {
    /// Whose client it is.
    pub partner: Partner,
    /// The secret, shown this once.
    pub secret: PlainSecret,
    /// Until when the old ones are valid.
    pub old_until: Timestamp,
}

fn recorded(partner: &Partner) -> serde_json::Value {
    json!({ "name": partner.name, "shortName": partner.short_name, "contactEmail": partner.contact_email })
}

/// What a partner is known by.
pub fn revision(partner: &Partner) -> Revision {
    Revision::of(&recorded(partner))
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
        actor: Actor,
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
                let own = scope.of_new_partner(new.partner_id);
                if let Caller::User { user_id, .. } = actor.caller {
                    partners::grant(tx, &own, user_id, PartnerPrivileges::OWNER, new.created).await?;
                }
                let change = Change::made(recorded(&new));
                let deed =
                    Deed::new(new.created, Action::PartnerCreated, ObjectKind::Partner, new.partner_id, change);
                tx.record(&own, &actor.noted, deed);
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
    /// If it was changed since the caller read it, or the short name is taken.
    pub async fn update_partner(
        &self,
        scope: OwnPartner,
        actor: Actor,
        details: PartnerDetails,
        replaces: Replaces,
    ) -> Result<Partner, Error> {
        let now = self.clock.now();
        let updated = self.store.write(move |tx| {
            Box::pin(async move {
                partners::lock(tx, &scope).await?;
                let before = partners::get(tx, &scope).await?;
                replaces.allows(&revision(&before))?;
                let PartnerDetails { name, short_name, contact_email } = &details;
                partners::update(tx, &scope, name, short_name.as_deref(), contact_email.as_deref(), now)
                    .await
                    .map_err(on_duplicate(short_name_taken))?;
                let updated = partners::get(tx, &scope).await?;
                let change = Change::replaced(recorded(&before), recorded(&updated));
                let deed = Deed::new(now, Action::PartnerUpdated, ObjectKind::Partner, scope.partner_id(), change);
                tx.record(&scope, &actor.noted, deed);
                Ok::<_, Error>(updated)
            })
        });
        updated.await
    }

    /// Gives the partner's client a new secret. The old ones are valid for `overlap` from now at most; without any
    /// overlap, what the client holds for itself ends as well, since the secret may be in wrong hands.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn replace_client_secret(
        &self,
        scope: OwnPartner,
        actor: Actor,
        overlap: Duration,
    ) -> Result<ReplacedSecret, Error> {
        let secret = PlainSecret::client_secret()?;
        let hash = secret.hash();
        let now = self.clock.now();
        let old_until = now.plus(overlap);
        let replaced = self.store.write(move |tx| {
            Box::pin(async move {
                partners::replace_secret(tx, &scope, &hash, old_until, now).await?;
                if overlap.is_zero() {
                    tokens::revoke_of_client(tx, &scope, now).await?;
                }
                let change = Change::made(json!({ "oldUntilTimestamp": old_until.as_millis() }));
                let partner = scope.partner_id();
                let deed = Deed::new(now, Action::ClientSecretReplaced, ObjectKind::Partner, partner, change);
                tx.record(&scope, &actor.noted, deed);
                Ok::<_, Error>(partners::get(tx, &scope).await?)
            })
        });
        Ok(ReplacedSecret { partner: replaced.await?, secret, old_until })
    }
}
