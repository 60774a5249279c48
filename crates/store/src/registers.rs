//! Where devices are put that nobody knew: those that come by a gateway token, and those that come by a certificate.

use otaria_core::{AccountId, DeviceTypeId};

use crate::Error;

/// Where devices that nobody knew are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// Of this device type.
    pub device_type_id: DeviceTypeId,
    /// Into this account.
    pub account_id: AccountId,
}

impl Registers {
    pub(crate) fn from_row(device_type: Option<String>, account: Option<String>) -> Result<Option<Self>, Error> {
        match (device_type, account) {
            (Some(device_type), Some(account)) => {
                Ok(Some(Self { device_type_id: device_type.parse()?, account_id: account.parse()? }))
            }
            _ => Ok(None),
        }
    }
}
