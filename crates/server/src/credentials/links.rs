//! Signed links to artifacts: they open, for a while, what the device was given them for. Some clients hand the link of
//! an artifact to a program that shows nothing besides (device-ddi 3.5, R12).
//!
//! A link is good for the device that it was given to, one push, one name and a time. It ends early when the device
//! leaves its account or gets another token, because both are part of what is signed.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use otaria_core::Timestamp;
use otaria_store::installation_keys::InstallationKey;
use otaria_store::scopes::LinkHolder;
use sha2::Sha256;

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
    /// The signer of links that are good for `lifetime` at least.
    pub fn new(key: InstallationKey, holder: LinkHolder, now: Timestamp, lifetime: Duration) -> Self {
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        Self { key, holder, expires: expiry(seconds(now), lifetime) }
    }

    /// What the link to a file of a push ends with.
    pub fn query(&self, action: &str, file_name: &str) -> String {
        let signature = mac(&self.key, &self.holder, action, file_name, self.expires).finalize().into_bytes();
        format!("{EXPIRES}{}&{SIGNATURE}{}", self.expires, BASE64URL_NOPAD.encode(&signature))
    }
}

/// What the query of a signed link says.
pub struct SignedQuery {
    /// In seconds since the Unix epoch.
    expires: i64,
    signature: Vec<u8>,
}

impl SignedQuery {
    /// What a query says, if it is a signed link's.
    pub fn read(query: &str) -> Option<Self> {
        let named = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name));
        let signature = BASE64URL_NOPAD.decode(named(SIGNATURE)?.as_bytes()).ok()?;
        Some(Self { expires: named(EXPIRES)?.parse().ok()?, signature })
    }

    /// Whether its time is over.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires <= seconds(now)
    }

    /// Whether the link was given to this holder, for this file of this push.
    pub fn was_given(&self, key: &InstallationKey, holder: &LinkHolder, action: &str, file_name: &str) -> bool {
        mac(key, holder, action, file_name, self.expires).verify_slice(&self.signature).is_ok()
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

fn seconds(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(1000)
}

/// When links that are given now expire, in seconds: not before `lifetime` has passed, and at most a part of it later.
fn expiry(now: i64, lifetime: i64) -> i64 {
    let step = (lifetime / STEADY).max(1);
    (now.div_euclid(step) + 1) * step + lifetime
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
