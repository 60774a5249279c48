//! Signs of life of devices, gathered and written down in bulk: a poll writes nothing by itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use otaria_core::{DeviceId, PartnerId, Timestamp};
use otaria_store::devices::{self, Sighting};
use otaria_store::scopes::{DeviceScope, InstallationScope};

use crate::actions::Error;
use crate::service::Service;

/// How many devices are written down in one transaction.
const BATCH: usize = 1000;

/// Devices heard of since the last flush, the latest sign of life of each.
#[derive(Default)]
pub struct Sightings(Mutex<HashMap<(PartnerId, DeviceId), Sighting>>);

impl Sightings {
    /// Notes that a device was heard of.
    pub fn note(&self, device: &DeviceScope, at: Timestamp, address: Option<String>) {
        let key = (device.partner_id(), device.device_id().clone());
        let sighting = Sighting { device: device.clone(), at, address };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, sighting);
    }

    fn take(&self) -> Vec<Sighting> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        taken.into_values().collect()
    }
}

impl Service {
    /// Writes down which devices were heard of. What cannot be written is lost: the next poll says it again.
    ///
    /// # Errors
    /// If the store refuses it.
    pub async fn flush_sightings(&self) -> Result<(), Error> {
        for batch in self.sightings.take().chunks(BATCH) {
            let batch = batch.to_vec();
            self.store
                .write(move |tx| {
                    Box::pin(async move {
                        devices::note_sightings(tx, &InstallationScope::of_the_process(), &batch).await
                    })
                })
                .await?;
        }
        Ok(())
    }
}
