//! How a partner's devices may prove who they are.

use otaria_core::Timestamp;
use otaria_core::audit::{Action, ObjectKind};
use otaria_store::audit::{Change, Deed};
use otaria_store::device_authentication::{self, DeviceAuthentication};
use otaria_store::scopes::{ManagePartner, ViewPartner};
use serde_json::json;

use crate::actions::audit::Actor;
use crate::actions::registering::require_own;
use crate::credentials::certificates::Trust;
use crate::error::Error;
use crate::service::Service;

/// What is recorded of it: of certificates and lists, which they are.
fn recorded(said: &DeviceAuthentication, trust: &Trust) -> serde_json::Value {
    let authorities = trust
        .authorities()
        .iter()
        .map(|authority| json!({ "subject": authority.subject, "sha256": authority.fingerprint.to_string() }));
    let lists = trust.lists().iter().map(|list| {
        json!({ "issuer": list.issuer, "thisUpdateTimestamp": list.made.as_millis(), "revoked": list.revoked })
    });
    json!({
        "targetToken": said.target_tokens,
        "gatewayToken": said.gateway_tokens,
        "certificate": said.certificates,
        "authorities": authorities.collect::<Vec<_>>(),
        "revocations": lists.collect::<Vec<_>>(),
        "proxyAuthorities": said.trust.proxy_authorities,
        "deviceTypeId": said.registers.map(|registers| registers.device_type_id.to_string()),
        "accountId": said.registers.map(|registers| registers.account_id.to_string()),
    })
}

impl Service {
    /// How the partner's devices may prove who they are, and the certificates and lists in it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn device_authentication(&self, scope: &ViewPartner) -> Result<(DeviceAuthentication, Trust), Error> {
        let said = device_authentication::get(&mut self.store.read().await?, scope).await?;
        let trust = read(&said)?;
        Ok((said, trust))
    }

    /// Replaces how the partner's devices may prove who they are.
    ///
    /// # Errors
    /// If a certificate or a list cannot be used, or certified devices are to be registered with a type that the partner
    /// does not have, or into an account that it did not make.
    pub async fn replace_device_authentication(
        &self,
        scope: ManagePartner,
        actor: Actor,
        new: DeviceAuthentication,
    ) -> Result<(DeviceAuthentication, Trust), Error> {
        let now = self.clock.now();
        let new = DeviceAuthentication { updated: Some(now), ..new };
        let trust = read(&new)?;
        require_usable(&trust, now)?;
        let after = recorded(&new, &trust);
        let replaced = new.clone();
        let written = self.store.write(move |tx| {
            Box::pin(async move {
                require_own(tx, &scope, replaced.registers).await?;
                let before = device_authentication::lock(tx, &scope, now).await?;
                device_authentication::replace(tx, &scope, &replaced, now).await?;
                let change = Change::replaced(recorded(&before, &read(&before)?), after);
                let partner = scope.partner_id();
                let deed = Deed::new(now, Action::DeviceAuthenticationUpdated, ObjectKind::Partner, partner, change);
                tx.record(&scope, &actor.noted, deed);
                Ok::<_, Error>(())
            })
        });
        written.await?;
        Ok((new, trust))
    }
}

fn read(said: &DeviceAuthentication) -> Result<Trust, Error> {
    Trust::read(&said.trust).map_err(|(field, error)| Error::field(field, error))
}

/// Succeeds unless an authority has expired: nobody notices one that never did anything.
fn require_usable(trust: &Trust, now: Timestamp) -> Result<(), Error> {
    match trust.authorities().iter().position(|authority| authority.expires() <= now) {
        None => Ok(()),
        Some(at) => Err(Error::field("caBundle", format_args!("certificate {} has expired: leave it out", at + 1))),
    }
}
