//! Devices, as their accounts and their partners see them.

use std::collections::BTreeMap;

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::explanation::{Situation, TypeSituation, silent_before};
use otaria_core::maintenance::Zone;
use otaria_core::page::{Page, PageRequest};
use otaria_core::{DeviceId, DeviceTypeId, PushId};
use otaria_store::audit::{Change, Deed};
use otaria_store::devices::{self, AutoConfirmed, Device, DeviceTag, Filter, NewDevice};
use otaria_store::pushes::{self, HistoryEntry, PushRecord};
use otaria_store::scopes::{ViewAccount, ViewPartner, WriteAccount};
use otaria_store::{device_types, firmware_images};
use serde_json::json;
use uuid::Uuid;

use crate::actions::audit::Actor;
use crate::actions::pushes::end_open_pushes;
use crate::actions::updates::{Standing, TIME_ZONE, version_attribute};
use crate::credentials::secrets::PlainSecret;
use crate::error::{Error, on_duplicate};
use crate::service::Service;

/// How many of the last words about its pushes a device's page has.
const SAID: i64 = 20;

/// A device to associate with an account.
#[derive(Clone, Debug)]
pub struct DeviceDetails {
    /// Its device type.
    pub device_type: DeviceTypeId,
    /// Its id; made if missing.
    pub device_id: Option<DeviceId>,
    /// What to call it; its id if missing.
    pub friendly_name: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
}

/// Everything about one device.
#[derive(Clone, Debug)]
pub struct DevicePage {
    /// The device.
    pub device: Device,
    /// What it says about itself.
    pub config: BTreeMap<String, String>,
    /// That those at the device agreed once for all to its updates.
    pub auto_confirmed: Option<AutoConfirmed>,
    /// Its pushes that have not ended, oldest first.
    pub open: Vec<PushRecord>,
    /// What was last said about its pushes, newest first.
    pub said: Vec<(PushId, HistoryEntry)>,
}

fn no_device() -> Error {
    Error::not_found("device")
}

fn taken() -> Error {
    Error::conflict("device_exists", "A device of this id is associated already: disassociate it first.")
}

impl Service {
    /// Associates a device with an account, and gives it its credential. The device type's partner must be one that
    /// the caller manages.
    ///
    /// # Errors
    /// If there is no such device type, or the device is associated already.
    pub async fn associate_device(
        &self,
        scope: WriteAccount,
        actor: Actor,
        details: DeviceDetails,
    ) -> Result<(Device, PlainSecret), Error> {
        let token = PlainSecret::device_token()?;
        let hash = token.hash();
        let device_id = match details.device_id {
            Some(id) => id,
            None => Uuid::now_v7().to_string().try_into().map_err(|error| Error::field("deviceId", error))?,
        };
        let new = NewDevice {
            friendly_name: details.friendly_name.unwrap_or_else(|| device_id.to_string()),
            device_id,
            device_type_id: details.device_type,
            tags: details
                .tags
                .into_iter()
                .map(|value| DeviceTag { tag_id: Uuid::now_v7().to_string(), value })
                .collect(),
            created: self.clock.now(),
        };
        let associated = self.store.write(move |tx| {
            Box::pin(async move {
                let mut partner = None;
                for candidate in device_types::partners_with(tx, &scope, new.device_type_id).await? {
                    if partner.is_none() {
                        partner = actor.caller.manage_partner(tx, candidate).await?;
                    }
                }
                let partner = partner.ok_or_else(|| Error::not_found("device type"))?;
                let inserted =
                    devices::insert(tx, &scope, &partner, &new, &hash).await.map_err(on_duplicate(taken))?;
                if !inserted {
                    return Err(taken());
                }
                let change = Change::made(json!({
                    "deviceTypeId": new.device_type_id.to_string(),
                    "accountId": scope.account_id().to_string(),
                    "friendlyName": new.friendly_name,
                }));
                let id = &new.device_id;
                let deed = Deed::new(new.created, Action::DeviceAssociated, ObjectKind::Device, id, change);
                tx.record(&partner, &actor.noted, deed);
                devices::get_of_account(tx, &scope, id).await?.ok_or_else(no_device)
            })
        });
        Ok((associated.await?, token))
    }

