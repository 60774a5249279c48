//! What a device can do: ask what to do, agree to it, fetch it, say how it gets on, say what it is and what it runs.

mod bursts;
mod configuring;
mod confirming;
mod direct_download;
mod pace;
mod reporting;
mod standing;
mod stating;
mod words;

use std::time::Duration;

use otaria_core::Timestamp;
use otaria_core::maintenance::Opening;
use otaria_core::offer::{self, Offer};
use otaria_core::push::{Confirmation, Event, Push, PushState};
use otaria_store::binaries::{self, Binary};
use otaria_store::pushes::{self, PushRecord, PushedImage};
use otaria_store::scopes::{AuthenticatedDevice, DeviceScope};
use otaria_store::{Conn, devices};

use crate::error::Error;
use crate::service::Service;

pub use bursts::Bursts;
pub(super) use configuring::version_attribute;
pub use configuring::{Mode, Remarks};
pub use confirming::{ConfirmationAnswer, Taken};
pub use direct_download::{Due, Part, Question};
pub use pace::Pace;
pub use reporting::{CancelAnswer, Feedback, Learning};
pub use standing::Client;
pub(super) use standing::{Standing, TIME_ZONE};

/// The longest history that a device can ask for, in entries.
pub const HISTORY_LIMIT: i64 = 100;
/// How often a device asks until its maintenance window opens.
const POLLS_BEFORE_WINDOW: u32 = 3;

/// What a device is told that asks what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// What it should do now.
    pub task: Task,
    /// Whether it should say what it is.
    pub config_wanted: bool,
    /// The push that brought what it runs, by its own number for it.
    pub installed: Option<i32>,
    /// When it should ask again, give or take.
    pub interval: Duration,
}

/// What a device should do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Nothing.
    Nothing,
    /// Get on with a push.
    Deploy(Named),
    /// Get what a push delivers, to be installed in its maintenance window.
    DownloadAhead(Named),
    /// Say whether it agrees to a push.
    Confirm(Named),
    /// Let go of a push.
    Cancel(Named),
}

/// A push, as its device names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The device's number for it.
    pub action: i32,
    /// When it was made.
    pub created: Timestamp,
}

/// When a device may install what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// At any time.
    Anytime,
    /// Now, in its maintenance window.
    InWindow,
    /// Not yet: it may only download.
    BeforeWindow,
}

/// A push with everything that its device needs to know about it.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The push.
    pub push: PushRecord,
    /// Its image.
    pub image: PushedImage,
    /// What is to be installed.
    pub binary: Binary,
    /// When.
    pub timing: Timing,
}

/// What for a device asks for a push or its binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To know about it: nothing comes of that.
    Inspect,
    /// To get on with it.
    Read,
}

impl Service {
    /// Counts a poll of the device.
    ///
    /// # Errors
    /// If it polls more often than it may.
    pub fn begin_poll(&self, device: &AuthenticatedDevice) -> Result<(), Error> {
        let Some(pace) = &self.pace else { return Ok(()) };
        let begun = pace.poll(&device.scope, self.clock.now());
        begun.map_err(|retry_after| Error::TooManyPolls { retry_after })
    }

