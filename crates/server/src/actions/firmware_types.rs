//! Firmware types: the platform's, and a partner's own.

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::{FirmwareType, Timestamp, firmware};
use otaria_store::audit::{Change, Deed};
use otaria_store::firmware_types::{self, Details, TypeRecord};
use otaria_store::scopes::{ManagePartner, ViewPartner};
use serde_json::json;

use crate::actions::audit::Actor;
use crate::actions::revisions::{Replaces, Revision};
use crate::error::Error;
use crate::service::Service;

/// Which types a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The partner's own.
    Own,
    /// The platform's, and the partner's own.
    PlatformAndOwn,
}

/// The platform's types as records: known from the start, and never changed.
fn platform_records() -> impl Iterator<Item = TypeRecord> {
    firmware::PLATFORM_TYPES.iter().map(|known| TypeRecord {
        id: i64::from(known.firmware_type.number()).into(),
        firmware_type: known.firmware_type,
        details: Details { name: known.name.to_owned(), description: Some(known.description.to_owned()), part: None },
        created: Timestamp::default(),
        updated: Timestamp::default(),
    })
}

fn no_firmware_type() -> Error {
    Error::not_found("firmware type")
}

fn recorded(details: &Details) -> serde_json::Value {
    json!({ "name": details.name, "description": details.description, "part": details.part })
}

/// What a firmware type is known by.
pub fn revision(record: &TypeRecord) -> Revision {
    Revision::of(&json!([record.updated.as_millis(), recorded(&record.details)]))
}

impl Service {
    /// Makes a type of the partner's own.
    ///
    /// # Errors
    /// If the number is taken.
    pub async fn create_firmware_type(
        &self,
        scope: ManagePartner,
        actor: Actor,
        firmware_type: FirmwareType,
        details: Details,
    ) -> Result<TypeRecord, Error> {
        let now = self.clock.now();
        let created = self.store.write(move |tx| {
            Box::pin(async move {
                let created = firmware_types::insert(tx, &scope, firmware_type, &details, now).await?;
                let created = created.ok_or_else(|| {
                    let text = format!("There is a firmware type {firmware_type} already: choose another number.");
                    Error::conflict("firmware_type_exists", text)
                })?;
                let change = Change::made(recorded(&details));
                let deed =
                    Deed::new(now, Action::FirmwareTypeCreated, ObjectKind::FirmwareType, firmware_type, change);
                tx.record(&scope, &actor.noted, deed);
                Ok(created)
            })
        });
        created.await
    }

    /// The partner's types, by number.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn firmware_types(&self, scope: &ViewPartner, which: Which) -> Result<Vec<TypeRecord>, Error> {
        let own = firmware_types::all(&mut self.store.read().await?, scope).await?;
        Ok(match which {
            Which::Own => own,
            Which::PlatformAndOwn => platform_records().chain(own).collect(),
        })
    }

    /// The type of this number, the partner's or the platform's.
    ///
    /// # Errors
    /// If there is none.
    pub async fn firmware_type(&self, scope: &ViewPartner, firmware_type: FirmwareType) -> Result<TypeRecord, Error> {
        if let Some(known) = platform_records().find(|known| known.firmware_type == firmware_type) {
            return Ok(known);
        }
        let found = firmware_types::get(&mut self.store.read().await?, scope, firmware_type).await?;
        found.ok_or_else(no_firmware_type)
    }

    /// Replaces what can be changed of a type of the partner's own.
    ///
    /// # Errors
    /// If there is none, it is the platform's, or it was changed since the caller read it.
    pub async fn update_firmware_type(
        &self,
        scope: ManagePartner,
        actor: Actor,
        firmware_type: FirmwareType,
        details: Details,
        replaces: Replaces,
    ) -> Result<(), Error> {
        if firmware_type.platform().is_some() {
            return Err(Error::Forbidden);
        }
        let now = self.clock.now();
        let updated = self.store.write(move |tx| {
            Box::pin(async move {
                let before = firmware_types::lock(tx, &scope, firmware_type).await?.ok_or_else(no_firmware_type)?;
                replaces.allows(&revision(&before))?;
                firmware_types::update(tx, &scope, firmware_type, &details, now).await?;
                let change = Change::replaced(recorded(&before.details), recorded(&details));
                let deed =
                    Deed::new(now, Action::FirmwareTypeUpdated, ObjectKind::FirmwareType, firmware_type, change);
                tx.record(&scope, &actor.noted, deed);
                Ok(())
            })
        });
        updated.await
    }
}
