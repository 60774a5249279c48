//! The states of a push.

use std::fmt;
use std::str::FromStr;

/// Where a push stands (partner API contract, section 4), in the order in which a push goes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PushState {
    /// Waits for the device to ask.
    Offered,
    /// The device was given the details.
    Fetched,
    /// The device reads the binary.
    Downloading,
    /// The device has the whole binary.
    Downloaded,
    /// The device writes it.
    Installing,
    /// The device says that it is written, and waits for its restart or its own check.
    Installed,
    /// The device had fetched it and is asked to let go of it.
    Cancelling,
    /// The device runs it. Ended, like everything below.
    Succeeded,
    /// The device says that it could not.
    Failed,
    /// A state's timer ran out while the device kept polling.
    TimedOut,
    /// The device had fetched it and then fell silent. Counts as a failure.
    Lost,
    /// Somebody took it back. Never counts as the device's failure.
    Cancelled,
    /// A newer push of the type, or a newer image on the device, made it pointless.
    Superseded,
}

/// What the rules tell apart: every state is in exactly one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The device knows nothing of it.
    Offered,
    /// The device has fetched it and is at work.
    UnderWay,
    /// The device is asked to let go of it.
    Cancelling,
    /// It is over.
    Ended,
}

impl PushState {
    /// Every state, in order.
    pub const ALL: [Self; 13] = [
        Self::Offered,
        Self::Fetched,
        Self::Downloading,
        Self::Downloaded,
        Self::Installing,
        Self::Installed,
        Self::Cancelling,
        Self::Succeeded,
        Self::Failed,
        Self::TimedOut,
        Self::Lost,
        Self::Cancelled,
        Self::Superseded,
    ];

    /// Its name on the wire, in snake_case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Fetched => "fetched",
            Self::Downloading => "downloading",
            Self::Downloaded => "downloaded",
            Self::Installing => "installing",
            Self::Installed => "installed",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Cancelled => "cancelled",
            Self::Superseded => "superseded",
        }
    }

    /// Whether it is over: no push ever leaves such a state.
    pub const fn is_ended(self) -> bool {
        matches!(self.phase(), Phase::Ended)
    }

    /// Whether it is meant to reach the device: neither ended nor cancelling. A device has at most one such
    /// push of a firmware type.
    pub const fn is_live(self) -> bool {
        matches!(self.phase(), Phase::Offered | Phase::UnderWay)
    }

    /// Whether the device has fetched it and is to get on with it.
    pub const fn is_under_way(self) -> bool {
        matches!(self.phase(), Phase::UnderWay)
    }

    pub(crate) const fn phase(self) -> Phase {
        match self {
            Self::Offered => Phase::Offered,
            Self::Fetched | Self::Downloading | Self::Downloaded | Self::Installing | Self::Installed => {
                Phase::UnderWay
            }
            Self::Cancelling => Phase::Cancelling,
            Self::Succeeded | Self::Failed | Self::TimedOut | Self::Lost | Self::Cancelled | Self::Superseded => {
                Phase::Ended
            }
        }
    }
}

impl fmt::Display for PushState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text is not the name of a push state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {}", PushState::ALL.map(PushState::as_str).join(", "))]
pub struct InvalidPushState;

impl FromStr for PushState {
    type Err = InvalidPushState;

    fn from_str(text: &str) -> Result<Self, InvalidPushState> {
        Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or(InvalidPushState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for state in PushState::ALL {
            assert_eq!(state.to_string().parse(), Ok(state));
        }
        assert_eq!(PushState::TimedOut.as_str(), "timed_out");
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "Offered".parse::<PushState>().unwrap_err();
        assert!(error.to_string().starts_with("must be one of offered, fetched, "), "{error}");
    }

    #[test]
    fn all_lists_every_state_once_and_in_order() {
        assert!(PushState::ALL.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn a_cancelling_push_is_neither_live_nor_ended() {
        assert!(!PushState::Cancelling.is_live() && !PushState::Cancelling.is_ended());
        let (before, after) = (&PushState::ALL[..6], &PushState::ALL[7..]);
        assert!(before.iter().all(|state| state.is_live() && !state.is_ended()));
        assert!(after.iter().all(|state| state.is_ended() && !state.is_live()));
    }
}
