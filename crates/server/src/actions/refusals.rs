//! Which refusals the audit log is told of: whoever tries again and again is recorded once a minute, and cannot fill it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use otaria_core::Timestamp;

/// How long after an entry the same again is not worth another.
const AGAIN: Duration = Duration::from_secs(60);

/// How many refusals are remembered; beyond it those are forgotten that would be recorded again.
const REMEMBERED: usize = 100_000;

/// What was refused and recorded a moment ago.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<(String, String), Timestamp>>);

impl Refusals {
    /// Whether it is to be recorded that this one was refused this. Saying so counts as recording it.
    pub fn is_worth_recording(&self, whom: &str, what: &str, now: Timestamp) -> bool {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.len() >= REMEMBERED {
            recorded.retain(|_, at| now.since(*at) < AGAIN);
        }
        let key = (whom.to_owned(), what.to_owned());
        match recorded.get(&key) {
            Some(at) if now.since(*at) < AGAIN => false,
            _ => {
                recorded.insert(key, now);
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_refusal_is_recorded_once_a_minute() {
        let refusals = Refusals::default();
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        let recorded = |what, seconds| refusals.is_worth_recording("c", what, at(seconds));
        assert_eq!(
            [recorded("a", 0), recorded("a", 59), recorded("b", 59), recorded("a", 60)],
            [true, false, true, true]
        );
    }
}
