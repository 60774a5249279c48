//! What happens to a push, and what follows from it.

use super::Push;
use super::stage::Stage;
use super::state::PushState;
use crate::firmware::VersionNumber;

/// What happened to a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The device was given the details.
    Fetched,
    /// The device asked for the bytes of the binary.
    DownloadStarted,
    /// The device said how it gets on.
    Report(Report),
    /// Somebody wants it to end.
    CancelRequested,
    /// The device lets go of it.
    CancelAccepted {
        /// The device's words, in one line.
        message: Option<String>,
        /// The device's further lines.
        details: Vec<String>,
    },
    /// The device does not let go of it.
    CancelRefused {
        /// The device's words, in one line.
        message: Option<String>,
        /// The device's further lines.
        details: Vec<String>,
        /// Whether another push waits for this one to end.
        newer: NewerPush,
    },
    /// Those at the device agree to it.
    Confirmed {
        /// The device's words, in one line.
        message: Option<String>,
        /// The device's further lines.
        details: Vec<String>,
    },
    /// Those at the device do not agree to it, or not any more.
    Denied {
        /// The device's words, in one line.
        message: Option<String>,
        /// The device's further lines.
        details: Vec<String>,
    },
    /// A newer push of the same firmware type was made for the device.
    Superseded,
    /// The device says which version number of the push's firmware type it runs.
    Runs(VersionNumber),
}

/// What a device says about a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How far it is.
    pub stage: Stage,
    /// How much of this stage is done, in percent; more than 100 counts as 100.
    pub progress: Option<u8>,
    /// The device's words, in one line.
    pub message: Option<String>,
    /// The device's further lines.
    pub details: Vec<String>,
}

/// Whether another live push of the same firmware type waits on the device for a cancelling one to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewerPush {
    /// One waits.
    Waiting,
    /// There is none.
    None,
}

/// What follows from an event or a timer. The caller stores all of it in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The push from now on.
    pub push: Push,
    /// What goes into its history, when anything happened worth recording.
    pub entry: Option<Entry>,
    /// What the device is now known to run of the push's firmware type, when that was learnt.
    pub installed: Option<Installed>,
}

/// One line of a push's history. The caller adds the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The state it was in from then on.
    pub state: PushState,
    /// What was said, by the device or by the server.
    pub message: Option<String>,
    /// The device's further lines.
    pub details: Vec<String>,
}

/// What was learnt about the version number that a device runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// It runs this one now.
    Exactly(VersionNumber),
    /// It did run this one at some time: raises what is known, and never lowers it.
    AtLeast(VersionNumber),
}

impl Installed {
    /// The version number to remember, where `current` is remembered so far.
    pub fn apply(self, current: Option<VersionNumber>) -> VersionNumber {
        match self {
            Self::Exactly(number) => number,
            Self::AtLeast(number) => current.map_or(number, |current| current.max(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_success_raises_the_version_number_and_never_lowers_it() {
        let [old, new] = [4, 5].map(VersionNumber::from_i64);
        assert_eq!(Installed::AtLeast(new).apply(None), new);
        assert_eq!(Installed::AtLeast(new).apply(Some(old)), new);
        assert_eq!(Installed::AtLeast(old).apply(Some(new)), new);
        assert_eq!(Installed::Exactly(old).apply(Some(new)), old);
    }
}
