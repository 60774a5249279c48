//! Signs of life of devices, gathered and written down in bulk: a poll writes nothing by itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use otaria_core::{DeviceId, PartnerId, Timestamp};
use otaria_store::devices::{self, Sighting};
use otaria_store::scopes::{DeviceScope, InstallationScope};

use crate::error::Error;
use crate::service::Service;

/// How many devices are written down in one transaction.
const BATCH: usize = 1000;

/// Devices heard of since the last flush, the latest sign of life of each.
#[derive(Default)]
pub struct Sightings(Mutex<BTreeMap<(PartnerId, DeviceId), Sighting>>);

impl Sightings {
    /// Notes that a device was heard of.
    pub fn note(&self, device: &DeviceScope, at: Timestamp, address: Option<String>) {
        let sighting = Sighting { device: device.clone(), at, address };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(device.key(), sighting);
    }

    /// The latest sign of life of a device since the last flush.
    pub fn latest(&self, partner: PartnerId, device: &DeviceId) -> Option<Sighting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&(partner, device.clone())).cloned()
    }

    /// Forgets a device that left its account.
    pub fn forget(&self, device: &DeviceScope) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&device.key());
    }

    /// All of them, in an order in which no two writers wait for each other.
    fn take(&self) -> Vec<Sighting> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        taken.into_values().collect()
    }

    /// Takes back what was not written down, where nothing newer is known.
    fn put_back(&self, sightings: &[Sighting]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sighting in sightings {
            known.entry(sighting.device.key()).or_insert_with(|| sighting.clone());
        }
    }
}

impl Service {
    /// Writes down which devices were heard of. What cannot be written waits for the next time.
    ///
    /// # Errors
    /// If the store refuses it.
    pub async fn flush_sightings(&self) -> Result<(), Error> {
        let sightings = self.sightings.take();
        for (index, batch) in sightings.chunks(BATCH).enumerate() {
            let rows = batch.to_vec();
            let written = self.store.write(move |tx| {
                Box::pin(
                    async move { devices::note_sightings(tx, &InstallationScope::of_the_process(), &rows).await },
                )
            });
            if let Err(error) = written.await {
                self.sightings.put_back(&sightings[index * BATCH..]);
                return Err(error.into());
            }
        }
        Ok(())
    }
}
