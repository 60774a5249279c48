//! Signed links to artifacts: they open, for a while, what the device was given them for. Some clients hand the link of
//! an artifact to a program that shows nothing besides (device-ddi 3.5, R12).
//!
//! A link is good for the device that it was given to, one push, one name and a time. It ends early when the device
//! leaves its account or gets another token, because both are part of what is signed, and it opens nothing that the
//! device itself may not have any more.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use otaria_store::installation_keys::{self, InstallationKey};
use otaria_store::scopes::{AuthenticatedDevice, InstallationScope, LinkHolder, LinkedDevice};
use sha2::Sha256;

use crate::access::device::{Device, DeviceDenied, hear_of};
use crate::credentials::secrets;
use crate::error::Error;
use crate::service::Service;
use crate::settings::ArtifactLinks;

/// The name of the key.
const KEY: &str = "artifact links";
/// The parts of a link's query.
const EXPIRES: &str = "expires=";
const SIGNATURE: &str = "signature=";
/// For which part of the time that links are good they stay the same, so that an answer with links in it can be known
/// again.
const STEADY: i64 = 4;

/// Signs the links that one device is given now.
pub struct Signer {
    key: InstallationKey,
    holder: LinkHolder,
    /// In seconds since the Unix epoch.
    expires: i64,
}

impl Signer {
    /// What the link to a file of a push ends with.
    pub fn query(&self, action: &str, file_name: &str) -> String {
        let signature = mac(&self.key, &self.holder, action, file_name, self.expires).finalize().into_bytes();
        format!("{EXPIRES}{}&{SIGNATURE}{}", self.expires, BASE64URL_NOPAD.encode(&signature))
    }
}

/// Every part is preceded by its length, so that no two links read alike.
fn mac(key: &InstallationKey, holder: &LinkHolder, action: &str, file_name: &str, expires: i64) -> Hmac<Sha256> {
    let mut mac = Hmac::new(key.as_bytes().into());
    let (partner, expires) = (holder.partner_id.to_string(), expires.to_string());
    let device = holder.device_id.as_str().as_bytes();
    let token = holder.token.as_ref().map_or(&[][..], |token| token.as_bytes());
    for part in [partner.as_bytes(), device, token, action.as_bytes(), file_name.as_bytes(), expires.as_bytes()] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}

/// When links that are given now expire, in seconds: not before `lifetime` has passed, and at most a part of it later.
fn expiry(now: i64, lifetime: i64) -> i64 {
    let step = (lifetime / STEADY).max(1);
    (now.div_euclid(step) + 1) * step + lifetime
}

/// What a request's query says, if it is a signed link's.
fn signed(parts: &Parts) -> Option<(i64, Vec<u8>)> {
    let query = parts.uri.query()?;
    let named = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name));
    let signature = BASE64URL_NOPAD.decode(named(SIGNATURE)?.as_bytes()).ok()?;
    Some((named(EXPIRES)?.parse().ok()?, signature))
}

impl Service {
    /// Who signs the links that a device is given, where links are signed.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn signer(&self, device: &AuthenticatedDevice) -> Result<Option<Signer>, Error> {
        if self.settings.artifact_links == ArtifactLinks::Plain {
            return Ok(None);
        }
        let lifetime = i64::try_from(self.settings.artifact_link.as_secs()).unwrap_or(i64::MAX);
        let expires = expiry(self.clock.now().as_millis().div_euclid(1000), lifetime);
        Ok(Some(Signer { key: self.link_key().await?.clone(), holder: device.link_holder(), expires }))
    }

    /// The key, the same for every process on this database, made by whoever needs it first.
    async fn link_key(&self) -> Result<&InstallationKey, Error> {
        let load = async || {
            let scope = InstallationScope::of_the_process();
            if let Some(key) = installation_keys::get(&mut self.store.read().await?, &scope, KEY).await? {
                return Ok(key);
            }
            let (candidate, now) = (InstallationKey::new(secrets::random()?), self.clock.now());
            let made = self.store.write(move |tx| {
                Box::pin(async move { installation_keys::make(tx, &scope, KEY, &candidate, now).await })
            });
            Ok::<_, Error>(made.await?)
        };
        self.link_key.get_or_try_init(load).await
    }

    /// The device that was given the link which a request follows, if it is good.
    async fn holder_of_link(&self, parts: &mut Parts) -> Result<Option<AuthenticatedDevice>, DeviceDenied> {
        // A header decides alone. And where links are plain, those from before are not good any more.
        if self.settings.artifact_links == ArtifactLinks::Plain || parts.headers.contains_key(AUTHORIZATION) {
            return Ok(None);
        }
        let Some((expires, signature)) = signed(parts) else { return Ok(None) };
        if expires <= self.clock.now().as_millis().div_euclid(1000) {
            return Ok(None);
        }
        let Ok(params) = RawPathParams::from_request_parts(parts, self).await else { return Ok(None) };
        let named = |name: &str| params.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value);
        let (tenant, action, file_name) = (named("tenant"), named("actionId"), named("fileName"));
        let Ok(device_id) = named("controllerId").parse() else { return Ok(None) };
        let found = LinkedDevice::find(&mut self.store.read().await?, tenant, &device_id).await?;
        let Some(device) = found else { return Ok(None) };
        let mac = mac(self.link_key().await?, &device.link_holder(), action, file_name, expires);
        Ok(mac.verify_slice(&signature).is_ok().then(|| device.proven()))
    }
}

/// The device whose artifact is asked for: it showed its credential, or somebody follows the link that it was given.
pub struct Downloader(pub AuthenticatedDevice);

impl FromRequestParts<Service> for Downloader {
    type Rejection = DeviceDenied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, DeviceDenied> {
        if let Some(device) = service.holder_of_link(parts).await? {
            hear_of(&device, parts, service);
            return Ok(Self(device));
        }
        Device::from_request_parts(parts, service).await.map(|Device(device)| Self(device))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_good_for_their_time_and_not_much_longer_and_stay_the_same_for_a_while() {
        for lifetime in [1, 60, 86_400] {
            let step = (lifetime / 4).max(1);
            let start = 1_700_000_000 / step * step;
            for now in [start, start + step / 2, start + step - 1] {
                let left = expiry(now, lifetime) - now;
                assert!((lifetime..=lifetime + step).contains(&left), "{left} of {lifetime}");
                assert_eq!(expiry(now, lifetime), expiry(start, lifetime));
            }
            assert_eq!(expiry(start + step, lifetime), expiry(start, lifetime) + step);
        }
    }
}
