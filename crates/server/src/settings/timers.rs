//! Times, in seconds.

use std::time::Duration;

use otaria_core::explanation::MISSED_POLLS;
use otaria_core::push::Timers;

use super::{RawSettings, SettingsError, not_allowed};

/// The longest time that can be set, in seconds: some 35,000 years.
const LONGEST: u64 = 1 << 40;

/// How long a push may stay in each state. A device that is asked to poll rarely is silent for longer.
pub(super) fn of(raw: &RawSettings, poll: Duration) -> Result<Timers, SettingsError> {
    let defaults = Timers::default();
    let silence = defaults.silence.max(poll * MISSED_POLLS);
    let timer = |name, seconds: Option<u64>, default| match seconds {
        Some(seconds) => positive(name, seconds),
        None => Ok(default),
    };
    Ok(Timers {
        offered: timer("offered_seconds", raw.offered_seconds, defaults.offered)?,
        fetched: timer("fetched_seconds", raw.fetched_seconds, defaults.fetched)?,
        downloading: timer("downloading_seconds", raw.downloading_seconds, defaults.downloading)?,
        downloaded: timer("downloaded_seconds", raw.downloaded_seconds, defaults.downloaded)?,
        installing: timer("installing_seconds", raw.installing_seconds, defaults.installing)?,
        installed: timer("installed_seconds", raw.installed_seconds, defaults.installed)?,
        cancelling: timer("cancelling_seconds", raw.cancelling_seconds, defaults.cancelling)?,
        silence: timer("silence_seconds", raw.silence_seconds, silence)?,
    })
}

/// A time of a second or more.
pub(super) fn positive(name: &'static str, seconds: u64) -> Result<Duration, SettingsError> {
    if (1..=LONGEST).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(not_allowed(name, format!("must be 1 to {LONGEST} seconds")))
    }
}

/// DDI writes the interval as `HH:MM:SS`: under a day.
pub(super) fn interval(name: &'static str, seconds: u64) -> Result<Duration, SettingsError> {
    if (1..24 * 60 * 60).contains(&seconds) {
        Ok(Duration::from_secs(seconds))
    } else {
        Err(not_allowed(name, "must be 1 to 86399 seconds"))
    }
}
