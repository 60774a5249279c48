//! What a device can do: ask what to do, fetch it, say how it gets on, say what it is.

mod asking;
mod configuring;
mod reporting;
mod words;

use std::time::Duration;

use otaria_core::Timestamp;
use otaria_core::offer::{self, Offer};
use otaria_core::push::{Event, Push, PushState};
use otaria_store::binaries::{self, Binary};
use otaria_store::pushes::{self, PushRecord};
use otaria_store::scopes::AuthenticatedDevice;
use otaria_store::{Conn, devices};

use crate::actions::Error;
use crate::service::Service;

pub use asking::{Due, Part, Question};
pub use reporting::{CancelAnswer, Feedback};

/// The longest history that a device can ask for, in entries.
const HISTORY_LIMIT: i64 = 100;

/// What a device is told that asks what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poll {
    /// What it should do now.
    pub task: Task,
    /// Whether it should say what it is.
    pub config_wanted: bool,
    /// When it should ask again, give or take.
    pub interval: Duration,
}

/// What a device should do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Nothing.
    Nothing,
    /// Get on with a push.
    Deploy {
        /// The device's number for it.
        action: i32,
        /// When it was made.
        created: Timestamp,
    },
    /// Let go of a push.
    Cancel {
        /// The device's number for it.
        action: i32,
    },
}

/// A push with everything that its device needs to know about it.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The push.
    pub push: PushRecord,
    /// The name of its image.
    pub image_name: String,
    /// What is to be installed.
    pub binary: Binary,
}

/// What a binary is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To know about it.
    Inspect,
    /// To read it.
    Read,
}

impl Service {
    /// What the device should do now. Without open pushes this asks nobody.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn poll(&self, device: &AuthenticatedDevice) -> Result<Poll, Error> {
        let config_wanted = device.config_wanted;
        if device.open_pushes == 0 {
            return Ok(Poll { task: Task::Nothing, config_wanted, interval: self.settings.poll });
        }
        let mut conn = self.store.read().await?;
        let records = pushes::open(&mut conn, &device.scope).await?;
        let installed = devices::installed(&mut conn, &device.scope).await?;
        let open: Vec<Push> = records.iter().map(|record| record.push.clone()).collect();
        let action = |push: &Push| records.iter().find(|record| record.push.id == push.id).map(|found| found.action);
        let task = match offer::decide(&open, |firmware_type| installed.get(&firmware_type).copied()) {
            Offer::Nothing => None,
            Offer::Deploy(push) => action(push).map(|action| Task::Deploy { action, created: push.created }),
            Offer::Cancel(push) => action(push).map(|action| Task::Cancel { action }),
        };
        let interval = self.settings.busy_poll.min(self.settings.poll);
        Ok(Poll { task: task.unwrap_or(Task::Nothing), config_wanted, interval })
    }

    /// The details of a push. The device has fetched it by that; only the first time is written down.
    ///
    /// # Errors
    /// If the device has no such push, or is to let go of it.
    pub async fn deployment(&self, device: &AuthenticatedDevice, action: i32) -> Result<Deployment, Error> {
        let mut deployment = self.pushed(device, action).await?;
        if deployment.push.push.state == PushState::Offered {
            self.require_turn(device, action).await?;
            deployment.push.push = self.note_progress(device, action, Event::Fetched).await?;
        }
        if matches!(deployment.push.push.state, PushState::Cancelling | PushState::Cancelled | PushState::Superseded)
        {
            return Err(no_action());
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
        let image_name = pushes::image_name(&mut conn, &device.scope, action).await?.ok_or_else(no_action)?;
        let binary = binaries::of_push(&mut conn, &device.scope, action).await?.ok_or_else(no_action)?;
        Ok(Deployment { push, image_name, binary })
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
        if found.state == PushState::Offered {
            self.require_turn(device, action).await?;
        }
        let is_first = matches!(found.state, PushState::Offered | PushState::Fetched);
        if purpose == Purpose::Read
            && is_first
            && let Err(error) = self.note_progress(device, action, Event::DownloadStarted).await
        {
            // The bytes matter more than the note about them.
            tracing::warn!(error = &error as &dyn std::error::Error, "the start of a download was not noted");
        }
        Ok(found.binary)
    }

    /// Succeeds if this push is what the device would be told to get on with now: a device that guesses the way to
    /// another one gets nothing by that.
    async fn require_turn(&self, device: &AuthenticatedDevice, action: i32) -> Result<(), Error> {
        match self.poll(device).await?.task {
            Task::Deploy { action: next, .. } if next == action => Ok(()),
            Task::Deploy { .. } | Task::Cancel { .. } | Task::Nothing => Err(no_action()),
        }
    }

    /// Notes what a device did without saying a word. Returns the push from then on.
    async fn note_progress(&self, device: &AuthenticatedDevice, action: i32, event: Event) -> Result<Push, Error> {
        let (device, timers, now) = (device.scope.clone(), self.settings.timers, self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &device).await?;
                    let found = pushes::by_action(tx, &device, action).await?.ok_or_else(no_action)?;
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

async fn by_action(conn: &mut Conn, device: &AuthenticatedDevice, action: i32) -> Result<PushRecord, Error> {
    pushes::by_action(conn, &device.scope, action).await?.ok_or_else(no_action)
}

fn no_action() -> Error {
    Error::not_found("action")
}
