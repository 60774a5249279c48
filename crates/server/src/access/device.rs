//! Devices: what a request shows of a token or a certificate, and the device that it opens.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::Method;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use data_encoding::BASE64;
use otaria_core::DeviceId;
use otaria_core::ids::InvalidId;
use otaria_store::SecretHash;
use otaria_store::scopes::{AuthenticatedDevice, CertifiedDevice, DeviceScope, SpokenFor};

use crate::access::origin::{Peer, address, origin};
use crate::access::path::PathParams;
use crate::access::proxied::{self, Vouched};
use crate::credentials::certificates::Chain;
use crate::error::Error;
use crate::service::Service;

/// The schemes and the one space after each, compared with case (DDI 1.2).
const TARGET: &str = "TargetToken ";
const GATEWAY: &str = "GatewayToken ";
/// The scheme of HTTP Basic and the space after it, compared without case (RFC 7617).
const BASIC: &str = "Basic ";

/// The device in the path, which showed its credential. Whatever it asks for, it was heard of.
pub struct Device(pub AuthenticatedDevice);

/// The same, for clients that have nothing but HTTP Basic to show a token with: the device's id is the user.
pub struct BasicDevice(pub AuthenticatedDevice);

/// A device that polls, by which it may get known.
pub struct PollingDevice(pub AuthenticatedDevice);

/// The same, for clients that have nothing but HTTP Basic.
pub struct PollingBasicDevice(pub AuthenticatedDevice);

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
    /// No credential, a wrong one, one that its partner does not take, or no such device or partner: all the same to the
    /// caller.
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

impl From<Error> for DeviceDenied {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl FromRequestParts<Service> for Device {
    type Rejection = DeviceDenied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, DeviceDenied> {
        authenticated(parts, service, |header, _| token(header), Unknown::Denied).await.map(Self)
    }
}

impl FromRequestParts<Service> for PollingDevice {
    type Rejection = DeviceDenied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, DeviceDenied> {
        let unknown = Unknown::of(&parts.method);
        authenticated(parts, service, |header, _| token(header), unknown).await.map(Self)
    }
}

impl FromRequestParts<Service> for BasicDevice {
    type Rejection = DeviceDenied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, DeviceDenied> {
        authenticated(parts, service, token_or_password, Unknown::Denied).await.map(Self)
    }
}

impl FromRequestParts<Service> for PollingBasicDevice {
    type Rejection = DeviceDenied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, DeviceDenied> {
        let unknown = Unknown::of(&parts.method);
        authenticated(parts, service, token_or_password, unknown).await.map(Self)
    }
}

/// What becomes of a device that nobody knows, and for which somebody speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// It is registered, if whoever speaks for it may.
    Registered,
    /// It is not let in.
    Denied,
}

impl Unknown {
    /// To look is not to poll.
    fn of(method: &Method) -> Self {
        if *method == Method::GET { Self::Registered } else { Self::Denied }
    }
}

/// The device in the path, if what the request shows opens it. `token` is what a header with a credential may hold.
async fn authenticated(
    parts: &mut Parts,
    service: &Service,
    token: impl Fn(&str, &DeviceId) -> Option<Shown> + Send,
    unknown: Unknown,
) -> Result<AuthenticatedDevice, DeviceDenied> {
    let sender = Sender::of(parts).await?;
    // A header with a credential decides alone, also where it is no good.
    let shown = match parts.headers.get(AUTHORIZATION) {
        Some(header) => header.to_str().ok().and_then(|header| token(header, &sender.device_id)),
        None => certified(parts, service).map(Shown::Certificate),
    };
    let found = match shown.ok_or(DeviceDenied::Unauthenticated)? {
        Shown::Target(token) => {
            let mut conn = service.store.read().await?;
            AuthenticatedDevice::by_token(&mut conn, &sender.tenant, &sender.device_id, &token).await?
        }
        Shown::Gateway(token) => {
            sender.spoken_for(parts, service, unknown, || sender.by_gateway(service, &token)).await?
        }
        Shown::Certificate(shown) => {
            sender.spoken_for(parts, service, unknown, || sender.by_certificate(service, &shown)).await?
        }
    };
    let device = found.ok_or(DeviceDenied::Unauthenticated)?;
    hear_of(&device, parts, service);
    Ok(device)
}

/// Notes that a device was heard of.
pub(super) fn hear_of(device: &AuthenticatedDevice, parts: &Parts, service: &Service) {
    let address = address(&parts.extensions).map(|address| address.to_string());
    tracing::Span::current().record("device", tracing::field::display(device.scope.device_id()));
    service.sightings.note(&device.scope, service.clock.now(), address);
    if let Some(sent_by) = parts.extensions.get::<SentBy>() {
        sent_by.0.get_or_init(|| (service.clone(), device.scope.clone()));
    }
}

