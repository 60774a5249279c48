//! Firmware images: images as associated with a device type.

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::page::{Page, PageRequest};
use otaria_core::{DeviceTypeId, FirmwareType, Timestamp, VersionNumber};
use otaria_store::audit::{Change, Deed};
use otaria_store::firmware_images::{self, FirmwareImage};
use otaria_store::pool::{self, Content, Image, Kind};
use otaria_store::scopes::{Caller, ManagePartner, ViewPartner};
use otaria_store::{Tx, pushes};
use serde_json::json;

use crate::actions::audit::Actor;
use crate::actions::device_types::require_device_type;
use crate::actions::pool::ImageFilter;
use crate::actions::pushes::cancel_open_push;
use crate::error::{Error, on_duplicate};
use crate::service::Service;

/// What a client says about the pool image that it wants associated: it must be what the pool says.
#[derive(Clone, Debug)]
pub struct ClaimedImage {
    /// The image's type.
    pub firmware_type: FirmwareType,
    /// The image's version number.
    pub version_number: VersionNumber,
    /// The image's name.
    pub name: String,
    /// The image's version.
    pub version: String,
    /// The image's url.
    pub url: String,
}

/// A device description to make for a device type (type 4).
#[derive(Clone, Debug)]
pub struct NewDescription {
    /// What its partner says about it.
    pub content: Content,
    /// The description's id, if given.
    pub device_description_id: Option<String>,
    /// The profile's id, if given.
    pub device_profile_id: Option<String>,
}

fn already_associated() -> Error {
    Error::conflict("already_associated", "The image is associated with this device type already.")
}

impl Service {
    /// Associates a pool image, of this partner or another that the caller manages as well, with a device type.
    ///
    /// # Errors
    /// If either is missing, the claimed image contradicts the pool, or they are associated already.
    pub async fn associate(
        &self,
        scope: ManagePartner,
        actor: Actor,
        device_type: DeviceTypeId,
        claimed: ClaimedImage,
    ) -> Result<FirmwareImage, Error> {
        let now = self.clock.now();
        let service = self.clone();
        let associated = self.store.write(move |tx| {
            Box::pin(async move {
                require_device_type(tx, &scope, device_type).await?;
                let (owner, image) = claimed_image(tx, &scope, actor.caller, &claimed).await?;
                service.require_agreement(&claimed, &image)?;
                let associated = firmware_images::associate(tx, &scope, device_type, &owner, &image, now).await?;
                associated.ok_or_else(already_associated)?;
                record_association(tx, &scope, &actor, device_type, &image, now);
                created(tx, &scope, device_type, image.firmware_type, image.version_number).await
            })
        });
        associated.await
    }

    /// Makes a device description (type 4) for a device type. Its version number is generated as any other.
    ///
    /// # Errors
    /// If there is no such device type, or it has a description of this name and version.
    pub async fn describe_device_type(
        &self,
        scope: ManagePartner,
        actor: Actor,
        device_type: DeviceTypeId,
        description: NewDescription,
    ) -> Result<FirmwareImage, Error> {
        let now = self.clock.now();
        let service = self.clone();
        let described = self.store.write(move |tx| {
            Box::pin(async move {
                require_device_type(tx, &scope, device_type).await?;
                let kind = Kind::DeviceDescription {
                    device_type,
                    device_description_id: description.device_description_id,
                    device_profile_id: description.device_profile_id,
                };
                let image = pool::insert(tx, &scope, &kind, &description.content, now)
                    .await
                    .map_err(on_duplicate(already_associated))?;
                let change =
                    Change::made(service.recorded_image(scope.partner_id(), image.firmware_type, &image.content));
                tx.record(
                    &scope,
                    &actor.noted,
                    Deed::new(now, Action::ImageCreated, ObjectKind::Image, image.id, change),
                );
                firmware_images::associate(tx, &scope, device_type, &scope, &image, now).await?;
                record_association(tx, &scope, &actor, device_type, &image, now);
                created(tx, &scope, device_type, image.firmware_type, image.version_number).await
            })
        });
        described.await
    }

    fn require_agreement(&self, claimed: &ClaimedImage, image: &Image) -> Result<(), Error> {
        let url = self.url(image.partner_id, &image.content.link);
        let same_url = claimed.url == url || self.link(image.partner_id, claimed.url.clone()) == image.content.link;
        let agreements = [
            ("name", claimed.name == image.content.name),
            ("version", claimed.version == image.content.version),
            ("url", same_url),
        ];
        match agreements.iter().find(|(_, agrees)| !agrees) {
            None => Ok(()),
            Some((field, _)) => Err(Error::conflict(
                "differs_from_pool",
                format!("The field {field} is not what the pool's image has: send the pool's record as it is."),
            )),
        }
    }

