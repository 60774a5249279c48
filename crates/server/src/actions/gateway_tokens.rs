//! Gateway tokens, and the devices that gateways register.

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::page::{Page, PageRequest};
use otaria_core::{DeviceId, GatewayTokenId, Timestamp};
use otaria_store::audit::{Change, Deed, Who};
use otaria_store::devices::{self, NewDevice};
use otaria_store::gateway_tokens::{self, GatewayToken, Registers};
use otaria_store::scopes::{Gateway, ManagePartner, ViewPartner};
use otaria_store::{accounts, device_types};
use serde_json::json;
use uuid::Uuid;

use crate::access::secrets::PlainSecret;
use crate::actions::Error;
use crate::actions::audit::{Actor, Origin};
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
                if let Some(registers) = token.registers {
                    if device_types::get(tx, &scope, registers.device_type_id).await?.is_none() {
                        return Err(Error::not_found("device type"));
                    }
                    // One that another partner made stays theirs, whoever may write to it today.
                    if !accounts::is_made_by(tx, &scope, registers.account_id).await? {
                        return Err(Error::Forbidden);
                    }
                }
                gateway_tokens::insert(tx, &scope, &token, &hash).await?;
                let change = Change::made(recorded(&token));
                let deed = Deed::new(now, Action::GatewayTokenCreated, ObjectKind::GatewayToken, token.id, change);
                tx.record(&scope, &actor.noted, deed);
                Ok(token)
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

    /// Registers a device that nobody knew, if the gateway that speaks for it may. Whether it is there now.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn register_device(&self, gateway: &Gateway, id: &DeviceId, origin: &Origin) -> Result<bool, Error> {
        let Some(scope) = gateway.register_devices() else { return Ok(false) };
        let actor = origin.actor(Who::Gateway(gateway.id));
        let now = self.clock.now();
        let device = NewDevice {
            device_id: id.clone(),
            device_type_id: scope.device_type_id,
            friendly_name: id.to_string(),
            tags: Vec::new(),
            created: now,
        };
        let registered = self.store.write(move |tx| {
            Box::pin(async move {
                let registered = devices::register(tx, &scope.account, &scope.partner, &device).await?;
                if registered {
                    let change = Change::made(json!({
                        "deviceTypeId": scope.device_type_id.to_string(),
                        "accountId": scope.account.account_id().to_string(),
                    }));
                    let id = &device.device_id;
                    let deed = Deed::new(now, Action::DeviceRegistered, ObjectKind::Device, id, change);
                    tx.record(&scope.partner, &actor, deed);
                }
                Ok::<_, Error>(registered)
            })
        });
        registered.await
    }
}
