//! Devices that nobody knew: where a partner may have them put, and putting them there.

use otaria_core::DeviceId;
use otaria_core::audit::{Action, ObjectKind};
use otaria_store::Registers;
use otaria_store::audit::{Change, Deed};
use otaria_store::devices::{self, NewDevice};
use otaria_store::scopes::{ManagePartner, Registrar};
use otaria_store::{Tx, accounts};
use serde_json::json;

use crate::actions::audit::Origin;
use crate::actions::device_types::require_device_type;
use crate::error::Error;
use crate::service::Service;

/// Succeeds if the device type is the partner's, and the account one that it made: one that another partner made stays
/// theirs, whoever may write to it today.
pub(super) async fn require_own(
    tx: &mut Tx,
    scope: &ManagePartner,
    registers: Option<Registers>,
) -> Result<(), Error> {
    let Some(registers) = registers else { return Ok(()) };
    require_device_type(tx, scope, registers.device_type_id).await?;
    if !accounts::is_made_by(tx, scope, registers.account_id).await? {
        return Err(Error::Forbidden);
    }
    Ok(())
}

impl Service {
    /// Registers a device that nobody knew, if whoever speaks for it may. Whether this is what put it there.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn register_device(
        &self,
        registrar: &Registrar,
        id: &DeviceId,
        origin: &Origin,
    ) -> Result<bool, Error> {
        let Some(scope) = registrar.register_devices() else { return Ok(false) };
        let actor = origin.actor(registrar.who.clone());
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
