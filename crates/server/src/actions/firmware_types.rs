//! Firmware types: the platform's, and a partner's own.

use otaria_core::{FirmwareType, Timestamp, firmware};
use otaria_store::firmware_types::{self, TypeRecord};
use otaria_store::scopes::{ManagePartner, ViewPartner};

use crate::actions::Error;
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
        name: known.name.to_owned(),
        description: Some(known.description.to_owned()),
        created: Timestamp::default(),
        updated: Timestamp::default(),
    })
}

impl Service {
    /// Makes a type of the partner's own.
    ///
    /// # Errors
    /// If the number is taken.
    pub async fn create_firmware_type(
        &self,
        scope: ManagePartner,
        firmware_type: FirmwareType,
        name: String,
        description: Option<String>,
    ) -> Result<TypeRecord, Error> {
        let now = self.clock.now();
        let created = self.store.write(move |tx| {
            Box::pin(async move {
                firmware_types::insert(tx, &scope, firmware_type, &name, description.as_deref(), now).await
            })
        });
        created.await?.ok_or_else(|| {
            let description = format!("There is a firmware type {firmware_type} already: choose another number.");
            Error::conflict("firmware_type_exists", description)
        })
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
        found.ok_or_else(|| Error::not_found("firmware type"))
    }

    /// Replaces the name and description of a type of the partner's own.
    ///
    /// # Errors
    /// If there is none, or it is the platform's.
    pub async fn update_firmware_type(
        &self,
        scope: ManagePartner,
        firmware_type: FirmwareType,
        name: String,
        description: Option<String>,
    ) -> Result<(), Error> {
        if firmware_type.platform().is_some() {
            return Err(Error::Forbidden);
        }
        let now = self.clock.now();
        let updated = self.store.write(move |tx| {
            Box::pin(async move {
                firmware_types::update(tx, &scope, firmware_type, &name, description.as_deref(), now).await
            })
        });
        if updated.await? { Ok(()) } else { Err(Error::not_found("firmware type")) }
    }
}
