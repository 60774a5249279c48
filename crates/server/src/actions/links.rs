//! Signed links: who signs them, and with which key.

use otaria_store::installation_keys::{self, InstallationKey};
use otaria_store::scopes::{AuthenticatedDevice, InstallationScope};

use crate::credentials::links::Signer;
use crate::credentials::secrets;
use crate::error::Error;
use crate::service::Service;
use crate::settings::ArtifactLinks;

/// The name of the key.
const KEY: &str = "artifact links";

impl Service {
    /// Who signs the links that a device is given, where links are signed.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn signer(&self, device: &AuthenticatedDevice) -> Result<Option<Signer>, Error> {
        if self.settings.artifact_links == ArtifactLinks::Plain {
            return Ok(None);
        }
        let key = self.link_key().await?.clone();
        Ok(Some(Signer::new(key, device.link_holder(), self.clock.now(), self.settings.artifact_link)))
    }

    /// The key, the same for every process on this database, made by whoever needs it first.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn link_key(&self) -> Result<&InstallationKey, Error> {
        let load = async || {
            let scope = InstallationScope::of_the_process();
            if let Some(key) = installation_keys::get(&mut self.store.read().await?, &scope, KEY).await? {
                return Ok(key);
            }
            let (candidate, now) = (InstallationKey::new(secrets::random()?), self.clock.now());
            let made = self.store.write(move |tx| {
                Box::pin(async move { installation_keys::make(tx, &scope, KEY, &candidate, now).await })
            });
            Ok::<_, Error>(made.await?)
        };
        self.link_key.get_or_try_init(load).await
    }
}
