//! What partners trust, kept ready after it was read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use otaria_core::PartnerId;
use otaria_store::device_authentication;
use otaria_store::scopes::CertifiedDevice;

use crate::credentials::certificates::Trust;
use crate::error::Error;
use crate::service::Service;

/// What partners trust: the newest of each that was asked for.
#[derive(Default)]
pub struct Trusts(Mutex<HashMap<PartnerId, Arc<Trust>>>);

impl Trusts {
    fn get(&self, device: &CertifiedDevice) -> Option<Arc<Trust>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&device.partner().partner_id()).filter(|trust| trust.digest() == device.trust()).cloned()
    }

    fn keep(&self, partner: PartnerId, trust: &Arc<Trust>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(partner, Arc::clone(trust));
    }
}

impl Service {
    /// Whom the partner of a device trusts, as it is now.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn trust_of(&self, device: &CertifiedDevice) -> Result<Arc<Trust>, Error> {
        if let Some(trust) = self.trusts.get(device) {
            return Ok(trust);
        }
        let text = device_authentication::trust(&mut self.store.read().await?, device.partner()).await?;
        let trust = Trust::read(&text).map_err(|(_, error)| Error::Internal(Arc::new(error)))?;
        let trust = Arc::new(trust);
        self.trusts.keep(device.partner().partner_id(), &trust);
        Ok(trust)
    }
}
