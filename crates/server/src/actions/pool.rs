//! The firmware pool: images before they are associated with device types.

use std::collections::BTreeMap;

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::page::{Page, PageRequest};
use otaria_core::{DeviceTypeId, FirmwareType, ImageId, PartnerId, Sha256, VersionNumber};
use otaria_store::audit::{Change, Deed};
use otaria_store::pool::{self, AssociatedWith, Content, Image, Kind, Link};
use otaria_store::scopes::{ManagePartner, ViewPartner};
use otaria_store::{Tx, firmware_images, firmware_types};
use serde_json::json;

use crate::actions::audit::Actor;
use crate::actions::device_types::require_device_type;
use crate::actions::firmware_images::record_association;
use crate::actions::revisions::{Replaces, Revision};
use crate::error::{Error, on_duplicate};
use crate::service::Service;

/// Which images a list shows.
#[derive(Clone, Debug, Default)]
pub struct ImageFilter {
    /// Of this type.
    pub firmware_type: Option<FirmwareType>,
    /// With at least one of these tags, unless there are none.
    pub tags: Vec<String>,
}

/// The device types that a new image is to be associated with, by partner.
pub type Associations = BTreeMap<PartnerId, Vec<DeviceTypeId>>;

/// What is to be said about an image from now on.
#[derive(Clone, Debug)]
pub struct Update {
    /// All of it.
    pub content: Content,
    /// What becomes of its url.
    pub link: LinkUpdate,
    /// What it may replace.
    pub replaces: Replaces,
}

/// What becomes of where an image's bytes are, when the rest of it is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkUpdate {
    /// It stays: nothing was said about it.
    Keep,
    /// It is replaced as well.
    Replace,
}

fn taken() -> Error {
    Error::conflict(
        "firmware_image_exists",
        "The pool has an image of this type, name and version already: choose another version.",
    )
}

impl Service {
    /// Makes an image in the pool, and its associations with it: all or nothing.
    ///
    /// # Errors
    /// If the type is unknown, the type, name and version are taken, or an association is not possible.
    pub async fn create_pool_image(
        &self,
        scope: ManagePartner,
        actor: Actor,
        firmware_type: FirmwareType,
        content: Content,
        associations: Associations,
    ) -> Result<Image, Error> {
        if firmware_type == FirmwareType::DEVICE_DESCRIPTION {
            return Err(Error::field("type", "must not be 4: device descriptions are made under their device type"));
        }
        if associations.keys().any(|partner| !firmware_type.may_go(scope.partner_id(), *partner)) {
            let message = "must name no other partner: a partner's own firmware types (101 to 200) stay inside it";
            return Err(Error::field("associations", message));
        }
        let now = self.clock.now();
        let service = self.clone();
        let created = self.store.write(move |tx| {
            Box::pin(async move {
                require_known_type(tx, &scope, firmware_type).await?;
                let image = pool::insert(tx, &scope, &Kind::Pool(firmware_type), &content, now)
                    .await
                    .map_err(on_duplicate(taken))?;
                let change = Change::made(service.recorded_image(scope.partner_id(), firmware_type, &image.content));
                tx.record(
                    &scope,
                    &actor.noted,
                    Deed::new(now, Action::ImageCreated, ObjectKind::Image, image.id, change),
                );
                for (partner, device_types) in associations {
                    let other = actor.caller.manage_partner(tx, partner).await?.ok_or(Error::Forbidden)?;
                    for device_type in device_types {
                        require_device_type(tx, &other, device_type).await?;
                        // A device type named twice is associated once.
                        if firmware_images::associate(tx, &other, device_type, &scope, &image, now).await?.is_some() {
                            record_association(tx, &other, &actor, device_type, &image, now);
                        }
                    }
                }
                Ok::<_, Error>(image)
            })
        });
        created.await
    }

