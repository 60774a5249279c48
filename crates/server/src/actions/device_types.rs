//! Device types.

use otaria_core::DeviceTypeId;
use otaria_core::audit::{Action, ObjectKind};
use otaria_core::maintenance::{Outside, WindowClock};
use otaria_core::page::{Page, PageRequest};
use otaria_core::policy::ConfirmationRule;
use otaria_core::push::Success;
use otaria_store::Conn;
use otaria_store::audit::{Change, Deed};
use otaria_store::device_types::{self, Details, DeviceType};
use otaria_store::scopes::{ManagePartner, ViewPartner};
use serde_json::json;

use crate::actions::audit::Actor;
use crate::actions::revisions::{Replaces, Revision};
use crate::error::Error;
use crate::service::Service;

fn no_device_type() -> Error {
    Error::not_found("device type")
}

fn recorded(details: &Details) -> serde_json::Value {
    let Details { name, description, policy } = details;
    let version_within = match policy.success {
        Success::Reported => None,
        Success::VersionReported { within } => Some(within.as_secs()),
    };
    json!({
        "name": name,
        "description": description,
        "confirmationRequired": policy.confirmation == ConfirmationRule::Required,
        "successOn": if version_within.is_some() { "version" } else { "report" },
        "versionWithinSeconds": version_within,
        "maintenance": policy.maintenance.as_ref().map(|maintenance| json!({
            "timeZone": match &maintenance.clock {
                WindowClock::Fixed(zone) => Some(zone.to_string()),
                WindowClock::OfDevice => None,
            },
            "windows": maintenance.windows,
            "outside": match maintenance.outside {
                Outside::Withhold => "nothing",
                Outside::DownloadAhead => "download",
            },
        })),
    })
}

/// What a device type is known by.
pub fn revision(device_type: &DeviceType) -> Revision {
    Revision::of(&json!([device_type.updated.as_millis(), recorded(&device_type.details)]))
}

/// Succeeds if the partner has this device type.
///
/// # Errors
/// If not, or the store fails.
pub(super) async fn require_device_type(conn: &mut Conn, scope: &ViewPartner, id: DeviceTypeId) -> Result<(), Error> {
    device_types::get(conn, scope, id).await?.map(drop).ok_or_else(no_device_type)
}

impl Service {
    /// Makes a device type, under the id given or a new one.
    ///
    /// # Errors
    /// If the partner has one of this id.
    pub async fn create_device_type(
        &self,
        scope: ManagePartner,
        actor: Actor,
        id: Option<DeviceTypeId>,
        details: Details,
    ) -> Result<DeviceType, Error> {
        let now = self.clock.now();
        let device_type_id = id.unwrap_or_else(|| DeviceTypeId::from_uuid(uuid::Uuid::now_v7()));
        let device_type = DeviceType { device_type_id, details, created: now, updated: now };
        let created = self.store.write(move |tx| {
            Box::pin(async move {
                if !device_types::insert(tx, &scope, &device_type).await? {
                    let description = "There is a device type of this id already: leave the id out.";
                    return Err(Error::conflict("device_type_exists", description));
                }
                let change = Change::made(recorded(&device_type.details));
                let deed = Deed::new(now, Action::DeviceTypeCreated, ObjectKind::DeviceType, device_type_id, change);
                tx.record(&scope, &actor.noted, deed);
                Ok(device_type)
            })
        });
        created.await
    }

    /// A page of the partner's device types.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn device_types(&self, scope: &ViewPartner, request: &PageRequest) -> Result<Page<DeviceType>, Error> {
        Ok(device_types::page(&mut self.store.read().await?, scope, request).await?)
    }

    /// One device type.
    ///
    /// # Errors
    /// If there is none.
    pub async fn device_type(&self, scope: &ViewPartner, id: DeviceTypeId) -> Result<DeviceType, Error> {
        let found = device_types::get(&mut self.store.read().await?, scope, id).await?;
        found.ok_or_else(no_device_type)
    }

    /// Replaces what can be changed of a device type.
    ///
    /// # Errors
    /// If there is none, or it was changed since the caller read it.
    pub async fn update_device_type(
        &self,
        scope: ManagePartner,
        actor: Actor,
        id: DeviceTypeId,
        details: Details,
        replaces: Replaces,
    ) -> Result<DeviceType, Error> {
        let now = self.clock.now();
        let updated = self.store.write(move |tx| {
            Box::pin(async move {
                let before = device_types::lock(tx, &scope, id).await?.ok_or_else(no_device_type)?;
                replaces.allows(&revision(&before))?;
                let updated = device_types::update(tx, &scope, id, &details, now).await?;
                let updated = updated.ok_or_else(no_device_type)?;
                let change = Change::replaced(recorded(&before.details), recorded(&updated.details));
                tx.record(
                    &scope,
                    &actor.noted,
                    Deed::new(now, Action::DeviceTypeUpdated, ObjectKind::DeviceType, id, change),
                );
                Ok(updated)
            })
        });
        updated.await
    }
}