    /// A page of a device type's firmware images.
    ///
    /// # Errors
    /// If there is no such device type.
    pub async fn firmware_images(
        &self,
        scope: &ViewPartner,
        device_type: DeviceTypeId,
        filter: &ImageFilter,
        request: &PageRequest,
    ) -> Result<Page<FirmwareImage>, Error> {
        let mut conn = self.store.read().await?;
        require_device_type(&mut conn, scope, device_type).await?;
        let (firmware_type, tags) = (filter.firmware_type, &filter.tags);
        Ok(firmware_images::page(&mut conn, scope, device_type, firmware_type, tags, request).await?)
    }

    /// One associated firmware image.
    ///
    /// # Errors
    /// If it is not associated.
    pub async fn firmware_image(
        &self,
        scope: &ViewPartner,
        device_type: DeviceTypeId,
        firmware_type: FirmwareType,
        version_number: VersionNumber,
    ) -> Result<FirmwareImage, Error> {
        let mut conn = self.store.read().await?;
        let found = firmware_images::get(&mut conn, scope, device_type, firmware_type, version_number).await?;
        found.ok_or_else(|| Error::not_found("firmware image"))
    }

    /// Ends an association. Pushes of it that no device has fetched are cancelled; the pool image stays.
    ///
    /// # Errors
    /// If it is not associated.
    pub async fn dissociate(
        &self,
        scope: ManagePartner,
        actor: Actor,
        device_type: DeviceTypeId,
        firmware_type: FirmwareType,
        version_number: VersionNumber,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let timers = self.settings.timers;
        let dissociated = self.store.write(move |tx| {
            Box::pin(async move {
                let not_found = || Error::not_found("firmware image");
                let found = firmware_images::get(tx, &scope, device_type, firmware_type, version_number).await?;
                let found = firmware_images::lock(tx, &scope, device_type, found.ok_or_else(not_found)?.id).await?;
                let found = found.ok_or_else(not_found)?;
                firmware_images::dissociate(tx, &scope, &found).await?;
                for device in pushes::devices_offered(tx, &scope, found.id).await? {
                    cancel_open_push(tx, &device, found.id, now, &timers).await?;
                }
                let recorded = recorded_association(device_type, firmware_type, version_number, &found.content);
                let change = Change::removed(recorded);
                tx.record(
                    &scope,
                    &actor.noted,
                    Deed::new(now, Action::ImageDissociated, ObjectKind::Image, found.image_id, change),
                );
                Ok(())
            })
        });
        dissociated.await
    }
}

/// The pool image that a client claims, locked as it is, with its partner's scope. One of a partner that the caller
/// does not manage is as one that is missing.
async fn claimed_image(
    tx: &mut Tx,
    scope: &ManagePartner,
    caller: Caller,
    claimed: &ClaimedImage,
) -> Result<(ManagePartner, Image), Error> {
    let not_found = || Error::not_found("firmware image in the pool");
    let owner =
        pool::partner_of(tx, scope, claimed.firmware_type, claimed.version_number).await?.ok_or_else(not_found)?;
    let owner = if owner == scope.partner_id() {
        *scope
    } else {
        caller.manage_partner(tx, owner).await?.ok_or_else(not_found)?
    };
    let image = pool::lock(tx, &owner, claimed.firmware_type, claimed.version_number).await?.ok_or_else(not_found)?;
    if !image.firmware_type.may_go(owner.partner_id(), scope.partner_id()) {
        return Err(Error::field("type", "must not be another partner's own firmware type (101 to 200)"));
    }
    Ok((owner, image))
}

/// An association as the audit log shows it.
fn recorded_association(
    device_type: DeviceTypeId,
    firmware_type: FirmwareType,
    version_number: VersionNumber,
    content: &Content,
) -> serde_json::Value {
    json!({
        "deviceTypeId": device_type.to_string(),
        "type": firmware_type.number(),
        "versionNumber": version_number.to_string(),
        "name": content.name,
        "version": content.version,
    })
}

/// Records that a device type can have an image from now on.
pub(super) fn record_association(
    tx: &mut Tx,
    scope: &ManagePartner,
    actor: &Actor,
    device_type: DeviceTypeId,
    image: &Image,
    now: Timestamp,
) {
    let recorded = recorded_association(device_type, image.firmware_type, image.version_number, &image.content);
    let change = Change::made(recorded);
    tx.record(scope, &actor.noted, Deed::new(now, Action::ImageAssociated, ObjectKind::Image, image.id, change));
}

async fn created(
    tx: &mut Tx,
    scope: &ManagePartner,
    device_type: DeviceTypeId,
    firmware_type: FirmwareType,
    version_number: VersionNumber,
) -> Result<FirmwareImage, Error> {
    let found = firmware_images::get(tx, scope, device_type, firmware_type, version_number).await?;
    found.ok_or_else(|| Error::not_found("firmware image"))
}
