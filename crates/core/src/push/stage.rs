//! How far a device says it is with a push.

use super::state::{Phase, PushState};

/// How far a device says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Says something, but nothing about how far it is.
    Note,
    /// Reads the binary.
    Downloading,
    /// Has the whole binary.
    Downloaded,
    /// Writes it.
    Installing,
    /// Has written it, and waits for its restart or its own check.
    Installed,
    /// Runs it.
    Succeeded,
    /// Could not.
    Failed,
}

impl Stage {
    /// The state that a push under way gets to by it. Who says anything at all has fetched.
    pub(super) const fn reaches(self) -> PushState {
        match self {
            Self::Note => PushState::Fetched,
            Self::Downloading => PushState::Downloading,
            Self::Downloaded => PushState::Downloaded,
            Self::Installing => PushState::Installing,
            Self::Installed => PushState::Installed,
            Self::Succeeded => PushState::Succeeded,
            Self::Failed => PushState::Failed,
        }
    }

    /// The state after a device reported this of a push in `state`: only ever forward, so that a report of an earlier
    /// stage is a note, and so is everything while cancelling but an end.
    pub(super) fn after(self, state: PushState) -> PushState {
        match (state.phase(), self) {
            (Phase::Offered | Phase::UnderWay, _) => state.max(self.reaches()),
            (Phase::Cancelling, Self::Succeeded) => PushState::Succeeded,
            (Phase::Cancelling, Self::Failed) => PushState::Cancelled,
            (Phase::Cancelling, _) | (Phase::Ended, _) => state,
        }
    }
}
