//! A device that only ever asks for its image: what it runs is in its question, and what it should run is the answer.

use futures::TryStreamExt as _;
use otaria_core::inference::{self, Candidate, Claim, MOST_DOWNLOADS, OnDevice};
use otaria_core::push::{Change, Event, Installed, Push, PushState, Report, Stage};
use otaria_core::{FirmwareType, Sha256, VersionNumber};
use otaria_store::binaries::{self, Binary};
use otaria_store::pushes::{self, PushRecord};
use otaria_store::scopes::AuthenticatedDevice;
use otaria_store::{candidates, devices, firmware_types};

use super::reporting::{CancelAnswer, Learning, Moment, learn};
use super::words::printable;
use super::{Asker, Deployment, Purpose, Task, no_action};
use crate::error::Error;
use crate::service::Service;

/// How much of the version that a device reports goes into a push's history, in characters.
const VERSION_LENGTH: usize = 64;
/// The length of the digest that an ESP32's image carries at its end, in bytes.
const SEAL: u64 = 32;
/// Begins what is said of a push whose image is too large for its device.
const NO_ROOM: &str = "the device has no room for the image";
/// What is said of it once it is not.
const ROOM: &str = "the device has room for the image now";

/// What a device asks, and lets on by that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Of which firmware type it wants an image.
    pub firmware_type: FirmwareType,
    /// What it says of the image that it runs.
    pub claim: Claim,
    /// How many bytes it has room for, if it says so.
    pub room: Option<u64>,
}

/// What a device should download now.
#[derive(Clone, Debug)]
pub struct Due {
    /// The binary.
    pub binary: Binary,
    /// The device's number for the push.
    action: i32,
    /// Where the push stands.
    state: PushState,
    /// What the device says that it runs, as a clause.
    reported: String,
    /// Whether the last that was said of the push is that the device has no room for it.
    had_no_room: bool,
}

/// Which part of a binary a device reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One with its first byte.
    Beginning,
    /// One without.
    Later,
}

/// What a device runs, as far as its claim tells.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Running {
    number: VersionNumber,
    news: Learning,
}

impl Service {
    /// What the device should download now of a firmware type, if anything. Asking to read has consequences: the device
    /// runs what it says that it runs, lets go of what it was to let go of, and a push that has been downloaded often
    /// enough has failed.
    ///
    /// # Errors
    /// If there is no such firmware type; if the store fails, or the repository where the question is about the end of a
    /// binary.
    pub async fn ask(
        &self,
        device: &AuthenticatedDevice,
        question: &Question,
        purpose: Purpose,
    ) -> Result<Option<Due>, Error> {
        self.require_type(device, question.firmware_type).await?;
        let running = self.running(device, question).await?;
        if let Some(Running { number, news: Learning::News }) = running
            && purpose == Purpose::Read
        {
            self.learn_running(device, question.firmware_type, number).await?;
        }
        loop {
            match self.next(device, Asker::AsBefore).await?.task {
                Task::Deploy(push) => return self.due(device, question, purpose, push.action, running).await,
                Task::Cancel(push) if purpose == Purpose::Read => {
                    if !self.let_go(device, question.firmware_type, push.action).await? {
                        return Ok(None);
                    }
                }
                Task::Cancel(_) | Task::Confirm(_) | Task::DownloadAhead(_) | Task::Nothing => return Ok(None),
            }
        }
    }

    /// Succeeds if the platform has this firmware type, or the device's partner. A mistyped one would say for ever that
    /// there is nothing new.
    async fn require_type(&self, device: &AuthenticatedDevice, firmware_type: FirmwareType) -> Result<(), Error> {
        if firmware_type.platform().is_some() {
            return Ok(());
        }
        let mut conn = self.store.read().await?;
        if firmware_types::is_known_to(&mut conn, &device.scope, firmware_type).await? {
            return Ok(());
        }
        Err(Error::not_found("firmware type"))
    }

