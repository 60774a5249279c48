//! What a device says about a push, and what follows from it.

use otaria_core::push::{
    Change, Entry, Event, Installed, NewerPush, Push, PushState, Report, Stage, Success, Timers,
};
use otaria_core::{FirmwareType, Timestamp};
use otaria_store::scopes::{AuthenticatedDevice, DeviceScope};
use otaria_store::{Tx, devices, pushes};

use super::no_action;
use super::standing::Standing;
use super::words::Words;
use crate::error::Error;
use crate::service::Service;

/// How many entries of a push's history are searched for the reason of its failure: SWUpdate sends its log in pieces.
const REASONS_LIMIT: i64 = 16;

/// What a device says about a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// How far it is.
    pub stage: Stage,
    /// How much of this stage is done, in percent.
    pub progress: Option<u8>,
    /// Its words, oldest first.
    pub said: Vec<String>,
}

/// What a device said about one of its pushes, and when.
#[derive(Clone)]
pub(super) struct Reported {
    pub(super) action: i32,
    pub(super) feedback: Feedback,
    pub(super) moment: Moment,
}

/// How a device answers when it is to let go of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAnswer {
    /// It lets go.
    Accepted,
    /// It does not.
    Refused,
    /// It says something, but not that.
    Note,
}

/// When a device said something, and how long a push may stay where it gets by that.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) timers: Timers,
}

