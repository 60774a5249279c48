//! What has to be done without anybody asking: timers run out, leftovers go.

use std::time::Duration;

use otaria_core::Timestamp;
use otaria_store::pushes::Due;
use otaria_store::scopes::InstallationScope;
use otaria_store::{binaries, devices, events, invitations, pushes, tokens};

use crate::actions::updates::Standing;
use crate::error::Error;
use crate::service::Service;

/// How many pushes are looked up at once.
const BATCH: i64 = 200;
/// How many events are forgotten in one transaction.
const FORGET: i64 = 5000;
/// Bytes that no row names are removed only when they are this old: their row may be on its way.
const UNNAMED: Duration = Duration::from_secs(24 * 60 * 60);
/// An upload that nothing was written to for this long was cut off.
const UNFINISHED: Duration = Duration::from_secs(60 * 60);

/// What was removed from the repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uploads that nobody moved to the repository in time.
    pub temporary: usize,
    /// Bytes that no row named.
    pub unnamed: usize,
    /// What uploads left that were cut off.
    pub unfinished: usize,
}

impl Service {
    /// Looks at every push whose time has come, each in a transaction of its own. No device can be heard of while
    /// nobody listens, so all count as heard of at `listening_since`. Returns how many pushes were looked at.
    ///
    /// # Errors
    /// If the pushes cannot be found. One that cannot be changed is logged, and waits for the next time.
    pub async fn run_timers(&self, listening_since: Timestamp) -> Result<usize, Error> {
        let installation = InstallationScope::of_the_process();
        let mut looked_at = 0;
        loop {
            let now = self.clock.now();
            let due = pushes::due(&mut self.store.read().await?, &installation, now, BATCH).await?;
            let is_last = due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            let before = looked_at;
            for push in due {
                let last_seen = push.last_seen.map_or(listening_since, |seen| seen.max(listening_since));
                let (device, action) = (push.device.clone(), push.action);
                match self.run_timer(push, (last_seen, listening_since), now).await {
                    Ok(()) => looked_at += 1,
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        let (partner, device) = (device.partner_id(), device.device_id());
                        tracing::error!(error, %partner, %device, action, "the timer of a push was not looked at");
                    }
                }
            }
            if is_last || looked_at == before {
                return Ok(looked_at);
            }
        }
    }

    async fn run_timer(
        &self,
        due: Due,
        (last_seen, listening_since): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<(), Error> {
        let timers = self.settings.timers;
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &due.device).await?;
                    let found = pushes::by_action(tx, &due.device, due.action).await?;
                    let Some(push) = found.map(|found| found.push) else { return Ok(()) };
                    let leave = Standing::of(tx, &due.device, now).await?.leave(&push);
                    // None if the device was quicker.
                    let push = push.heeding(listening_since, &timers);
                    if let Some(change) = push.on_timer(Some(last_seen), leave, now, &timers) {
                        pushes::save(tx, &due.device, &change, now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Removes what nobody needs from the repository: uploads that were not moved in time, bytes that no row names,
    /// and the remains of uploads that were cut off.
    ///
    /// # Errors
    /// If the store or the repository fails; what is left is found again the next time.
    pub async fn sweep_repository(&self) -> Result<Swept, Error> {
        let temporary = self.forget_temporary_binaries().await?;
        let unnamed = self.remove_unnamed_bytes().await?;
        let unfinished = self.repository.remove_unfinished(UNFINISHED.max(self.settings.idle * 2)).await?;
        Ok(Swept { temporary, unnamed, unfinished })
    }

    async fn forget_temporary_binaries(&self) -> Result<usize, Error> {
        let before = self.clock.now().minus(self.settings.temporary_binary);
        let forget = self.store.write(move |tx| {
            Box::pin(async move {
                binaries::forget_temporary(tx, &InstallationScope::of_the_process(), before)
                    .await
                    .map_err(Error::from)
            })
        });
        let locations = forget.await?;
        for location in &locations {
            self.repository.remove(location).await?;
        }
        Ok(locations.len())
    }

    async fn remove_unnamed_bytes(&self) -> Result<usize, Error> {
        let installation = InstallationScope::of_the_process();
        let mut removed = 0;
        for location in self.repository.older_than(self.clock.now().minus(UNNAMED)).await? {
            if !binaries::is_known(&mut self.store.read().await?, &installation, &location).await? {
                self.repository.remove(&location).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Forgets events that are older than they need to be. Returns how many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget_events(&self) -> Result<u64, Error> {
        let before = self.clock.now().minus(self.settings.events);
        let mut forgotten = 0;
        loop {
            let forget = self.store.write(move |tx| {
                Box::pin(
                    async move { events::forget(tx, &InstallationScope::of_the_process(), before, FORGET).await },
                )
            });
            let count = forget.await?;
            forgotten += count;
            if count == 0 {
                return Ok(forgotten);
            }
        }
    }

    /// Forgets tokens and invitations that have expired. Returns how many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget_expired(&self) -> Result<u64, Error> {
        let now = self.clock.now();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    let scope = InstallationScope::of_the_process();
                    let tokens = tokens::forget_expired(tx, &scope, now).await?;
                    Ok(tokens + invitations::forget_expired(tx, &scope, now).await?)
                })
            })
            .await
    }
}
