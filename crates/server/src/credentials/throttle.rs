//! Slows down whoever guesses passwords: per account and address together, so that a stranger elsewhere cannot
//! lock anybody out, and for a while only, so that nobody is locked out for good.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use otaria_core::Timestamp;

/// Wrong passwords that cost nothing: people mistype.
const FREE: u32 = 3;
/// How many wrong passwords attempts during a wait can count up to.
const IMPATIENT: u32 = 10;
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// After this long without an attempt, all is forgotten.
const FORGET: Duration = Duration::from_secs(60 * 60);
/// How many accounts and addresses are remembered; beyond it those are forgotten that were idle for long.
const REMEMBERED: usize = 100_000;

/// Who failed to sign in, and until when they have to wait.
#[derive(Default)]
pub struct Throttle(Mutex<HashMap<(String, IpAddr), Failures>>);

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    last: Timestamp,
}

impl Failures {
    /// One second after the free ones, then twice as long each time: the tenth wrong password costs 64 seconds.
    fn wait(self) -> Duration {
        let doublings = self.count.saturating_sub(FREE);
        if doublings == 0 { Duration::ZERO } else { Duration::from_secs(1 << (doublings - 1).min(20)).min(LONGEST) }
    }

    /// How much of the wait is left.
    fn left(self, now: Timestamp) -> Duration {
        self.last.plus(self.wait()).since(now)
    }
}

impl Throttle {
    /// Begins an attempt, unless this account must still wait at this address. It counts as a wrong password until
    /// it [succeeded](Self::succeeded), so that many at once are no way around the wait. Whoever does not wait makes
    /// the wait longer, but not beyond what [`IMPATIENT`] wrong passwords cost: somebody's own program that tries again
    /// and again gets in once the last attempt that was looked at is that long ago.
    ///
    /// # Errors
    /// How long to wait.
    pub fn begin(&self, account: &str, address: IpAddr, now: Timestamp) -> Result<(), Duration> {
        let address = network(address);
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(earlier) = failures.get_mut(&(account.to_owned(), address))
            && !earlier.left(now).is_zero()
        {
            earlier.count = earlier.count.max(IMPATIENT.min(earlier.count + 1));
            return Err(earlier.left(now));
        }
        if failures.len() >= REMEMBERED {
            failures.retain(|_, failures| now.since(failures.last) < failures.wait().max(Duration::from_secs(60)));
        }
        let entry = failures.entry((account.to_owned(), address)).or_insert(Failures { count: 0, last: now });
        let forgotten = now.since(entry.last) > FORGET;
        entry.count = if forgotten { 1 } else { entry.count.saturating_add(1) };
        entry.last = now;
        Ok(())
    }

    /// Forgets after a right password.
    pub fn succeeded(&self, account: &str, address: IpAddr) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&(account.to_owned(), network(address)));
    }
}

/// Whose address it is: who has one IPv6 address has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ELSEWHERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    /// Fails `times` times, waiting as long as it takes; when that was.
    fn fail(throttle: &Throttle, account: &str, times: u32) -> Timestamp {
        let mut now = Timestamp::from_millis(1_000_000);
        for _ in 0..times {
            if let Err(wait) = throttle.begin(account, HERE, now) {
                now = now.plus(wait);
                throttle.begin(account, HERE, now).unwrap();
            }
        }
        now
    }

    #[test]
    fn ten_wrong_passwords_cost_at_least_thirty_seconds_but_only_there() {
        let throttle = Throttle::default();
        let now = fail(&throttle, "a@example.com", 10);
        let wait = throttle.begin("a@example.com", HERE, now).unwrap_err();
        assert!(wait >= Duration::from_secs(30) && wait <= LONGEST, "{wait:?}");
        assert_eq!(throttle.begin("a@example.com", ELSEWHERE, now), Ok(()));
        assert_eq!(throttle.begin("b@example.com", HERE, now), Ok(()));
        assert_eq!(throttle.begin("a@example.com", HERE, now.plus(wait)), Ok(()));
    }

    #[test]
    fn many_at_once_are_no_way_around_the_wait() {
        let throttle = Throttle::default();
        let now = Timestamp::from_millis(0);
        let begun = (0..100).filter(|_| throttle.begin("a", HERE, now).is_ok()).count();
        assert_eq!(begun, 4);
    }

    #[test]
    fn ten_in_a_burst_cost_as_much_and_whoever_goes_on_is_not_kept_out() {
        let throttle = Throttle::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        for _ in 0..10 {
            let _ = throttle.begin("a", HERE, at(0));
        }
        assert_eq!(throttle.begin("a", HERE, at(0)), Err(Duration::from_secs(64)));
        for seconds in 1..64 {
            assert!(throttle.begin("a", HERE, at(seconds)).is_err());
        }
        assert_eq!(throttle.begin("a", HERE, at(64)), Ok(()));
    }

    #[test]
    fn mistyping_is_free_and_success_forgets() {
        let throttle = Throttle::default();
        let now = Timestamp::from_millis(0);
        for _ in 0..4 {
            assert_eq!(throttle.begin("a", HERE, now), Ok(()));
        }
        assert!(throttle.begin("a", HERE, now).is_err());
        throttle.succeeded("a", HERE);
        assert_eq!(throttle.begin("a", HERE, now), Ok(()));
    }

    #[test]
    fn no_wait_is_longer_than_the_longest() {
        let throttle = Throttle::default();
        let now = fail(&throttle, "a", 100);
        assert_eq!(throttle.begin("a", HERE, now), Err(LONGEST));
    }
}
