//! Devices: the target or gateway token of a request, and the device that it opens.

use std::sync::{Arc, OnceLock};

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use data_encoding::BASE64;
use otaria_core::DeviceId;
use otaria_core::ids::InvalidId;
use otaria_store::SecretHash;
use otaria_store::scopes::{AuthenticatedDevice, DeviceScope, SpokenFor};

use crate::access::origin::{address, origin};
use crate::actions::Error;
use crate::service::Service;

/// The schemes and the one space after each, compared with case (DDI 1.2).
const TARGET: &str = "TargetToken ";
const GATEWAY: &str = "GatewayToken ";
/// The scheme of HTTP Basic and the space after it, compared without case (RFC 7617).
const BASIC: &str = "Basic ";

/// The device in the path, which showed its token. Whatever it asks for, it was heard of.
pub struct Device(pub AuthenticatedDevice);

/// The same, for clients that have nothing but HTTP Basic to show a token with: the device's id is the user.
pub struct BasicDevice(pub AuthenticatedDevice);

/// The device that a request turned out to be of, for whoever sees its answer.
#[derive(Clone, Default)]
pub struct SentBy(Arc<OnceLock<(Service, DeviceScope)>>);

impl SentBy {
    /// The service, and the device that it knows, if the request showed that it is this one.
    pub fn known(&self) -> Option<&(Service, DeviceScope)> {
        self.0.get()
    }
}

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
        authenticated(parts, service, |header, _| shown(header)).await.map(Self)
    }
}

impl FromRequestParts<Service> for BasicDevice {
    type Rejection = DeviceDenied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, DeviceDenied> {
        authenticated(parts, service, |header, id| shown(header).or_else(|| shown_as_password(header, id)))
            .await
            .map(Self)
    }
}

/// The device in the path, if what `shown` finds in the header opens it.
async fn authenticated(
    parts: &mut Parts,
    service: &Service,
    shown: impl Fn(&str, &DeviceId) -> Option<Shown> + Send,
) -> Result<AuthenticatedDevice, DeviceDenied> {
    let (tenant, device_id) = named_in_path(parts, service).await?;
    if tenant.contains(char::is_control) {
        return Err(DeviceDenied::Unauthenticated);
    }
    let header = parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let shown = header.and_then(|header| shown(header, &device_id)).ok_or(DeviceDenied::Unauthenticated)?;
    let mut conn = service.store.read().await?;
    let found = match shown {
        Shown::Target(token) => AuthenticatedDevice::by_token(&mut conn, &tenant, &device_id, &token).await?,
        Shown::Gateway(token) => {
            drop(conn);
            spoken_for(parts, service, &tenant, &device_id, &token).await?
        }
    };
    let device = found.ok_or(DeviceDenied::Unauthenticated)?;
    let address = address(&parts.extensions).map(|address| address.to_string());
    service.sightings.note(&device.scope, service.clock.now(), address);
    if let Some(sent_by) = parts.extensions.get::<SentBy>() {
        sent_by.0.get_or_init(|| (service.clone(), device.scope.clone()));
    }
    Ok(device)
}

/// The device that a gateway speaks for. One that nobody knew is registered, if the gateway may.
async fn spoken_for(
    parts: &Parts,
    service: &Service,
    tenant: &str,
    id: &DeviceId,
    token: &SecretHash,
) -> Result<Option<AuthenticatedDevice>, DeviceDenied> {
    let look = async || -> Result<Option<SpokenFor>, DeviceDenied> {
        let (mut conn, now) = (service.store.read().await?, service.clock.now());
        Ok(AuthenticatedDevice::by_gateway_token(&mut conn, tenant, id, token, now).await?)
    };
    let gateway = match look().await? {
        Some(SpokenFor::Device(device)) => return Ok(Some(device)),
        Some(SpokenFor::Unknown(gateway)) => gateway,
        None => return Ok(None),
    };
    let registered = service.register_device(&gateway, id, &origin(&parts.extensions)).await;
    // Not by us: by another request of the same device at the same moment, or not at all.
    registered.map_err(DeviceDenied::Failed)?;
    Ok(match look().await? {
        Some(SpokenFor::Device(device)) => Some(device),
        Some(SpokenFor::Unknown(_)) | None => None,
    })
}

/// The credential that a request shows.
enum Shown {
    Target(SecretHash),
    Gateway(SecretHash),
}

/// The dialects have each their own word for the device's id.
async fn named_in_path(parts: &mut Parts, service: &Service) -> Result<(String, DeviceId), InvalidId> {
    let no_text = |_| InvalidId { expected: "must be UTF-8" };
    let params = RawPathParams::from_request_parts(parts, service).await.map_err(no_text)?;
    let named = |names: &[&str]| params.iter().find(|(key, _)| names.contains(key)).map_or("", |(_, value)| value);
    Ok((named(&["tenant"]).to_owned(), named(&["controllerId", "deviceId"]).parse()?))
}

fn shown(header: &str) -> Option<Shown> {
    let target = header.strip_prefix(TARGET).map(|token| Shown::Target(SecretHash::of(token)));
    target.or_else(|| header.strip_prefix(GATEWAY).map(|token| Shown::Gateway(SecretHash::of(token))))
}

/// A device's id may have colons, as a MAC address has, and its token has none: the last one is between the two.
fn shown_as_password(header: &str, id: &DeviceId) -> Option<Shown> {
    let (scheme, encoded) = header.split_at_checked(BASIC.len())?;
    if !scheme.eq_ignore_ascii_case(BASIC) {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (user, token) = decoded.rsplit_once(':')?;
    (user == id.as_str()).then(|| Shown::Target(SecretHash::of(token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_shown(text: &str, id: &str) -> bool {
        let is_right = |shown| matches!(shown, Shown::Target(token) if token == SecretHash::of("secret"));
        shown_as_password(text, &id.parse().unwrap()).is_some_and(is_right)
    }

    #[test]
    fn a_token_may_be_a_password_of_its_device() {
        let basic = |text: &str| format!("Basic {}", BASE64.encode(text.as_bytes()));
        assert!(is_shown(&basic("dev-7:secret"), "dev-7"));
        assert!(is_shown(&basic("AA:BB:CC:secret"), "AA:BB:CC"));
        assert!(is_shown(&basic("dev-7:secret").replace("Basic", "basic"), "dev-7"));
        for wrong in [basic("dev-8:secret"), basic("dev-7:other"), basic("secret"), "Basic".into(), "Basic é".into()]
        {
            assert!(!is_shown(&wrong, "dev-7"), "{wrong}");
        }
    }
}
