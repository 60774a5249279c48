//! For which device types an image is: those that it is available to, and those that are still to come.

use otaria_wire::partner::{AssociationOut, DeviceTypeOut, PoolImageOut};

use crate::client::Client;
use crate::failure::Failure;
use crate::nouns::images;

/// Which of the device types it is not for yet.
pub fn missing<'t>(
    known: &'t [AssociationOut],
    wanted: &'t [DeviceTypeOut],
) -> impl Iterator<Item = &'t DeviceTypeOut> + use<'t> {
    wanted.iter().filter(|wanted| known.iter().all(|known| known.device_type_id != wanted.device_type_id))
}

/// Makes the image available to each of the device types, tells so of each for which it was not yet, and returns all that
/// it is for.
///
/// # Errors
/// If the server refuses.
pub async fn complete(
    client: &Client,
    image: &PoolImageOut,
    device_types: &[DeviceTypeOut],
    mut tell: impl FnMut(&DeviceTypeOut),
) -> Result<Vec<AssociationOut>, Failure> {
    let known = images::associations(client, image).await?;
    let missing: Vec<_> = missing(&known, device_types).collect();
    if missing.is_empty() {
        return Ok(known);
    }
    for device_type in missing {
        let change = images::association(client, image, &device_type.device_type_id)?;
        match client.api.change(change).await {
            Err(failure) if failure.code() != "already_associated" => {
                return Err(failure.about(&device_type.name));
            }
            // Somebody else was faster, to the same end.
            Ok(_) | Err(_) => tell(device_type),
        }
    }
    images::associations(client, image).await
}