impl Service {
    pub(super) fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), timers: self.settings.timers }
    }

    /// Takes what a device says about a push. On an ended push it becomes history.
    ///
    /// # Errors
    /// If the device never had such a push.
    pub async fn report(&self, device: &AuthenticatedDevice, action: i32, feedback: Feedback) -> Result<(), Error> {
        let reported = Reported { action, feedback, moment: self.moment() };
        self.write_reported(&device.scope, reported).await
    }

    /// Takes a device's answer to being asked to let go of a push. On an ended push it becomes history.
    ///
    /// # Errors
    /// If the device never had such a push, or was not asked to let go of it.
    pub async fn cancel_answer(
        &self,
        device: &AuthenticatedDevice,
        action: i32,
        answer: CancelAnswer,
        said: Vec<String>,
    ) -> Result<(), Error> {
        let (device, moment) = (device.scope.clone(), self.moment());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let (push, before) = locked(tx, &device, action).await?;
                    if push.state.is_live() {
                        return Err(Error::conflict(
                            "not_cancelling",
                            "Nobody asked the device to stop this update.",
                        ));
                    }
                    let Words { message, details } = Words::of(&said);
                    let note = || Report { stage: Stage::Note, progress: None, message: None, details: Vec::new() };
                    let event = match answer {
                        _ if push.state.is_ended() => Event::Report(Report { message, details, ..note() }),
                        CancelAnswer::Note => Event::Report(Report { message, details, ..note() }),
                        CancelAnswer::Accepted => Event::CancelAccepted { message, details },
                        CancelAnswer::Refused => {
                            let newer = newer_push(tx, &device, &push).await?;
                            Event::CancelRefused { message, details, newer }
                        }
                    };
                    let change = push.on(event, moment.now, &moment.timers);
                    save(tx, &device, &push, before, &change, moment).await?;
                    // Some devices let go of what they have installed already: only they know what they run now.
                    if change.push.state == PushState::Cancelled && push.state == PushState::Cancelling {
                        devices::want_config(tx, &device).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// Takes what a device says about a push.
///
/// # Errors
/// If the device never had such a push: then nothing was written.
pub(super) async fn take_report(tx: &mut Tx, device: &DeviceScope, reported: Reported) -> Result<(), Error> {
    let Reported { action, feedback, moment } = reported;
    let (push, before) = locked(tx, device, action).await?;
    if push.state == PushState::Offered && !push.is_confirmed() {
        return Err(no_action());
    }
    let words = match feedback.stage {
        Stage::Failed => {
            let before = pushes::recent_entries(tx, device, push.id, REASONS_LIMIT).await?;
            Words::of_failure(&feedback.said, &before)
        }
        _ => Words::of(&feedback.said),
    };
    let report =
        Report { stage: feedback.stage, progress: feedback.progress, message: words.message, details: words.details };
    // What has begun to install goes by no window, and that is when the most is said.
    let report = match push.state {
        PushState::Installing | PushState::Installed => report,
        _ => report.within(Standing::of(tx, device, moment.now).await?.leave(&push)),
    };
    let change = push.on(Event::Report(report), moment.now, &moment.timers);
    save(tx, device, &push, before, &change, moment).await?;
    let is_done = feedback.stage == Stage::Succeeded;
    let Some(installed) = change.installed else {
        // Where only the version counts, and nobody waits for it any more, it is asked for all the same.
        if is_done && push.terms.success != Success::Reported && !change.push.state.is_live() {
            devices::want_config(tx, device).await?;
        }
        return Ok(());
    };
    let learning = learn(tx, device, push.firmware_type, installed, moment).await?;
    if learning == Learning::News || change.push.state != push.state {
        devices::want_config(tx, device).await?;
    }
    Ok(())
}

/// The device's push, with the device locked, and what was last said about the push.
pub(super) async fn locked(tx: &mut Tx, device: &DeviceScope, action: i32) -> Result<(Push, Option<Entry>), Error> {
    devices::lock(tx, device).await?;
    let found = pushes::by_action(tx, device, action).await?.ok_or_else(no_action)?;
    let before = pushes::recent_entries(tx, device, found.push.id, 1).await?.pop();
    Ok((found.push, before))
}

/// Stores what became of `push`. What only repeats the entry `before` makes no history, and is counted.
pub(super) async fn save(
    tx: &mut Tx,
    device: &DeviceScope,
    push: &Push,
    before: Option<Entry>,
    change: &Change,
    moment: Moment,
) -> Result<(), Error> {
    let entry = change.entry.clone().filter(|entry| Some(entry) != before.as_ref());
    if entry.is_none() && change.entry.is_some() {
        pushes::count_repetition(tx, device, push.id).await?;
    }
    if entry.is_some() || change.push != *push {
        pushes::save(tx, device, &Change { entry, ..change.clone() }, moment.now).await?;
    }
    Ok(())
}

async fn newer_push(tx: &mut Tx, device: &DeviceScope, push: &Push) -> Result<NewerPush, Error> {
    let open = pushes::open(tx, device).await?;
    let has_its_place =
        |other: &Push| other.id != push.id && other.firmware_type == push.firmware_type && other.state.is_live();
    Ok(if open.iter().any(|record| has_its_place(&record.push)) { NewerPush::Waiting } else { NewerPush::None })
}

/// Whether something was not known before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learning {
    /// It was not.
    News,
    /// It was.
    Known,
}

/// Remembers what a locked device runs of a firmware type, and tells its open pushes of that type.
pub(super) async fn learn(
    tx: &mut Tx,
    device: &DeviceScope,
    firmware_type: FirmwareType,
    installed: Installed,
    moment: Moment,
) -> Result<Learning, Error> {
    let known = devices::installed(tx, device).await?.get(&firmware_type).copied();
    let number = installed.apply(known);
    if known != Some(number) {
        devices::set_installed(tx, device, firmware_type, number, moment.now).await?;
    }
    // A late word of what it ran at some time says nothing against a push of something newer.
    let concerns = |push: &Push| {
        push.firmware_type == firmware_type
            && (matches!(installed, Installed::Exactly(_)) || push.version_number <= number)
    };
    for record in pushes::open(tx, device).await?.into_iter().filter(|record| concerns(&record.push)) {
        let change = record.push.on(Event::Runs(number), moment.now, &moment.timers);
        if change.push != record.push {
            pushes::save(tx, device, &change, moment.now).await?;
        }
    }
    Ok(if known == Some(number) { Learning::Known } else { Learning::News })
}
