//! Who asks, and for what.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use otaria_core::FirmwareType;
use otaria_store::scopes::AuthenticatedDevice;

use super::errors::Refusal;
use crate::access::device::{BasicDevice, PollingBasicDevice};
use crate::access::path::PathParams;
use crate::error::Error;
use crate::service::Service;

/// A device that showed its token, and the firmware type in its path. Without a token nothing else is looked at.
pub(super) struct Asker {
    pub(super) device: AuthenticatedDevice,
    pub(super) firmware_type: FirmwareType,
}

impl FromRequestParts<Service> for Asker {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Refusal> {
        let asked = firmware_type(parts).await;
        // Who asks for what there cannot be does not get known by it.
        let device = match asked {
            Ok(_) => PollingBasicDevice::from_request_parts(parts, service).await?.0,
            Err(_) => BasicDevice::from_request_parts(parts, service).await?.0,
        };
        Ok(Self { device, firmware_type: asked? })
    }
}

/// The firmware type in the path.
async fn firmware_type(parts: &mut Parts) -> Result<FirmwareType, Error> {
    PathParams::of(parts).await?.text("type").parse().map_err(|_| Error::not_found("firmware type"))
}