    /// A page of the pool.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn pool(
        &self,
        scope: &ViewPartner,
        filter: &ImageFilter,
        request: &PageRequest,
    ) -> Result<Page<Image>, Error> {
        let mut conn = self.store.read().await?;
        Ok(pool::page(&mut conn, scope, filter.firmware_type, &filter.tags, request).await?)
    }

    /// Whether another image than `except` has this type, name and version.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn pool_image_exists(
        &self,
        scope: &ViewPartner,
        firmware_type: FirmwareType,
        name: &str,
        version: &str,
        except: Option<ImageId>,
    ) -> Result<bool, Error> {
        let mut conn = self.store.read().await?;
        Ok(pool::exists(&mut conn, scope, firmware_type, name, version, except).await?)
    }

    /// With which device types an image is associated.
    ///
    /// # Errors
    /// If there is no such image.
    pub async fn pool_image_associations(
        &self,
        scope: &ViewPartner,
        firmware_type: FirmwareType,
        version_number: VersionNumber,
    ) -> Result<Vec<AssociatedWith>, Error> {
        let mut conn = self.store.read().await?;
        let image = pool::get(&mut conn, scope, firmware_type, version_number).await?;
        let image = image.ok_or_else(|| Error::not_found("firmware image"))?;
        Ok(pool::associations(&mut conn, scope, image.id).await?)
    }

    /// An image of the pool.
    ///
    /// # Errors
    /// If there is no such image.
    pub async fn pool_image(
        &self,
        scope: &ViewPartner,
        firmware_type: FirmwareType,
        version_number: VersionNumber,
    ) -> Result<Image, Error> {
        let mut conn = self.store.read().await?;
        let image = pool::get(&mut conn, scope, firmware_type, version_number).await?;
        image.ok_or_else(|| Error::not_found("firmware image"))
    }

    /// What an image is known by.
    pub fn revision(&self, image: &Image) -> Revision {
        let said = self.recorded_image(image.partner_id, image.firmware_type, &image.content);
        Revision::of(&json!([image.updated.as_millis(), said]))
    }

    /// Replaces what the partner says about an image.
    ///
    /// # Errors
    /// If there is none, it was changed since the caller read it, the name and version are taken, or its binary is fixed
    /// because it was pushed.
    pub async fn update_pool_image(
        &self,
        scope: ManagePartner,
        actor: Actor,
        firmware_type: FirmwareType,
        version_number: VersionNumber,
        update: Update,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let service = self.clone();
        let updated = self.store.write(move |tx| {
            Box::pin(async move {
                let image = pool::lock(tx, &scope, firmware_type, version_number).await?;
                let image = image.ok_or_else(|| Error::not_found("firmware image"))?;
                let Update { mut content, link, replaces } = update;
                replaces.allows(&service.revision(&image))?;
                if link == LinkUpdate::Keep {
                    content.link = image.content.link.clone();
                }
                if image.was_pushed && image.content.link.binary() != content.link.binary() {
                    return Err(Error::conflict(
                        "binary_is_fixed",
                        "The image was pushed, so its url cannot change to another binary: make a new image.",
                    ));
                }
                pool::update(tx, &scope, image.id, &content, now).await.map_err(on_duplicate(taken))?;
                let change = Change::replaced(
                    service.recorded_image(scope.partner_id(), firmware_type, &image.content),
                    service.recorded_image(scope.partner_id(), firmware_type, &content),
                );
                tx.record(
                    &scope,
                    &actor.noted,
                    Deed::new(now, Action::ImageUpdated, ObjectKind::Image, image.id, change),
                );
                Ok(())
            })
        });
        updated.await
    }

    /// The distinct tags on the partner's images.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn tags(&self, scope: &ViewPartner) -> Result<Vec<String>, Error> {
        Ok(pool::tags(&mut self.store.read().await?, scope).await?)
    }

    /// What a url says about where an image's bytes are. A url of one of the partner's binaries points to the binary
    /// itself, whatever it begins with, so that a change of the public URL breaks nothing.
    pub fn link(&self, partner: PartnerId, url: String) -> Link {
        let named = url
            .rsplit_once(binaries(partner).as_str())
            .and_then(|(base, name)| Some((base, name.parse::<Sha256>().ok()?)));
        match named {
            None => Link::Elsewhere(url),
            Some((base, sha256)) if base == self.settings.public_url() => Link::Ours(sha256),
            Some((_, sha256)) => Link::OursAs(sha256, url),
        }
    }

    /// The url of one of a partner's binaries.
    pub fn binary_url(&self, partner: PartnerId, sha256: Sha256) -> String {
        format!("{}{}{sha256}", self.settings.public_url(), binaries(partner))
    }

    /// An image as the audit log shows it.
    pub(crate) fn recorded_image(
        &self,
        partner: PartnerId,
        firmware_type: FirmwareType,
        content: &Content,
    ) -> serde_json::Value {
        json!({
            "type": firmware_type.number(),
            "name": content.name,
            "description": content.description,
            "version": content.version,
            "url": self.url(partner, &content.link),
            "tags": content.tags,
        })
    }

    /// The url of an image's bytes, as people see it.
    pub fn url(&self, partner: PartnerId, link: &Link) -> String {
        match link {
            Link::Elsewhere(url) | Link::OursAs(_, url) => url.clone(),
            Link::Ours(sha256) => self.binary_url(partner, *sha256),
        }
    }
}

/// Where a partner's binaries are, below the public URL.
fn binaries(partner: PartnerId) -> String {
    format!("/v1/ota/partners/{partner}/binaries/")
}

async fn require_known_type(tx: &mut Tx, scope: &ViewPartner, firmware_type: FirmwareType) -> Result<(), Error> {
    let known = firmware_type.platform().is_some() || firmware_types::get(tx, scope, firmware_type).await?.is_some();
    if known {
        Ok(())
    } else {
        Err(Error::field("type", "must be a platform type (1 to 8) or one that the partner has made"))
    }
}
