//! Pushing what was published to devices.

use otaria_wire::partner::{AssociationOut, PoolImageOut};
use serde_json::{Value, json};

use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::nouns::pushes;
use crate::nouns::recipients::Recipient;

/// What came of a push to one device.
#[derive(Debug)]
pub enum Pushed {
    /// It is on its way, by the push of this id.
    UnderWay(String),
    /// The device runs the image already.
    RunsIt,
    /// The rules do not let it.
    Refused(Failure),
}

/// Pushes the image to a device that it is for.
///
/// # Errors
/// If the server cannot be reached, or refuses for another reason than the rules.
pub async fn push(
    client: &Client,
    image: &PoolImageOut,
    associations: &[AssociationOut],
    device: &Recipient,
) -> Result<Pushed, Failure> {
    let association = associations.iter().find(|known| known.device_type_id == device.device_type);
    let association = association.ok_or_else(|| {
        Failure::new(format!("{}: somebody else took the image away from its type meanwhile", device.id))
    })?;
    match pushes::start(client, association, &device.id).await {
        Ok(id) => Ok(Pushed::UnderWay(id)),
        Err(failure) if failure.code() == "already_installed" => Ok(Pushed::RunsIt),
        Err(failure) if failure.exit() == Exit::Ineligible => Ok(Pushed::Refused(
            failure.about(&format!("{} does not get {} {}", device.id, image.name, image.version)),
        )),
        Err(failure) => Err(failure.about(&device.id)),
    }
}

impl Pushed {
    /// The id of a push that is on its way.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::UnderWay(id) => Some(id),
            Self::RunsIt | Self::Refused(_) => None,
        }
    }

    /// As a program reads it.
    pub fn object(&self, device: &Recipient) -> Value {
        match self {
            Self::UnderWay(id) => json!({ "deviceId": device.id, "pushId": id, "state": "offered" }),
            Self::RunsIt => json!({ "deviceId": device.id, "state": "already_installed" }),
            Self::Refused(failure) => {
                json!({ "deviceId": device.id, "state": "refused", "code": failure.code(), "message": failure.message() })
            }
        }
    }
}
