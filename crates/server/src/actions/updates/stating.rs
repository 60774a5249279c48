//! What a device says that it runs, in its makers' words.

use otaria_core::push::Installed;
use otaria_core::{FirmwareType, VersionNumber};
use otaria_store::devices::{self, NamedVersion};
use otaria_store::scopes::AuthenticatedDevice;

use super::reporting::{Learning, learn};
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// Takes a device's word for running the image of this name and friendly version. Whether that was news.
    ///
    /// # Errors
    /// If the device's partner has no such image, or several of which it could be each.
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
                    let (firmware_type, number) = meant(&found)?;
                    learn(tx, &device, firmware_type, Installed::Exactly(number), moment).await
                })
            })
            .await
    }
}

/// Which version is meant, of those that it could be. Of one firmware type that is the one for the device's own type.
fn meant(found: &[NamedVersion]) -> Result<(FirmwareType, VersionNumber), Error> {
    let Some(&NamedVersion { firmware_type, .. }) = found.first() else { return Err(Error::not_found("image")) };
    if found.iter().any(|other| other.firmware_type != firmware_type) {
        return Err(Error::conflict(
            "ambiguous_image",
            "Images of several firmware types have this name and version: say otaria.version.TYPE in configData.",
        ));
    }
    let are_for_it = found.iter().any(|version| version.is_for_its_type);
    let mut numbers: Vec<_> =
        found.iter().filter(|version| version.is_for_its_type == are_for_it).map(|one| one.version_number).collect();
    numbers.dedup();
    match numbers.as_slice() {
        [number] => Ok((firmware_type, *number)),
        _ => Err(Error::conflict(
            "ambiguous_image",
            format!(
                "Several images of firmware type {firmware_type} have this name and version: say otaria.version.{firmware_type} in configData."
            ),
        )),
    }
}
