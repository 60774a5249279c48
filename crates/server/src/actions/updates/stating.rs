//! What a device says that it runs, in its makers' words.

use otaria_core::push::Installed;
use otaria_store::devices;
use otaria_store::scopes::AuthenticatedDevice;

use super::reporting::{Learning, learn};
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// Takes a device's word for running the image of this name and friendly version. Whether that was news.
    ///
    /// # Errors
    /// If the device's partner has no such image, or several of different firmware types.
    pub async fn state_installed(
        &self,
        device: &AuthenticatedDevice,
        name: String,
        version: String,
    ) -> Result<Learning, Error> {
        let (device, moment) = (device.scope.clone(), self.moment());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    devices::lock(tx, &device).await?;
                    let found = devices::versions_named(tx, &device, &name, &version).await?;
                    match found.as_slice() {
                        [] => Err(Error::not_found("image")),
                        [(firmware_type, number)] => {
                            learn(tx, &device, *firmware_type, Installed::Exactly(*number), moment).await
                        }
                        _ => Err(Error::conflict(
                            "ambiguous_image",
                            "Several firmware types have an image of this name and version: say otaria.version.TYPE in configData.",
                        )),
                    }
                })
            })
            .await
    }
}
