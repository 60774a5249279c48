//! When a device is to ask again: spread a little, so that a fleet that started together does not ask together.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::time::Duration;

use otaria_store::scopes::AuthenticatedDevice;

/// Below this, spreading is not worth it.
const SPREAD_FROM: u64 = 20;
/// One part in so many is the spread to either side: 5 %.
const SPREAD_PART: u64 = 20;
/// The longest time that fits into the eight characters.
const LONGEST: u64 = 24 * 60 * 60 - 1;

/// The interval for this device, as `HH:MM:SS`: exactly eight characters. It stays the same, so that an answer that did
/// not change need not be sent again; a little more apart at every poll, devices spread all the same.
pub(super) fn sleep(device: &AuthenticatedDevice, interval: Duration) -> String {
    let mut hasher = DefaultHasher::new();
    device.scope.device_id().hash(&mut hasher);
    formatted(spread(interval.as_secs(), hasher.finish()))
}

fn spread(seconds: u64, chance: u64) -> u64 {
    if seconds < SPREAD_FROM {
        return seconds;
    }
    let part = seconds / SPREAD_PART;
    seconds - part + chance % (2 * part + 1)
}

fn formatted(seconds: u64) -> String {
    let seconds = seconds.clamp(1, LONGEST);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_characters_whatever_the_interval() {
        assert_eq!(formatted(0), "00:00:01");
        assert_eq!(formatted(300), "00:05:00");
        assert_eq!(formatted(86_399), "23:59:59");
        assert_eq!(formatted(100_000), "23:59:59");
    }

    #[test]
    fn five_percent_to_either_side() {
        let intervals: Vec<u64> = (0..31).map(|chance| spread(300, chance)).collect();
        assert_eq!((intervals.iter().min(), intervals.iter().max()), (Some(&285), Some(&315)));
        assert!((0..50).all(|chance| spread(19, chance) == 19));
        assert!((0..50).all(|chance| (19..=21).contains(&spread(20, chance))));
    }
}
