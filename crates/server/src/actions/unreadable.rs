//! What devices send that cannot be read as it is: gathered, and written down in bulk, because a device that is
//! refused says the same again and again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use otaria_core::unreadable::{KEPT, missed_least};
use otaria_core::{DeviceId, PartnerId};
use otaria_store::devices;
use otaria_store::scopes::{DeviceScope, ViewPartner};
use otaria_store::unreadable::{self, Unreadable};

use crate::error::Error;
use crate::service::Service;

/// How many devices are written down in one transaction.
const BATCH: usize = 100;
/// How many bytes of texts wait to be written down; beyond it only repetitions are counted.
const WAITING: usize = 16 * 1024 * 1024;

/// What came since the last flush.
#[derive(Default)]
pub struct Unreadables(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// Of each device, oldest first.
    devices: BTreeMap<(PartnerId, DeviceId), (DeviceScope, Vec<Unreadable>)>,
    bytes: usize,
}

impl Unreadables {
    /// Notes what a device sent.
    pub fn note(&self, device: &DeviceScope, sent: Unreadable) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).note(device, sent);
    }

    /// Forgets what a device sent that left its account.
    pub fn forget(&self, device: &DeviceScope) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).forget(device);
    }

    /// All of it, in an order in which no two writers wait for each other.
    fn take(&self) -> Vec<(DeviceScope, Vec<Unreadable>)> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        taken.devices.into_values().collect()
    }

    /// Takes back what was not written down, before what came meanwhile.
    fn put_back(&self, devices: &[(DeviceScope, Vec<Unreadable>)]) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let meanwhile = std::mem::take(&mut *waiting).devices.into_values();
        for (device, sent) in devices.iter().cloned().chain(meanwhile) {
            sent.into_iter().for_each(|sent| waiting.note(&device, sent));
        }
    }
}

/// How much room it takes while it waits, in bytes.
const fn size(sent: &Unreadable) -> usize {
    sent.body.len() + sent.reason.len() + sent.request.len()
}

impl Waiting {
    fn forget(&mut self, device: &DeviceScope) {
        if let Some((_, sent)) = self.devices.remove(&device.key()) {
            self.bytes -= sent.iter().map(size).sum::<usize>();
        }
    }

    fn note(&mut self, device: &DeviceScope, sent: Unreadable) {
        let (_, noted) = self.devices.entry(device.key()).or_insert_with(|| (device.clone(), Vec::new()));
        match noted.pop_if(|before| before.is_repeated_by(&sent)) {
            Some(before) => {
                self.bytes -= size(&before);
                noted.push(before.repeated(sent));
            }
            None if self.bytes + size(&sent) > WAITING => return,
            None => noted.push(sent),
        }
        self.bytes += noted.last().map_or(0, size);
        if noted.len() > KEPT
            && let Some(index) = missed_least(noted, Unreadable::is_akin_to)
        {
            self.bytes -= size(&noted.remove(index));
        }
    }
}

impl Service {
    /// Writes down what devices sent. What cannot be written waits for the next time.
    ///
    /// # Errors
    /// If the store refuses it.
    pub async fn flush_unreadable(&self) -> Result<(), Error> {
        let devices = self.unreadable.take();
        for (index, batch) in devices.chunks(BATCH).enumerate() {
            let rows = batch.to_vec();
            let written = self.store.write(move |tx| {
                Box::pin(async move {
                    for (device, sent) in rows {
                        devices::lock(tx, &device).await?;
                        unreadable::add(tx, &device, sent).await?;
                    }
                    Ok::<_, otaria_store::Error>(())
                })
            });
            if let Err(error) = written.await {
                self.unreadable.put_back(&devices[index * BATCH..]);
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// What a device of the partner's sent lately that could not be read as it was, newest first.
    ///
    /// # Errors
    /// If there is no such device.
    pub async fn unreadable_of(&self, scope: &ViewPartner, id: &DeviceId) -> Result<Vec<Unreadable>, Error> {
        let mut conn = self.store.read().await?;
        devices::get(&mut conn, scope, id).await?.ok_or_else(|| Error::not_found("device"))?;
        Ok(unreadable::of_device(&mut conn, scope, id).await?)
    }
}