/// Whom a request says to be from, by its path.
struct Sender {
    tenant: String,
    device_id: DeviceId,
}

impl Sender {
    async fn of(parts: &mut Parts) -> Result<Self, InvalidId> {
        let path = PathParams::of(parts).await.map_err(|_| InvalidId { expected: "must be UTF-8" })?;
        // The dialects have each their own word for the device's id.
        let device_id = match path.text("controllerId") {
            "" => path.text("deviceId"),
            device_id => device_id,
        };
        Ok(Self { tenant: path.text("tenant").to_owned(), device_id: device_id.parse()? })
    }

    /// The device for which a credential speaks. One that nobody knew is registered where it may be, and if whoever has
    /// the credential may.
    async fn spoken_for<F>(
        &self,
        parts: &Parts,
        service: &Service,
        unknown: Unknown,
        look: impl Fn() -> F,
    ) -> Result<Option<AuthenticatedDevice>, DeviceDenied>
    where
        F: Future<Output = Result<Option<SpokenFor>, DeviceDenied>>,
    {
        let registrar = match look().await? {
            Some(SpokenFor::Device(device)) => return Ok(Some(device)),
            Some(SpokenFor::Unknown(registrar)) if unknown == Unknown::Registered => registrar,
            Some(SpokenFor::Unknown(_)) | None => return Ok(None),
        };
        // If not by us, then by another request of the same device at the same moment, or not at all.
        service.register_device(&registrar, &self.device_id, &origin(&parts.extensions)).await?;
        Ok(match look().await? {
            Some(SpokenFor::Device(device)) => Some(device),
            Some(SpokenFor::Unknown(_)) | None => None,
        })
    }

    async fn by_gateway(&self, service: &Service, token: &SecretHash) -> Result<Option<SpokenFor>, DeviceDenied> {
        let (mut conn, now) = (service.store.read().await?, service.clock.now());
        let (tenant, device) = (&self.tenant, &self.device_id);
        Ok(AuthenticatedDevice::by_gateway_token(&mut conn, tenant, device, token, now).await?)
    }

    async fn by_certificate(&self, service: &Service, shown: &Certified) -> Result<Option<SpokenFor>, DeviceDenied> {
        let found = CertifiedDevice::find(&mut service.store.read().await?, &self.tenant, &self.device_id).await?;
        let Some(device) = found else { return Ok(None) };
        let trust = service.trust_of(&device).await?;
        let is_good = match shown {
            Certified::Here(chain) => chain.is_of(&self.device_id, &trust, service.clock.now()),
            Certified::AtProxy(Vouched::Certificate(chain)) => {
                chain.is_of(&self.device_id, &trust, service.clock.now())
            }
            Certified::AtProxy(Vouched::Names(names)) => names.are_of(&self.device_id, &trust),
        };
        Ok(is_good.then(|| device.proven()))
    }
}

/// The credential that a request shows.
enum Shown {
    Target(SecretHash),
    Gateway(SecretHash),
    Certificate(Certified),
}

/// Who was shown a certificate.
enum Certified {
    /// This server.
    Here(Arc<Chain>),
    /// A proxy that is believed in this.
    AtProxy(Vouched),
}

/// The token that a header shows.
fn token(header: &str) -> Option<Shown> {
    let target = header.strip_prefix(TARGET).map(|token| Shown::Target(SecretHash::of(token)));
    target.or_else(|| header.strip_prefix(GATEWAY).map(|token| Shown::Gateway(SecretHash::of(token))))
}

fn token_or_password(header: &str, id: &DeviceId) -> Option<Shown> {
    token(header).or_else(|| password(header, id))
}

/// A device's token as its password. Its id may have colons, as a MAC address has, and its token has none: the last one is
/// between the two.
fn password(header: &str, id: &DeviceId) -> Option<Shown> {
    let (scheme, encoded) = header.split_at_checked(BASIC.len())?;
    if !scheme.eq_ignore_ascii_case(BASIC) {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (user, token) = decoded.rsplit_once(':')?;
    (user == id.as_str()).then(|| Shown::Target(SecretHash::of(token)))
}

/// What a proxy says of whoever is behind it goes before what it shows of itself.
fn certified(parts: &Parts, service: &Service) -> Option<Certified> {
    let settings = &service.settings;
    let is_proxy = parts.extensions.get::<Peer>().is_some_and(|peer| settings.certificate_proxies.trust(peer.0));
    if is_proxy && let Some(said) = proxied::vouched(&parts.headers, settings.certificate_headers) {
        return said.map(Certified::AtProxy);
    }
    parts.extensions.get::<Arc<Chain>>().cloned().map(Certified::Here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_shown(text: &str, id: &str) -> bool {
        let is_right =
            |shown| matches!(shown, Shown::Target(token) if token.as_bytes() == SecretHash::of("secret").as_bytes());
        password(text, &id.parse().unwrap()).is_some_and(is_right)
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
