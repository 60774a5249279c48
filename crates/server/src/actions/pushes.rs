//! Pushes: an image on its way to a device.

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::eligibility::{self, Binary, Candidate, OnDevice, Refusal, Verdict};
use otaria_core::page::{Page, PageRequest};
use otaria_core::policy::AutoConfirm;
use otaria_core::push::{Event, Push, PushState, Terms, Timers};
use otaria_core::{AssociationId, DeviceId, DeviceTypeId, PushId, Timestamp};
use otaria_store::audit::{Change, Deed};
use otaria_store::firmware_images::{self, FirmwareImage};
use otaria_store::pushes::{self, Filter, HistoryEntry, PushRecord};
use otaria_store::scopes::{Caller, DeviceScope, InstallationScope, ManagePartner, ViewPartner};
use otaria_store::{Tx, binaries, device_types, devices, users};
use serde_json::json;

use crate::actions::audit::Actor;
use crate::error::Error;
use crate::service::Service;

/// The one target of a push.
#[derive(Clone, Debug)]
pub struct Target {
    /// The device type that the image is associated with.
    pub device_type: DeviceTypeId,
    /// The association.
    pub association: AssociationId,
    /// The device.
    pub device: DeviceId,
}

impl Service {
    /// Pushes an associated image to a device. The same push while it is under way is that push.
    ///
    /// # Errors
    /// If the image is not associated or the device not of this device type; if the image has no binary in the
    /// repository; or if the device runs, or is about to run, this version number or a higher one.
    pub async fn push(&self, scope: ManagePartner, actor: Actor, target: Target) -> Result<PushId, Error> {
        let requested_by = self.name_of(actor.caller).await?;
        let id = PushId::from_uuid(uuid::Uuid::now_v7());
        let now = self.clock.now();
        let timers = self.settings.timers;
        let pushed = self.store.write(move |tx| {
            Box::pin(async move {
                let image = firmware_images::lock(tx, &scope, target.device_type, target.association).await?;
                let image = image.ok_or_else(|| Error::not_found("firmware image"))?;
                let device = devices::lock_for_push(tx, &scope, target.device_type, &target.device).await?;
                let device = device.ok_or_else(|| Error::not_found("device of this device type"))?;
                match judge(tx, &scope, &image, &device).await? {
                    Verdict::UnderWay(under_way) => Ok(under_way),
                    Verdict::Start { replaces } => {
                        replace(tx, &device, &replaces, now, &timers).await?;
                        if !pushes::fix_binary(tx, &scope, &image).await? {
                            return Err(Error::conflict("image_changed", "The image is being changed: push again."));
                        }
                        let terms = terms(tx, &device).await?;
                        let push =
                            Push::new(id, image.firmware_type, image.version_number, now, &timers).under(terms);
                        pushes::insert(tx, &device, push, &image, &requested_by).await?;
                        let change = Change::made(json!({
                            "deviceId": target.device.to_string(),
                            "deviceTypeId": target.device_type.to_string(),
                            "firmwareImageId": target.association.to_string(),
                            "type": image.firmware_type.number(),
                            "versionNumber": image.version_number.to_string(),
                            "version": image.content.version,
                        }));
                        tx.record(
                            &scope,
                            &actor.noted,
                            Deed::new(now, Action::PushRequested, ObjectKind::Push, id, change),
                        );
                        Ok(id)
                    }
                }
            })
        });
        pushed.await
    }

    /// Who a caller is, in words.
    async fn name_of(&self, caller: Caller) -> Result<String, Error> {
        match caller {
            Caller::Client { partner_id } => Ok(format!("client of partner {partner_id}")),
            Caller::User { user_id, .. } => {
                let mut conn = self.store.read().await?;
                let user = users::by_id(&mut conn, &InstallationScope::of_the_process(), user_id).await?;
                Ok(user.map_or_else(|| user_id.to_string(), |user| user.email))
            }
        }
    }

