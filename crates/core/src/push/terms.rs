//! On what terms a device gets a push: fixed when the push is made, from the [policy](crate::policy) of its device type.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// How long a device may take for its restart before it is asked which version it runs: one that is asked before
/// would still tell the old one, and that would count as its failure.
const RESTART: Duration = Duration::from_secs(60);

/// The terms of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether somebody at the device has to agree, and has.
    pub confirmation: Confirmation,
    /// What counts as its success.
    pub success: Success,
}

impl Terms {
    /// The plainest ones: nobody is asked, and the device's word counts.
    pub const PLAIN: Self = Self { confirmation: Confirmation::NotAsked, success: Success::Reported };
}

/// Whether somebody at the device has to agree to a push, and has (device-ddi 1.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirmation {
    /// Nobody is asked.
    NotAsked,
    /// The device is asked and has not answered.
    Waiting,
    /// The device agreed, or its owner did once for all.
    Given,
    /// The device said no. It is still asked, and may say yes.
    Denied,
}

impl Confirmation {
    /// Every one that a device was asked for.
    const ASKED: [Self; 3] = [Self::Waiting, Self::Given, Self::Denied];

    /// Whether the push may go on.
    pub const fn lets_through(self) -> bool {
        matches!(self, Self::NotAsked | Self::Given)
    }

    /// Its name on the wire; none where nobody is asked.
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::NotAsked => None,
            Self::Waiting => Some("waiting"),
            Self::Given => Some("given"),
            Self::Denied => Some("denied"),
        }
    }
}

/// A text is not the name of an answer to whether a push may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of waiting, given, denied")]
pub struct InvalidConfirmation;

impl FromStr for Confirmation {
    type Err = InvalidConfirmation;

    fn from_str(text: &str) -> Result<Self, InvalidConfirmation> {
        Self::ASKED.into_iter().find(|asked| asked.as_str() == Some(text)).ok_or(InvalidConfirmation)
    }
}

/// What counts as the success of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// The device says that it is done.
    Reported,
    /// The device reports, after its restart, that it runs the version. That it is done means until then that the
    /// image is installed.
    VersionReported {
        /// Until when after it was installed. No other sign of life extends that.
        within: Duration,
    },
}

impl Success {
    /// Within what a device must report its version, if nothing is said, in seconds.
    pub const WITHIN_SECONDS: i64 = 60 * 60;
    /// What may be said instead, in seconds: a device restarts meanwhile.
    pub const WITHIN_SECONDS_ALLOWED: RangeInclusive<i64> = 60..=30 * 24 * 60 * 60;

    /// How long after the installation it is time to ask the device which version it runs; none where its word counts.
    pub(super) fn asks_after(self) -> Option<Duration> {
        match self {
            Self::Reported => None,
            Self::VersionReported { within } => Some(RESTART.min(within / 2)),
        }
    }
}

impl fmt::Display for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str().unwrap_or("not asked"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for confirmation in Confirmation::ASKED {
            assert_eq!(confirmation.to_string().parse(), Ok(confirmation));
        }
        assert_eq!("not asked".parse::<Confirmation>(), Err(InvalidConfirmation));
    }
}
