//! Whether a device is in a maintenance window.

use otaria_core::Timestamp;
use otaria_core::maintenance::{Opening, Zone};
use otaria_store::scopes::DeviceScope;
use otaria_store::{Conn, device_types, devices};

use crate::error::Error;

/// The attribute by which a device says which time zone it is in, such as `Europe/Berlin` or `+05:30`.
const TIME_ZONE: &str = "otaria.timeZone";

/// Whether the device may be updated now; none if its type has no maintenance windows.
pub(in crate::actions) async fn opening(
    conn: &mut Conn,
    device: &DeviceScope,
    now: Timestamp,
) -> Result<Option<Opening>, Error> {
    let Some(maintenance) = device_types::policy(conn, device).await?.maintenance else { return Ok(None) };
    let own = devices::config_value(conn, device, TIME_ZONE).await?;
    let own = own.and_then(|text| text.parse::<Zone>().ok());
    Ok(Some(maintenance.opening(own.as_ref(), now)))
}
