//! Whether those at a device agree to its updates (device-ddi 1.10).

use otaria_core::offer;
use otaria_core::push::{Confirmation, Event, Push};
use otaria_store::devices::{self, AutoConfirmed};
use otaria_store::pushes;
use otaria_store::scopes::{AuthenticatedDevice, DeviceScope};

use super::reporting::{locked, save};
use super::words::{Words, printable};
use super::{Deployment, Named, by_action, details, named, no_action};
use crate::error::Error;
use crate::service::Service;

/// How much is kept of who agreed once for all, and of their remark, in characters.
const LENGTH: usize = 256;

/// What those at a device say to being asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmationAnswer {
    /// They agree.
    Confirmed,
    /// They do not, or not any more.
    Denied,
}

/// Whether an answer came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It did.
    InTime,
    /// The push had ended.
    TooLate,
}

impl Service {
    /// Whether those at the device agreed once for all, and the push that waits for their answer, if there is one.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn confirmations(
        &self,
        device: &AuthenticatedDevice,
    ) -> Result<(Option<AutoConfirmed>, Option<Named>), Error> {
        let mut conn = self.store.read().await?;
        let agreed = devices::auto_confirmed(&mut conn, &device.scope).await?;
        let records = pushes::open(&mut conn, &device.scope).await?;
        let installed = devices::installed(&mut conn, &device.scope).await?;
        let open: Vec<Push> = records.iter().map(|record| record.push.clone()).collect();
        let next = offer::to_confirm(&open, |firmware_type| installed.get(&firmware_type).copied());
        Ok((agreed, next.and_then(|push| named(&records, push))))
    }

    /// The details of a push that waits for those at the device to agree. It counts as fetched only after that.
    ///
    /// # Errors
    /// If no such push waits for that.
    pub async fn awaiting_confirmation(
        &self,
        device: &AuthenticatedDevice,
        action: i32,
    ) -> Result<Deployment, Error> {
        let mut conn = self.store.read().await?;
        let push = by_action(&mut conn, device, action).await?;
        if push.push.is_confirmed() || !push.push.state.is_live() {
            return Err(no_action());
        }
        details(&mut conn, device, push).await
    }

    /// Takes what those at the device say to being asked.
    ///
    /// # Errors
    /// If they were not asked about such a push, or the device is to let go of it.
    pub async fn confirm(
        &self,
        device: &AuthenticatedDevice,
        action: i32,
        answer: ConfirmationAnswer,
        said: Vec<String>,
    ) -> Result<Taken, Error> {
        let (device, moment) = (device.scope.clone(), self.moment());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let (push, before) = locked(tx, &device, action).await?;
                    if push.terms.confirmation == Confirmation::NotAsked {
                        return Err(no_action());
                    }
                    if push.state.is_ended() {
                        return Ok(Taken::TooLate);
                    }
                    if !push.state.is_live() {
                        return Err(no_action());
                    }
                    let Words { message, details } = Words::of(&said);
                    let event = match answer {
                        ConfirmationAnswer::Confirmed => Event::Confirmed { message, details },
                        ConfirmationAnswer::Denied => Event::Denied { message, details },
                    };
                    let change = push.on(event, moment.now, &moment.timers);
                    save(tx, &device, &push, before, &change, moment).await?;
                    Ok(Taken::InTime)
                })
            })
            .await
    }

    /// Notes that those at the device agree once for all: to what waits now, and to everything to come.
    ///
    /// # Errors
    /// If they did already.
    pub async fn activate_auto_confirm(
        &self,
        device: &AuthenticatedDevice,
        initiator: Option<String>,
        remark: Option<String>,
    ) -> Result<(), Error> {
        let (device, moment) = (device.scope.clone(), self.moment());
        let kept = |text: Option<String>| text.map(|text| printable(&text, LENGTH)).filter(|text| !text.is_empty());
        let agreed = AutoConfirmed { since: moment.now, initiator: kept(initiator), remark: kept(remark) };
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &device).await?;
                    if devices::auto_confirmed(tx, &device).await?.is_some() {
                        return Err(Error::conflict("auto_confirm_active", "Auto-confirmation is active already."));
                    }
                    devices::set_auto_confirmed(tx, &device, Some(&agreed)).await?;
                    let message = Some("confirmed, as everything from now on".to_owned());
                    for record in
                        pushes::open(tx, &device).await?.into_iter().filter(|open| !open.push.is_confirmed())
                    {
                        let event = Event::Confirmed { message: message.clone(), details: Vec::new() };
                        let change = record.push.on(event, moment.now, &moment.timers);
                        save(tx, &device, &record.push, None, &change, moment).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Notes that those at the device want to be asked about what is to come. Twice is as good as once.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn deactivate_auto_confirm(&self, device: &AuthenticatedDevice) -> Result<(), Error> {
        let device: DeviceScope = device.scope.clone();
        self.store
            .write(move |tx| Box::pin(async move { Ok(devices::set_auto_confirmed(tx, &device, None).await?) }))
            .await
    }
}
