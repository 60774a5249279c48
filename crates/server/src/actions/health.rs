//! Whether the service can do its work.

use crate::error::Error;
use crate::service::Service;

impl Service {
    /// Whether the service can do its work: reads are answered, and writes can be done.
    ///
    /// # Errors
    /// If not.
    pub async fn readiness(&self) -> Result<(), Error> {
        if !self.store.is_writable() {
            return Err(otaria_store::Error::GivenUp.into());
        }
        self.is_bootstrapped().await.map(drop)
    }

    /// How many writes wait for their turn, where they have one.
    pub fn waiting_writes(&self) -> Option<usize> {
        self.store.waiting_writes()
    }
}
