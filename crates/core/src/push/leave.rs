//! How far a device may go with a push now.

use super::event::{Event, Report};
use super::stage::Stage;

/// How far a device may go with a push now. What it has begun it may finish, and its last word always counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It may install it.
    Install,
    /// It may get what the push delivers, and no more.
    Download(Hold),
    /// It gets nothing.
    Nothing(Hold),
}

/// Why the server does not let a device get on with a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Its maintenance window is closed.
    Window,
    /// Its maintenance window goes by its own clock, and it has not said which time zone it is in.
    TimeZone,
    /// Those at the device do not agree, or have yet to say so.
    Agreement,
}

impl Leave {
    /// What keeps the device from installing, if anything does.
    pub const fn hold(self) -> Option<Hold> {
        match self {
            Self::Install => None,
            Self::Download(hold) | Self::Nothing(hold) => Some(hold),
        }
    }

    /// What a report of this stage counts as: one of more than the device may do is a note, since a device that waits
    /// may call that proceeding.
    const fn bounds(self, stage: Stage) -> Stage {
        match (self, stage) {
            (Self::Download(_) | Self::Nothing(_), Stage::Installing | Stage::Installed)
            | (Self::Nothing(_), Stage::Downloading | Stage::Downloaded) => Stage::Note,
            _ => stage,
        }
    }
}

impl Event {
    /// What of it counts while the device may go so far; none if that is nothing.
    #[must_use]
    pub fn within(self, leave: Leave) -> Option<Self> {
        match self {
            Self::DownloadStarted if leave.bounds(Stage::Downloading) == Stage::Note => None,
            Self::Report(report) => Some(Self::Report(report.within(leave))),
            event => Some(event),
        }
    }
}

impl Report {
    /// What of it counts while the device may go so far.
    #[must_use]
    pub fn within(self, leave: Leave) -> Self {
        match leave.bounds(self.stage) {
            stage if stage == self.stage => self,
            // How much of it is done says nothing of where the push stands.
            stage => Self { stage, progress: None, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAGES: [Stage; 7] = [
        Stage::Note,
        Stage::Downloading,
        Stage::Downloaded,
        Stage::Installing,
        Stage::Installed,
        Stage::Succeeded,
        Stage::Failed,
    ];

    #[test]
    fn a_word_leads_no_further_than_the_device_may_go_unless_it_is_the_last() {
        let hold = Hold::Window;
        for (leave, notes) in [
            (Leave::Install, &STAGES[..0]),
            (Leave::Download(hold), &STAGES[3..5]),
            (Leave::Nothing(hold), &STAGES[1..5]),
        ] {
            for stage in STAGES {
                let said = Report { stage, progress: Some(7), message: Some("words".into()), details: Vec::new() };
                let counts = said.clone().within(leave);
                let is_note = notes.contains(&stage);
                let expected = if is_note { Report { stage: Stage::Note, progress: None, ..said } } else { said };
                assert_eq!(counts, expected, "{leave:?}");
            }
        }
    }

    #[test]
    fn reading_what_is_withheld_moves_nothing() {
        let hold = Hold::Agreement;
        assert_eq!(Event::DownloadStarted.within(Leave::Nothing(hold)), None);
        for leave in [Leave::Install, Leave::Download(hold)] {
            assert_eq!(Event::DownloadStarted.within(leave), Some(Event::DownloadStarted));
        }
        assert_eq!(Event::CancelRequested.within(Leave::Nothing(hold)), Some(Event::CancelRequested));
    }
}
