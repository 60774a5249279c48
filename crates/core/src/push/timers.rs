//! How long a push may stay where it is.

use std::time::Duration;

use super::state::PushState;

/// How long a push may stay in each state without a sign of life from the device about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Until the device asks for it.
    pub offered: Duration,
    /// From the details to the first word about them.
    pub fetched: Duration,
    /// Between two words while it downloads.
    pub downloading: Duration,
    /// From the whole binary to the start of its installation.
    pub downloaded: Duration,
    /// Between two words while it installs.
    pub installing: Duration,
    /// From "written" to the restart and the device's own check.
    pub installed: Duration,
    /// Until the device answers that it lets go. A bound on the whole, which no sign of life extends.
    pub cancelling: Duration,
    /// How long a device that has fetched may say nothing at all, not even poll, before it counts as lost. Well
    /// above the interval at which devices poll, and well below the other limits, or nothing would ever be lost.
    pub silence: Duration,
}

impl Timers {
    /// How long a push may stay in `state`; as long as it likes once ended.
    pub const fn limit(&self, state: PushState) -> Option<Duration> {
        match state {
            PushState::Offered => Some(self.offered),
            PushState::Fetched => Some(self.fetched),
            PushState::Downloading => Some(self.downloading),
            PushState::Downloaded => Some(self.downloaded),
            PushState::Installing => Some(self.installing),
            PushState::Installed => Some(self.installed),
            PushState::Cancelling => Some(self.cancelling),
            PushState::Succeeded
            | PushState::Failed
            | PushState::TimedOut
            | PushState::Lost
            | PushState::Cancelled
            | PushState::Superseded => None,
        }
    }
}

impl Default for Timers {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            offered: 30 * DAY,
            fetched: DAY,
            downloading: DAY,
            downloaded: 7 * DAY,
            installing: DAY,
            installed: 7 * DAY,
            cancelling: DAY,
            silence: Duration::from_secs(6 * 60 * 60),
        }
    }
}
