//! Certificates that devices show (device-ddi 1.2), and whether their partner trusts those who signed them.
//!
//! That a client has a certificate's key is proved by the handshake, here or at a proxy. Everything else is judged when
//! a request names a device, since only then it is known whose it would have to be.

mod authorities;
mod chain;
mod revocation;
mod trust;

use otaria_core::Timestamp;
use rustls::pki_types::UnixTime;

pub use authorities::Authority;
pub use chain::Chain;
pub use revocation::RevocationList;
pub use trust::{Trust, Unusable};

/// From when until when something is valid; the second one is the first moment at which it is not any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    /// What a certificate says, which names the last second of its time.
    fn of(validity: &x509_parser::certificate::Validity) -> Self {
        let millis = |seconds: i64| Timestamp::from_millis(seconds.saturating_mul(1000));
        Self {
            from: millis(validity.not_before.timestamp()),
            until: millis(validity.not_after.timestamp().saturating_add(1)),
        }
    }

    fn has(self, now: Timestamp) -> bool {
        (self.from..self.until).contains(&now)
    }
}

/// The time as certificates have it: in whole seconds.
fn unix(now: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(std::time::Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or_default()))
}