    /// Notes that the device reads a part of what is due, before it gets the first byte of that. Each time that it
    /// begins counts, and is said in the push's history; of all other parts only the first is written down.
    ///
    /// # Errors
    /// If it was taken back since it was due. If others began to read it, and that was too often. If the store fails: what
    /// cannot be counted must not be read, or a device could go on for ever.
    pub async fn begin_reading(&self, device: &AuthenticatedDevice, due: &Due, part: Part) -> Result<(), Error> {
        let (device, action, reported, moment) =
            (device.scope.clone(), due.action, due.reported.clone(), self.moment());
        let is_first = matches!(due.state, PushState::Offered | PushState::Fetched);
        if part == Part::Later && !is_first && !due.had_no_room {
            return Ok(());
        }
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &device).await?;
                    let PushRecord { push, .. } =
                        pushes::by_action(tx, &device, action).await?.ok_or_else(no_action)?;
                    let count = match part {
                        Part::Beginning => pushes::count_download(tx, &device, action).await?,
                        Part::Later => 0,
                    };
                    // Others may have begun since it was decided.
                    if count > MOST_DOWNLOADS {
                        return Err(Error::conflict(
                            "downloaded_too_often",
                            "The device has downloaded it too often.",
                        ));
                    }
                    let event = if count > 1 {
                        let message =
                            format!("the device downloads it again ({count} of {MOST_DOWNLOADS}): {reported}");
                        report(Stage::Downloading, message)
                    } else if says_no_room(&push) {
                        report(Stage::Downloading, ROOM.to_owned())
                    } else {
                        Event::DownloadStarted
                    };
                    let change = push.on(event, moment.now, &moment.timers);
                    if !change.push.state.is_under_way() {
                        return Err(no_action());
                    }
                    Ok(pushes::save(tx, &device, &change, moment.now).await?)
                })
            })
            .await
    }

    /// What the device runs, as far as its claim tells, and whether that is news. Without a claim this asks nobody.
    async fn running(&self, device: &AuthenticatedDevice, question: &Question) -> Result<Option<Running>, Error> {
        let Question { firmware_type, claim, .. } = question;
        if claim.is_empty() {
            return Ok(None);
        }
        let mut conn = self.store.read().await?;
        let mut known = candidates::of_claim(&mut conn, &device.scope, *firmware_type, claim).await?;
        let mut open =
            if device.open_pushes == 0 { Vec::new() } else { pushes::open(&mut conn, &device.scope).await? };
        drop(conn);
        open.retain(|record| record.push.firmware_type == *firmware_type);
        if let Some(sha256) = claim.sha256
            && known.images.iter().all(|image| image.sha256 != Some(sha256))
        {
            known.images.extend(self.sealed_with(device, &open, sha256).await?);
        }
        let downloaded = open.iter().find(|record| record.push.state >= PushState::Downloading);
        let on_device =
            OnDevice { installed: known.installed, downloaded: downloaded.map(|record| record.push.version_number) };
        let moment = self.moment();
        let matters = |record: &PushRecord, number| {
            record.push.on(Event::Runs(number), moment.now, &moment.timers).push != record.push
        };
        Ok(inference::running(claim, &known.images, on_device).map(|number| {
            let is_known = known.installed == Some(number) && !open.iter().any(|record| matters(record, number));
            Running { number, news: if is_known { Learning::Known } else { Learning::News } }
        }))
    }

    /// The image of an open push that carries this digest at its end: an ESP32 reports it, and not the digest of the
    /// whole file (ESP-IDF, `esp_partition_get_sha256`).
    async fn sealed_with(
        &self,
        device: &AuthenticatedDevice,
        open: &[PushRecord],
        sha256: Sha256,
    ) -> Result<Option<Candidate>, Error> {
        for PushRecord { push, action, version, .. } in open {
            let binary = binaries::of_push(&mut self.store.read().await?, &device.scope, *action).await?;
            let Some(binary) = binary.filter(|binary| binary.digests.size > SEAL) else { continue };
            let size = binary.digests.size;
            let pieces: Vec<_> = self.read_binary(&binary, size - SEAL, size).await?.try_collect().await?;
            if Sha256::try_from(pieces.concat()) == Ok(sha256) {
                return Ok(Some(Candidate {
                    version_number: push.version_number,
                    version: version.clone(),
                    sha256: None,
                    md5: None,
                    sealed: Some(sha256),
                }));
            }
        }
        Ok(None)
    }

    async fn learn_running(
        &self,
        device: &AuthenticatedDevice,
        firmware_type: FirmwareType,
        number: VersionNumber,
    ) -> Result<(), Error> {
        let (device, moment) = (device.scope.clone(), self.moment());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &device).await?;
                    learn(tx, &device, firmware_type, Installed::Exactly(number), moment).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Who asks again for an image of the type has let go of the one that it was to let go of. Whether that was so.
    async fn let_go(
        &self,
        device: &AuthenticatedDevice,
        firmware_type: FirmwareType,
        action: i32,
    ) -> Result<bool, Error> {
        let found = pushes::by_action(&mut self.store.read().await?, &device.scope, action).await?;
        if found.is_none_or(|found| found.push.firmware_type != firmware_type) {
            return Ok(false);
        }
        let said = vec!["the device asked again, and has let go of it by that".to_owned()];
        match self.cancel_answer(device, action, CancelAnswer::Accepted, said).await {
            // Somebody else was faster, with whatever answer.
            Ok(()) | Err(Error::Conflict { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Stores what becomes of the device's live push.
    async fn change(
        &self,
        device: &AuthenticatedDevice,
        action: i32,
        becomes: impl FnOnce(&Push, Moment) -> Change + Send + 'static,
    ) -> Result<(), Error> {
        let (device, moment) = (device.scope.clone(), self.moment());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &device).await?;
                    let found = pushes::by_action(tx, &device, action).await?;
                    if let Some(found) = found.filter(|found| found.push.state.is_live()) {
                        pushes::save(tx, &device, &becomes(&found.push, moment), moment.now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// What is due of the push that the device should get on with, if that is what it asks for and can have.
    async fn due(
        &self,
        device: &AuthenticatedDevice,
        question: &Question,
        purpose: Purpose,
        action: i32,
        running: Option<Running>,
    ) -> Result<Option<Due>, Error> {
        let Deployment { push: PushRecord { push, .. }, binary, .. } = match self.pushed(device, action).await {
            Ok(deployment) => deployment,
            // It was taken back a moment ago.
            Err(Error::NotFound(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        if push.firmware_type != question.firmware_type
            || running.is_some_and(|running| running.number >= push.version_number)
        {
            return Ok(None);
        }
        let size = binary.digests.size;
        if let Some(room) = question.room.filter(|room| *room < size) {
            if purpose == Purpose::Read && !says_no_room(&push) {
                let why = format!("{NO_ROOM}: {room} bytes are free, and it has {size}");
                self.change(device, action, move |push, moment| push.noted(why, moment.now)).await?;
            }
            return Ok(None);
        }
        let reported = reported(&question.claim, running);
        let downloads = pushes::downloads(&mut self.store.read().await?, &device.scope, action).await?;
        if downloads >= MOST_DOWNLOADS {
            if purpose == Purpose::Read {
                let why = format!("the device downloaded it {downloads} times and does not run it: {reported}");
                self.change(device, action, move |push, moment| {
                    push.on(report(Stage::Failed, why), moment.now, &moment.timers)
                })
                .await?;
            }
            return Ok(None);
        }
        Ok(Some(Due { binary, action, state: push.state, reported, had_no_room: says_no_room(&push) }))
    }
}

/// Whether the last that was said of the push is that the device has no room for it.
fn says_no_room(push: &Push) -> bool {
    push.message.as_deref().is_some_and(|message| message.starts_with(NO_ROOM))
}

fn report(stage: Stage, message: String) -> Event {
    Event::Report(Report { stage, progress: None, message: Some(message), details: Vec::new() })
}

/// What the device says that it runs, as a clause.
fn reported(claim: &Claim, running: Option<Running>) -> String {
    match (running, &claim.version) {
        (Some(running), _) => format!("it runs version number {}", running.number),
        (None, Some(version)) => format!("it reports version {}", printable(version, VERSION_LENGTH)),
        (None, None) if claim.is_empty() => "it does not say what it runs".to_owned(),
        (None, None) => "it reports the digest of an image that is not known here".to_owned(),
    }
}
