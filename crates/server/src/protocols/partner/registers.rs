//! Where devices that nobody knew are put, as a request says it.

use otaria_core::fields::Fields;
use otaria_store::Registers;

use crate::error::Error;

/// What a request says about it, while its other fields are looked at.
pub(super) struct Registering<'r> {
    may_register: bool,
    device_type: &'r str,
    account: &'r str,
}

impl<'r> Registering<'r> {
    /// The three fields; the last two belong to the first.
    pub(super) fn check(
        fields: &mut Fields,
        may_register: Option<bool>,
        device_type: Option<&'r str>,
        account: Option<&'r str>,
    ) -> Self {
        let registering = Self {
            may_register: may_register.unwrap_or(false),
            device_type: device_type.unwrap_or_default(),
            account: account.unwrap_or_default(),
        };
        for (name, given) in [("deviceTypeId", registering.device_type), ("accountId", registering.account)] {
            match (registering.may_register, given.is_empty()) {
                (true, true) => fields.refuse(name, "is required with mayRegister: where unknown devices are put"),
                (false, false) => fields.refuse(name, "goes with mayRegister: set that to true, or leave this out"),
                _ => {}
            }
        }
        registering
    }

    /// Where to put them, once every field was found to be good.
    pub(super) fn registers(&self) -> Result<Option<Registers>, Error> {
        if !self.may_register {
            return Ok(None);
        }
        Ok(Some(Registers {
            device_type_id: self.device_type.parse().map_err(|_| Error::not_found("device type"))?,
            account_id: self.account.parse().map_err(|_| Error::Forbidden)?,
        }))
    }
}
