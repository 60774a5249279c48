//! Device types.

use otaria_core::DeviceTypeId;
use otaria_core::page::{Page, PageRequest};
use otaria_store::device_types::{self, DeviceType};
use otaria_store::scopes::{ManagePartner, ViewPartner};

use crate::actions::Error;
use crate::service::Service;

impl Service {
    /// Makes a device type, under the id given or a new one.
    ///
    /// # Errors
    /// If the partner has one of this id.
    pub async fn create_device_type(
        &self,
        scope: ManagePartner,
        id: Option<DeviceTypeId>,
        name: String,
        description: Option<String>,
    ) -> Result<DeviceType, Error> {
        let now = self.clock.now();
        let device_type_id = id.unwrap_or_else(|| DeviceTypeId::from_uuid(uuid::Uuid::now_v7()));
        let device_type = DeviceType { device_type_id, name, description, created: now, updated: now };
        let new = device_type.clone();
        let inserted =
            self.store.write(move |tx| Box::pin(async move { device_types::insert(tx, &scope, &new).await }));
        if inserted.await? {
            Ok(device_type)
        } else {
            Err(Error::conflict("device_type_exists", "There is a device type of this id already: leave the id out."))
        }
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
        found.ok_or_else(|| Error::not_found("device type"))
    }

    /// Replaces a device type's name and description.
    ///
    /// # Errors
    /// If there is none.
    pub async fn update_device_type(
        &self,
        scope: ManagePartner,
        id: DeviceTypeId,
        name: String,
        description: Option<String>,
    ) -> Result<DeviceType, Error> {
        let now = self.clock.now();
        let updated = self.store.write(move |tx| {
            Box::pin(async move { device_types::update(tx, &scope, id, &name, description.as_deref(), now).await })
        });
        updated.await?.ok_or_else(|| Error::not_found("device type"))
    }
}