    /// What the device that asks through this client should do now. Without open pushes this asks nobody.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn poll(&self, device: &AuthenticatedDevice, client: &Client) -> Result<Poll, Error> {
        self.next(device, Asker::Client(client)).await
    }

    async fn next(&self, device: &AuthenticatedDevice, asker: Asker<'_>) -> Result<Poll, Error> {
        let now = self.clock.now();
        let is_stale = device.config_said.is_none_or(|said| said.plus(self.settings.config_data) <= now);
        let (config_wanted, installed) = (device.config_wanted || is_stale, device.installed_by);
        if device.open_pushes == 0 {
            return Ok(Poll { task: Task::Nothing, config_wanted, installed, interval: self.settings.poll });
        }
        let standing = match asker {
            Asker::Client(client) => self.standing(&device.scope, client).await?,
            Asker::AsBefore => Standing::of(&mut self.store.read().await?, &device.scope, now).await?,
        };
        let mut conn = self.store.read().await?;
        let records = pushes::open(&mut conn, &device.scope).await?;
        let open: Vec<Push> = records.iter().map(|record| record.push.clone()).collect();
        let task = task(&mut conn, &device.scope, &records, &open, &standing).await?;
        // What a device runs that is about to restart is what it is about to leave.
        let config_wanted = (config_wanted && !open.iter().any(|push| push.restarts(now)))
            || open.iter().any(|push| push.asks_for_version(now));
        let interval = match task {
            // They have said what they want, and need not hurry.
            Task::Confirm(_) if open.iter().all(|push| push.terms.confirmation == Confirmation::Denied) => {
                self.settings.poll
            }
            _ => self.busy_interval(task, standing.opening, now),
        };
        Ok(Poll { task, config_wanted, installed, interval })
    }

    /// When a device with open pushes should ask again. One that only waits for its window asks a few times until then.
    fn busy_interval(&self, task: Task, opening: Option<Opening>, now: Timestamp) -> Duration {
        let busy = self.settings.busy_poll.min(self.settings.poll);
        match (task, opening) {
            (Task::Nothing | Task::DownloadAhead(_), Some(Opening::Closed { opens: Some(opens), .. })) => {
                (opens.since(now) / POLLS_BEFORE_WINDOW).clamp(busy, self.settings.poll)
            }
            // Until somebody sets its time zone.
            (Task::Nothing, Some(Opening::Closed { opens: None, .. })) => self.settings.poll,
            _ => busy,
        }
    }

    /// The details of a push. The device has fetched it by that; only the first time is written down.
    ///
    /// # Errors
    /// If the device has no such push, is to let go of it, has not agreed to it, or has to wait for its window.
    pub async fn deployment(
        &self,
        device: &AuthenticatedDevice,
        action: i32,
        client: &Client,
        purpose: Purpose,
    ) -> Result<Deployment, Error> {
        let mut deployment = self.pushed(device, action).await?;
        let push = &deployment.push.push;
        if push.awaits_version || (push.state.is_ended() && offer::may_be_shown(push.state)) {
            return Ok(deployment);
        }
        let standing = self.standing(&device.scope, client).await?;
        let alone = std::slice::from_ref(push);
        deployment.timing = match offer::decide(alone, |_| None, standing.opening(), standing.habit) {
            Offer::Deploy(_) if standing.opening.is_none() => Timing::Anytime,
            Offer::Deploy(_) => Timing::InWindow,
            Offer::DownloadAhead(_) => Timing::BeforeWindow,
            Offer::Nothing | Offer::Confirm(_) | Offer::Cancel(_) => return Err(no_action()),
        };
        if deployment.push.push.state == PushState::Offered {
            self.require_turn(device, action).await?;
            if purpose == Purpose::Inspect {
                return Ok(deployment);
            }
            deployment.push.push = self.note_progress(device, action, Event::Fetched).await?;
            // It may have been taken back since it was looked at, and nobody will tell a device that has not fetched.
            if !deployment.push.push.state.is_under_way() {
                return Err(no_action());
            }
        }
        Ok(deployment)
    }

    /// The details of a push, for a device that only looks. While cancelling it can still be looked at, because a
    /// download may be under way.
    ///
    /// # Errors
    /// If the device has no such push, or it was taken back.
    pub async fn pushed(&self, device: &AuthenticatedDevice, action: i32) -> Result<Deployment, Error> {
        let mut conn = self.store.read().await?;
        let push = by_action(&mut conn, device, action).await?;
        let installed = devices::installed(&mut conn, &device.scope).await?;
        let installed = installed.get(&push.push.firmware_type).copied();
        if !offer::may_have(push.push.state, push.push.version_number, installed) {
            return Err(no_action());
        }
        details(&mut conn, device, push).await
    }

    /// The details of a push that has ended, unless it was taken back.
    ///
    /// # Errors
    /// If the device has no such push.
    pub async fn ended_deployment(&self, device: &AuthenticatedDevice, action: i32) -> Result<Deployment, Error> {
        let mut conn = self.store.read().await?;
        let push = by_action(&mut conn, device, action).await?;
        if !push.push.state.is_ended() || !offer::may_be_shown(push.push.state) {
            return Err(no_action());
        }
        details(&mut conn, device, push).await
    }

    /// What was said about a push lately, newest first, by the device and where a rule ended it by the server.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn said(&self, device: &AuthenticatedDevice, push: &Push, limit: i64) -> Result<Vec<String>, Error> {
        let mut conn = self.store.read().await?;
        let entries =
            pushes::recent_entries(&mut conn, &device.scope, push.id, limit.clamp(0, HISTORY_LIMIT)).await?;
        let lines = entries.into_iter().flat_map(|entry| match entry.details {
            details if details.is_empty() => entry.message.into_iter().collect(),
            details => details.into_iter().rev().collect::<Vec<_>>(),
        });
        Ok(lines.take(usize::try_from(limit).unwrap_or_default()).collect())
    }

    /// Whether the device is to let go of this push.
    ///
    /// # Errors
    /// If the device has no such push, or may keep it.
    pub async fn cancellation(&self, device: &AuthenticatedDevice, action: i32) -> Result<(), Error> {
        let push = by_action(&mut self.store.read().await?, device, action).await?;
        match push.push.state {
            PushState::Cancelling | PushState::Cancelled => Ok(()),
            _ => Err(no_action()),
        }
    }

    /// The binary of a push. One query; the first read of it, and only that, is written down as well.
    ///
    /// # Errors
    /// If the device has no such push, or it was taken back.
    pub async fn binary_of_push(
        &self,
        device: &AuthenticatedDevice,
        action: i32,
        purpose: Purpose,
    ) -> Result<Binary, Error> {
        let found = binaries::for_download(&mut self.store.read().await?, &device.scope, action).await?;
        let found = found.ok_or_else(no_action)?;
        if !offer::may_have(found.state, found.version_number, found.installed) {
            return Err(no_action());
        }
        let is_confirmed = match found.state {
            PushState::Offered => self.require_turn(device, action).await? == Agreement::Given,
            _ => true,
        };
        let is_first = matches!(found.state, PushState::Offered | PushState::Fetched);
        if purpose == Purpose::Read && is_first && is_confirmed {
            match self.note_progress(device, action, Event::DownloadStarted).await {
                // It was taken back since it was looked at.
                Ok(push) if !offer::may_be_shown(push.state) => return Err(no_action()),
                Ok(_) => {}
                // The bytes matter more than the note about them.
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the start of a download was not noted");
                }
            }
        }
        Ok(found.binary)
    }

    /// Succeeds if this push is what the device would be told to get on with, or to agree to, now: a device that guesses
    /// the way to another one gets nothing by that.
    async fn require_turn(&self, device: &AuthenticatedDevice, action: i32) -> Result<Agreement, Error> {
        match self.next(device, Asker::AsBefore).await?.task {
            Task::Deploy(next) | Task::DownloadAhead(next) if next.action == action => Ok(Agreement::Given),
            _ if self.confirmations(device).await?.1.is_some_and(|next| next.action == action) => {
                Ok(Agreement::Awaited)
            }
            _ => Err(no_action()),
        }
    }

    /// Notes what a device did without saying a word, as far as it may do that now. Returns the push from then on.
    async fn note_progress(&self, device: &AuthenticatedDevice, action: i32, event: Event) -> Result<Push, Error> {
        let (device, timers, now) = (device.scope.clone(), self.settings.timers, self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &device).await?;
                    let found = pushes::by_action(tx, &device, action).await?.ok_or_else(no_action)?;
                    let standing = Standing::of(tx, &device, now).await?;
                    let Some(event) = event.within(standing.leave(&found.push)) else { return Ok(found.push) };
                    let change = found.push.on(event, now, &timers);
                    if change.push != found.push {
                        pushes::save(tx, &device, &change, now).await?;
                    }
                    Ok(change.push)
                })
            })
            .await
    }
}

