//! What has to be done without anybody asking: timers run out, leftovers go.

use std::time::Duration;

use futures::TryStreamExt as _;
use otaria_core::{Sha256, Timestamp};
use otaria_store::binaries::StoredBlob;
use otaria_store::pushes::Due;
use otaria_store::scopes::InstallationScope;
use otaria_store::{binaries, devices, invitations, pushes, tokens};

use crate::actions::updates::Standing;
use crate::error::Error;
use crate::service::Service;

/// How many pushes are looked up at once.
const BATCH: i64 = 200;
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

/// What came of reading every binary again.
#[derive(Clone, Debug, Default)]
pub struct VerifiedBinaries {
    /// How many are what was uploaded.
    pub intact: usize,
    /// Those that are not.
    pub damaged: Vec<DamagedBinary>,
}

/// A binary that is not what was uploaded.
#[derive(Clone, Debug)]
pub struct DamagedBinary {
    /// What it should be.
    pub sha256: Sha256,
    /// What is wrong with it.
    pub reason: String,
}

impl Service {
    /// Reads every binary again, and compares it with what its row says.
    ///
    /// # Errors
    /// If the rows cannot be read. Bytes that cannot be read count as damaged.
    pub async fn verify_binaries(&self) -> Result<VerifiedBinaries, Error> {
        let installation = InstallationScope::of_the_process();
        let mut verified = VerifiedBinaries::default();
        let mut after = None;
        loop {
            let stored = binaries::stored_after(&mut self.store.read().await?, &installation, after, BATCH).await?;
            let Some(last) = stored.last() else { return Ok(verified) };
            after = Some(last.sha256);
            for blob in stored {
                let location = &blob.location;
                let reason = match self.hash_of(&blob).await {
                    Ok((sha256, size)) if (sha256, size) == (blob.sha256, blob.size) => {
                        verified.intact += 1;
                        continue;
                    }
                    Ok((_, size)) => format!("{size} bytes or more are at {location}, which are others"),
                    Err(error) => format!("its bytes at {location} cannot be read: {error}"),
                };
                // A temporary upload may have been forgotten since.
                if binaries::is_known(&mut self.store.read().await?, &installation, location).await? {
                    verified.damaged.push(DamagedBinary { sha256: blob.sha256, reason });
                }
            }
        }
    }

    async fn hash_of(&self, blob: &StoredBlob) -> Result<(Sha256, u64), otaria_store::Error> {
        use sha2::Digest as _;
        // One more, in case there is.
        let mut bytes = self.repository.read(&blob.location, 0, blob.size + 1).await?;
        let (mut hasher, mut size) = (sha2::Sha256::new(), 0);
        while let Some(piece) = bytes.try_next().await? {
            size += piece.len() as u64;
            hasher.update(&piece);
        }
        Ok((Sha256::from_bytes(hasher.finalize().into()), size))
    }

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
                match self.run_timer(push, last_seen, now).await {
                    Ok(()) => looked_at += 1,
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::error!(error, "the timer of a push was not looked at");
                    }
                }
            }
            if is_last || looked_at == before {
                return Ok(looked_at);
            }
        }
    }

    async fn run_timer(&self, due: Due, last_seen: Timestamp, now: Timestamp) -> Result<(), Error> {
        let timers = self.settings.timers;
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &due.device).await?;
                    let found = pushes::by_action(tx, &due.device, due.action).await?;
                    let Some(push) = found.map(|found| found.push) else { return Ok(()) };
                    let leave = Standing::of(tx, &due.device, now).await?.leave(&push);
                    // None if the device was quicker.
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

    /// Forgets tokens and invitations that have expired. Returns how many.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn forget_expired_tokens(&self) -> Result<u64, Error> {
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
