//! What a device says in a burst is written together: what comes while something of its is written shares the next
//! transaction. Clients with a log to send do so line by line, tens of them at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use otaria_core::{DeviceId, PartnerId};
use otaria_store::scopes::DeviceScope;
use tokio::sync::oneshot;

use super::reporting::{Reported, take_report};
use crate::error::Error;
use crate::service::Service;

/// How many reports share a transaction at most, so that none grows long.
const MOST: usize = 64;

/// What waits to be written, by device; of one without an entry nothing is being written.
#[derive(Default)]
pub struct Bursts(Mutex<HashMap<(PartnerId, DeviceId), Vec<Waiting>>>);

/// A report, and whoever waits for it to be written.
struct Waiting {
    reported: Reported,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// Whether somebody is writing what a device says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writer {
    Busy,
    Wanted,
}

impl Bursts {
    fn add(&self, device: &DeviceScope, waiting: Waiting) -> Writer {
        match self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(device.key()) {
            Entry::Occupied(mut line) => {
                line.get_mut().push(waiting);
                Writer::Busy
            }
            Entry::Vacant(line) => {
                line.insert(vec![waiting]);
                Writer::Wanted
            }
        }
    }

    /// What is to be written next of a device, oldest first; if that is nothing, its entry is gone.
    fn next(&self, device: &DeviceScope) -> Vec<Waiting> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Entry::Occupied(mut line) = lines.entry(device.key()) else { return Vec::new() };
        if line.get().is_empty() {
            line.remove();
            return Vec::new();
        }
        let most = line.get().len().min(MOST);
        line.get_mut().drain(..most).collect()
    }
}

impl Service {
    /// Writes what a device said, together with whatever else it says meanwhile.
    pub(super) async fn write_reported(&self, device: &DeviceScope, reported: Reported) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        if self.bursts.add(device, Waiting { reported, answer }) == Writer::Wanted {
            let (service, device) = (self.clone(), device.clone());
            // Spawned, so that nobody waits for a caller who went away.
            tokio::spawn(async move {
                loop {
                    let waiting = service.bursts.next(&device);
                    if waiting.is_empty() {
                        return;
                    }
                    let (service, device) = (service.clone(), device.clone());
                    // A task of its own: if it dies, those who wait are told, and what came meanwhile is written all
                    // the same.
                    let write = tokio::spawn(async move { service.write_together(&device, waiting).await });
                    drop(write.await);
                }
            });
        }
        answered.await.unwrap_or_else(|_| Err(otaria_store::Error::GivenUp.into()))
    }

    /// Writes in one transaction. What is refused is refused to who said it alone; if the database fails, it does for all.
    async fn write_together(&self, device: &DeviceScope, waiting: Vec<Waiting>) {
        let (reported, answers): (Vec<_>, Vec<_>) =
            waiting.into_iter().map(|waiting| (waiting.reported, waiting.answer)).unzip();
        let device = device.clone();
        let written = self.store.write(move |tx| {
            Box::pin(async move {
                let mut results = Vec::with_capacity(reported.len());
                for reported in reported {
                    match take_report(tx, &device, reported).await {
                        // What the database failed at it forgets as a whole, so that nothing of it may be acknowledged.
                        Err(error) if error.is_failure() => return Err(error),
                        result => results.push(result),
                    }
                }
                Ok(results)
            })
        });
        match written.await {
            Ok(results) => answers.into_iter().zip(results).for_each(|(answer, result)| drop(answer.send(result))),
            Err(error) => answers.into_iter().for_each(|answer| drop(answer.send(Err(error.clone())))),
        }
    }
}
