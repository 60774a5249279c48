//! Gateway tokens: one credential for many of a partner's devices.

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::page::{Page, PageRequest};
use otaria_core::{GatewayTokenId, Timestamp};
use otaria_store::Registers;
use otaria_store::audit::{Change, Deed};
use otaria_store::gateway_tokens::{self, GatewayToken};
use otaria_store::scopes::{ManagePartner, ViewPartner};
use serde_json::json;
use uuid::Uuid;

use crate::actions::audit::Actor;
use crate::actions::registering::require_own;
use crate::credentials::secrets::PlainSecret;
use crate::error::Error;
use crate::service::Service;

/// What is said about a new gateway token.
#[derive(Clone, Debug)]
pub struct GatewayTokenDetails {
    /// What it is called.
    pub name: String,
    /// Until when it is valid; none: until it is deleted.
    pub expires: Option<Timestamp>,
    /// Where it registers devices, if it may.
    pub registers: Option<Registers>,
}

fn recorded(token: &GatewayToken) -> serde_json::Value {
    json!({
        "name": token.name,
        "expiresTimestamp": token.expires.map(Timestamp::as_millis),
        "deviceTypeId": token.registers.map(|registers| registers.device_type_id.to_string()),
        "accountId": token.registers.map(|registers| registers.account_id.to_string()),
    })
}

impl Service {
    /// Makes a gateway token.
    ///
    /// # Errors
    /// If it is to register devices of a type that the partner does not have, or into an account that it
    /// did not make.
    pub async fn create_gateway_token(
        &self,
        scope: ManagePartner,
        actor: Actor,
        details: GatewayTokenDetails,
    ) -> Result<(GatewayToken, PlainSecret), Error> {
        let secret = PlainSecret::gateway_token()?;
        let hash = secret.hash();
        let now = self.clock.now();
        let token = GatewayToken {
            id: GatewayTokenId::from_uuid(Uuid::now_v7()),
            name: details.name,
            registers: details.registers,
            created: now,
            expires: details.expires,
        };
        let created = self.store.write(move |tx| {
            Box::pin(async move {
                require_own(tx, &scope, token.registers).await?;
                gateway_tokens::insert(tx, &scope, &token, &hash).await?;
                let change = Change::made(recorded(&token));
                let deed = Deed::new(now, Action::GatewayTokenCreated, ObjectKind::GatewayToken, token.id, change);
                tx.record(&scope, &actor.noted, deed);
                Ok::<_, Error>(token)
            })
        });
        Ok((created.await?, secret))
    }

    /// A page of the partner's gateway tokens.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn gateway_tokens(
        &self,
        scope: &ViewPartner,
        request: &PageRequest,
    ) -> Result<Page<GatewayToken>, Error> {
        Ok(gateway_tokens::page(&mut self.store.read().await?, scope, request).await?)
    }

    /// Deletes a gateway token: it is refused from now on.
    ///
    /// # Errors
    /// If there is none.
    pub async fn delete_gateway_token(
        &self,
        scope: ManagePartner,
        actor: Actor,
        id: GatewayTokenId,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let deleted = self.store.write(move |tx| {
            Box::pin(async move {
                let token = gateway_tokens::remove(tx, &scope, id).await?;
                let token = token.ok_or_else(|| Error::not_found("gateway token"))?;
                let change = Change::removed(recorded(&token));
                let deed = Deed::new(now, Action::GatewayTokenDeleted, ObjectKind::GatewayToken, id, change);
                tx.record(&scope, &actor.noted, deed);
                Ok(())
            })
        });
        deleted.await
    }
}