    /// A page of the partner's pushes.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn pushes(
        &self,
        scope: &ViewPartner,
        filter: &Filter,
        request: &PageRequest,
    ) -> Result<Page<PushRecord>, Error> {
        Ok(pushes::page(&mut self.store.read().await?, scope, filter, request).await?)
    }

    /// One push with its history, newest first.
    ///
    /// # Errors
    /// If there is none.
    pub async fn show_push(&self, scope: &ViewPartner, id: PushId) -> Result<(PushRecord, Vec<HistoryEntry>), Error> {
        let mut conn = self.store.read().await?;
        let record = pushes::get(&mut conn, scope, id).await?.ok_or_else(|| Error::not_found("push"))?;
        let history = pushes::history(&mut conn, scope, id).await?;
        Ok((record, history))
    }

    /// Cancels a push: at once where the device has not fetched it, else by asking the device.
    ///
    /// # Errors
    /// If there is none, or it has ended.
    pub async fn cancel_push(&self, scope: ManagePartner, actor: Actor, id: PushId) -> Result<(), Error> {
        let now = self.clock.now();
        let timers = self.settings.timers;
        let cancelled = self.store.write(move |tx| {
            Box::pin(async move {
                let found = pushes::lock(tx, &scope, id).await?;
                let (record, device) = found.ok_or_else(|| Error::not_found("push"))?;
                if record.push.state.is_ended() {
                    let description =
                        format!("The push has ended ({}): there is nothing to cancel.", record.push.state);
                    return Err(Error::conflict("push_has_ended", description));
                }
                let before = json!({ "deviceId": record.device_id.to_string(), "state": record.push.state.as_str() });
                tx.record(
                    &scope,
                    &actor.noted,
                    Deed::new(now, Action::PushCancelled, ObjectKind::Push, id, Change::removed(before)),
                );
                apply(tx, &device, &record.push, Event::CancelRequested, now, &timers).await
            })
        });
        cancelled.await
    }
}

/// The terms of a push that is made now.
async fn terms(tx: &mut Tx, device: &DeviceScope) -> Result<Terms, Error> {
    let auto_confirm = match devices::auto_confirmed(tx, device).await? {
        Some(_) => AutoConfirm::Active,
        None => AutoConfirm::Inactive,
    };
    Ok(device_types::policy(tx, device).await?.terms(auto_confirm))
}

/// Asks the rules whether this image may go to this device.
async fn judge(
    tx: &mut Tx,
    scope: &ManagePartner,
    image: &FirmwareImage,
    device: &DeviceScope,
) -> Result<Verdict, Error> {
    let binary = match image.content.link.binary() {
        Some(sha256) if binaries::is_in_repository_of(tx, scope, image.partner_id, sha256).await? => Binary::Present,
        _ => Binary::Missing,
    };
    let candidate = Candidate { firmware_type: image.firmware_type, version_number: image.version_number, binary };
    let on_device = OnDevice {
        installed: devices::installed(tx, device).await?.get(&image.firmware_type).copied(),
        open: pushes::open(tx, device).await?.into_iter().map(|record| record.push).collect(),
    };
    eligibility::judge(candidate, &on_device).map_err(|refusal| {
        let code = match refusal {
            Refusal::NoBinary => "no_binary",
            Refusal::AlreadyRuns(_) => "already_installed",
            Refusal::RunsNewer(_) => "newer_installed",
            Refusal::NewerUnderWay(_) => "newer_under_way",
        };
        Error::conflict(code, refusal.to_string())
    })
}

/// Makes way for a newer push of the same type.
async fn replace(
    tx: &mut Tx,
    device: &DeviceScope,
    replaced: &[PushId],
    now: Timestamp,
    timers: &Timers,
) -> Result<(), Error> {
    for record in pushes::open(tx, device).await? {
        if replaced.contains(&record.push.id) {
            apply(tx, device, &record.push, Event::Superseded, now, timers).await?;
        }
    }
    Ok(())
}

/// Cancels the push of an association that its device was offered and has not fetched.
pub(crate) async fn cancel_open_push(
    tx: &mut Tx,
    device: &DeviceScope,
    association: AssociationId,
    now: Timestamp,
    timers: &Timers,
) -> Result<(), Error> {
    devices::lock(tx, device).await?;
    for record in pushes::open(tx, device).await? {
        if record.association_id == association && record.push.state == PushState::Offered {
            apply(tx, device, &record.push, Event::CancelRequested, now, timers).await?;
        }
    }
    Ok(())
}

/// Ends every open push of a device that is being disassociated: nobody will answer for it.
pub(crate) async fn end_open_pushes(
    tx: &mut Tx,
    device: &DeviceScope,
    now: Timestamp,
    timers: &Timers,
) -> Result<(), Error> {
    for record in pushes::open(tx, device).await? {
        let cancelling = record.push.on(Event::CancelRequested, now, timers);
        pushes::save(tx, device, &cancelling, now).await?;
        if !cancelling.push.state.is_ended() {
            let message = Some("The device was disassociated from its account.".to_owned());
            let accepted = Event::CancelAccepted { message, details: Vec::new() };
            apply(tx, device, &cancelling.push, accepted, now, timers).await?;
        }
    }
    Ok(())
}

async fn apply(
    tx: &mut Tx,
    device: &DeviceScope,
    push: &Push,
    event: Event,
    now: Timestamp,
    timers: &Timers,
) -> Result<(), Error> {
    Ok(pushes::save(tx, device, &push.on(event, now, timers), now).await?)
}