/// Through what a device asks.
#[derive(Clone, Copy)]
enum Asker<'c> {
    /// This client, which is remembered.
    Client(&'c Client),
    /// Whatever it asked through before.
    AsBefore,
}

/// Whether those at a device have agreed to a push, as far as they are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Agreement {
    Given,
    Awaited,
}

/// A push as its device names it.
fn named(records: &[PushRecord], push: &Push) -> Option<Named> {
    let record = records.iter().find(|record| record.push.id == push.id);
    record.map(|record| Named { action: record.action, created: push.created })
}

/// What a device should do now, out of its `open` pushes.
async fn task(
    conn: &mut Conn,
    device: &DeviceScope,
    records: &[PushRecord],
    open: &[Push],
    standing: &Standing,
) -> Result<Task, Error> {
    let installed = devices::installed(conn, device).await?;
    let named = |push: &Push| named(records, push);
    let installed = |firmware_type| installed.get(&firmware_type).copied();
    let task = match offer::decide(open, installed, standing.opening(), standing.habit) {
        Offer::Nothing => None,
        Offer::Deploy(push) => named(push).map(Task::Deploy),
        Offer::DownloadAhead(push) => named(push).map(Task::DownloadAhead),
        Offer::Confirm(push) => named(push).map(Task::Confirm),
        Offer::Cancel(push) => named(push).map(Task::Cancel),
    };
    Ok(task.unwrap_or(Task::Nothing))
}

async fn details(conn: &mut Conn, device: &AuthenticatedDevice, push: PushRecord) -> Result<Deployment, Error> {
    let image = pushes::image(conn, &device.scope, push.action).await?.ok_or_else(no_action)?;
    let binary = binaries::of_push(conn, &device.scope, push.action).await?.ok_or_else(no_action)?;
    Ok(Deployment { push, image, binary, timing: Timing::Anytime })
}

async fn by_action(conn: &mut Conn, device: &AuthenticatedDevice, action: i32) -> Result<PushRecord, Error> {
    pushes::by_action(conn, &device.scope, action).await?.ok_or_else(no_action)
}

fn no_action() -> Error {
    Error::not_found("action")
}
