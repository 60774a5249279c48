//! How often one device may poll, where that is limited: only devices that were let in are counted, so that a stranger
//! cannot shut one out.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use otaria_core::{DeviceId, PartnerId, Timestamp};
use otaria_store::scopes::DeviceScope;

const MINUTE: Duration = Duration::from_secs(60);
/// With fewer devices than this nobody looks for those that can be forgotten.
const FEW: usize = 1024;

/// Holds each device to so many polls a minute. All of a minute's may come at once. A device is forgotten once it has
/// all of them again, a minute after its last poll at the latest.
pub struct Pace {
    /// What one poll takes of a minute.
    each: Duration,
    devices: Mutex<Devices>,
}

#[derive(Default)]
struct Devices {
    /// Until when the polls of each device last that it made so far (the generic cell rate algorithm).
    until: HashMap<(PartnerId, DeviceId), Timestamp>,
    /// With so many it is worth looking for those that can be forgotten.
    many: usize,
}

impl Pace {
    /// This many polls a minute, for each device.
    pub fn of(per_minute: NonZeroU32) -> Self {
        Self { each: MINUTE / per_minute.get(), devices: Mutex::default() }
    }

    /// Counts a poll of the device, unless it has made too many. One that is refused does not count.
    ///
    /// # Errors
    /// How long to wait.
    pub fn poll(&self, device: &DeviceScope, now: Timestamp) -> Result<(), Duration> {
        let mut devices = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        devices.forget_idle(now);
        let until = devices.until.entry(device.key()).or_insert(now);
        let next = (*until).max(now).plus(self.each);
        let too_early = next.since(now.plus(MINUTE));
        if !too_early.is_zero() {
            return Err(too_early);
        }
        *until = next;
        Ok(())
    }
}

impl Devices {
    /// Looks at all of them only when they have doubled, so that it costs each poll next to nothing.
    fn forget_idle(&mut self, now: Timestamp) {
        if self.until.len() >= self.many.max(FEW) {
            self.until.retain(|_, until| *until > now);
            self.until.shrink_to(FEW);
            self.many = 2 * self.until.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_does_not_poll_is_forgotten() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let partner = PartnerId::from_uuid(Uuid::nil());
        let mut devices = Devices::default();
        for number in 0..100_000_i64 {
            // A thousand a second, each with a poll that lasts for six.
            let now = at(number / 1000);
            devices.forget_idle(now);
            let id = number.to_string().parse().unwrap();
            devices.until.insert((partner, id), now.plus(Duration::from_secs(6)));
        }
        assert!(devices.until.len() < 20_000, "{}", devices.until.len());
    }
}