    /// The account's devices.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn devices_of_account(&self, scope: &ViewAccount) -> Result<Vec<Device>, Error> {
        let devices = devices::of_account(&mut self.store.read().await?, scope).await?;
        Ok(devices.into_iter().map(|device| self.as_heard_of(device)).collect())
    }

    /// One of the account's devices.
    ///
    /// # Errors
    /// If there is none.
    pub async fn device_of_account(&self, scope: &ViewAccount, id: &DeviceId) -> Result<Device, Error> {
        let device = devices::get_of_account(&mut self.store.read().await?, scope, id).await?;
        device.map(|device| self.as_heard_of(device)).ok_or_else(no_device)
    }

    /// Changes what a device is called.
    ///
    /// # Errors
    /// If there is none.
    pub async fn rename_device(
        &self,
        scope: WriteAccount,
        actor: Actor,
        id: DeviceId,
        name: String,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let renamed = self.store.write(move |tx| {
            Box::pin(async move {
                let device = devices::in_account(tx, &scope, &id).await?.ok_or_else(no_device)?;
                devices::lock(tx, &device).await?;
                let before = devices::get_of_account(tx, &scope, &id).await?.ok_or_else(no_device)?;
                devices::rename(tx, &scope, &id, &name).await?;
                let change = Change::replaced(
                    json!({ "friendlyName": before.friendly_name }),
                    json!({ "friendlyName": name }),
                );
                tx.record(
                    &device,
                    &actor.noted,
                    Deed::new(now, Action::DeviceRenamed, ObjectKind::Device, &id, change),
                );
                Ok(())
            })
        });
        renamed.await
    }

    /// Gives a device a new credential; the old one is refused from now on.
    ///
    /// # Errors
    /// If there is none.
    pub async fn replace_device_token(
        &self,
        scope: WriteAccount,
        actor: Actor,
        id: DeviceId,
    ) -> Result<(Device, PlainSecret), Error> {
        let now = self.clock.now();
        let token = PlainSecret::device_token()?;
        let hash = token.hash();
        let replaced = self.store.write(move |tx| {
            Box::pin(async move {
                let device = devices::in_account(tx, &scope, &id).await?.ok_or_else(no_device)?;
                devices::lock(tx, &device).await?;
                if !devices::replace_token(tx, &scope, &id, &hash).await? {
                    return Err(no_device());
                }
                tx.record(
                    &device,
                    &actor.noted,
                    Deed::new(now, Action::DeviceTokenReplaced, ObjectKind::Device, &id, Change::NONE),
                );
                devices::get_of_account(tx, &scope, &id).await?.ok_or_else(no_device)
            })
        });
        Ok((self.as_heard_of(replaced.await?), token))
    }

    /// Takes a device out of its account. Its credential is refused from now on, and its pushes end.
    ///
    /// # Errors
    /// If there is none.
    pub async fn disassociate_device(&self, scope: WriteAccount, actor: Actor, id: DeviceId) -> Result<(), Error> {
        let now = self.clock.now();
        let timers = self.settings.timers;
        let disassociated = self.store.write(move |tx| {
            Box::pin(async move {
                let device = devices::disassociate(tx, &scope, &id).await?.ok_or_else(no_device)?;
                let change = Change::removed(json!({ "accountId": scope.account_id().to_string() }));
                tx.record(
                    &device,
                    &actor.noted,
                    Deed::new(now, Action::DeviceDisassociated, ObjectKind::Device, &id, change),
                );
                end_open_pushes(tx, &device, now, &timers).await?;
                Ok::<_, Error>(device)
            })
        });
        let device = disassociated.await?;
        self.sightings.forget(&device);
        self.unreadable.forget(&device);
        Ok(())
    }

    /// A device with the last sign of life of it, which may not be written down yet.
    fn as_heard_of(&self, device: Device) -> Device {
        match self.sightings.latest(device.partner_id, &device.device_id) {
            Some(latest) if device.last_seen <= Some(latest.at) => {
                Device { last_seen: Some(latest.at), last_address: latest.address, ..device }
            }
            _ => device,
        }
    }

    /// A page of the partner's fleet.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn fleet(
        &self,
        scope: &ViewPartner,
        filter: &Filter,
        request: &PageRequest,
    ) -> Result<Page<Device>, Error> {
        let page = devices::page(&mut self.store.read().await?, scope, filter, request).await?;
        let content = page.content.into_iter().map(|device| self.as_heard_of(device)).collect();
        Ok(Page { content, ..page })
    }

    /// Everything about one device of the partner's fleet.
    ///
    /// # Errors
    /// If there is none.
    pub async fn device_page(&self, scope: &ViewPartner, id: &DeviceId) -> Result<DevicePage, Error> {
        let mut conn = self.store.read().await?;
        let device = devices::get(&mut conn, scope, id).await?.ok_or_else(no_device)?;
        let own = devices::in_partner(&mut conn, scope, id).await?.ok_or_else(no_device)?;
        Ok(DevicePage {
            device: self.as_heard_of(device),
            config: devices::config(&mut conn, scope, id).await?,
            auto_confirmed: devices::auto_confirmed(&mut conn, &own).await?,
            open: pushes::open(&mut conn, &own).await?,
            said: pushes::last_said(&mut conn, &own, SAID).await?,
        })
    }

    /// Why a device of the partner's fleet is, or is not, being offered something now.
    ///
    /// # Errors
    /// If there is none.
    pub async fn situation(&self, scope: &ViewPartner, id: &DeviceId) -> Result<Situation, Error> {
        let now = self.clock.now();
        let mut conn = self.store.read().await?;
        let device = devices::get(&mut conn, scope, id).await?.ok_or_else(no_device)?;
        let own = devices::in_partner(&mut conn, scope, id).await?.ok_or_else(no_device)?;
        let installed = devices::installed(&mut conn, &own).await?;
        let newest = firmware_images::newest(&mut conn, scope, device.device_type_id).await?;
        let ended: BTreeMap<_, _> = pushes::last_ended(&mut conn, &own)
            .await?
            .into_iter()
            .map(|record| (record.push.firmware_type, record.push))
            .collect();
        let open: Vec<_> = pushes::open(&mut conn, &own).await?.into_iter().map(|record| record.push).collect();
        let config = devices::config(&mut conn, scope, id).await?;
        let mut types: Vec<_> = installed.keys().chain(newest.keys()).chain(ended.keys()).copied().collect();
        types.extend(open.iter().map(|push| push.firmware_type));
        types.sort_unstable();
        types.dedup();
        let about = |firmware_type| TypeSituation {
            firmware_type,
            installed: installed.get(&firmware_type).copied(),
            newest_associated: newest.get(&firmware_type).copied(),
            last_ended: ended.get(&firmware_type).cloned(),
            unknown_version: config.get(&version_attribute(firmware_type)).cloned(),
        };
        let standing = Standing::of(&mut conn, &own, now).await?;
        Ok(Situation {
            last_seen: self.as_heard_of(device).last_seen,
            silent_before: silent_before(now, self.settings.poll),
            opening: standing.opening(),
            habit: standing.habit,
            unknown_zone: config.get(TIME_ZONE).filter(|text| text.parse::<Zone>().is_err()).cloned(),
            open,
            types: types.into_iter().map(about).collect(),
        })
    }
}
