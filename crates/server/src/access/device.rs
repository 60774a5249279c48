//! Devices: the target token of a request, and the device that it opens.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, RawPathParams};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use otaria_core::DeviceId;
use otaria_core::ids::InvalidId;
use otaria_store::SecretHash;
use otaria_store::scopes::AuthenticatedDevice;

use crate::actions::Error;
use crate::service::Service;

/// The scheme and the one space after it, compared with case (DDI 1.2).
const SCHEME: &str = "TargetToken ";

/// The device in the path, which showed its token. Whatever it asks for, it was heard of.
pub struct Device(pub AuthenticatedDevice);

/// Why a device's request was not let in.
#[derive(Clone, Debug)]
pub enum DeviceDenied {
    /// What stands in the path in place of a device id is none.
    NoDeviceId(InvalidId),
    /// No token, a wrong one, or no such device or partner: all the same to the caller.
    Unauthenticated,
    /// The check itself failed.
    Failed(Error),
}

impl From<InvalidId> for DeviceDenied {
    fn from(error: InvalidId) -> Self {
        Self::NoDeviceId(error)
    }
}

impl From<otaria_store::Error> for DeviceDenied {
    fn from(error: otaria_store::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl FromRequestParts<Service> for Device {
    type Rejection = DeviceDenied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, DeviceDenied> {
        let (tenant, device_id) = named_in_path(parts, service).await?;
        if tenant.contains(char::is_control) {
            return Err(DeviceDenied::Unauthenticated);
        }
        let token = token(parts).ok_or(DeviceDenied::Unauthenticated)?;
        let mut conn = service.store.read().await?;
        let found = AuthenticatedDevice::by_token(&mut conn, &tenant, &device_id, &token).await?;
        let device = found.ok_or(DeviceDenied::Unauthenticated)?;
        service.sightings.note(&device.scope, service.clock.now(), address(parts));
        Ok(Self(device))
    }
}

async fn named_in_path(parts: &mut Parts, service: &Service) -> Result<(String, DeviceId), InvalidId> {
    let no_text = |_| InvalidId { expected: "must be UTF-8" };
    let params = RawPathParams::from_request_parts(parts, service).await.map_err(no_text)?;
    let named = |name: &str| params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
    Ok((named("tenant").to_owned(), named("controllerId").parse()?))
}

fn token(parts: &Parts) -> Option<SecretHash> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    header.strip_prefix(SCHEME).map(SecretHash::of)
}

/// The address that the request came from, where the listener tells.
fn address(parts: &Parts) -> Option<String> {
    let ConnectInfo(address) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_canonical().to_string())
}
