//! A device's own words: kept printable and within bounds, never refused.

use otaria_core::push::Entry;

/// How many lines of one report are kept: the last ones.
const LINES: usize = 64;
/// How much of one line is kept, in characters.
const LINE_LENGTH: usize = 1024;
/// How much of one report is kept, in bytes: a push has up to a thousand of them.
const REPORT_SIZE: usize = 16 * 1024;
/// Lines that say that something went wrong, but not what. SWUpdate logs the last line whenever it keeps no state in a
/// boot loader, even on success.
const SAYS_NOTHING: [&str; 6] = [
    "update failed",
    "no suitable .swu image found",
    "failed to install software bundle",
    "failed",
    "error",
    "cannot read stored update state",
];
/// What SWUpdate says of a failure elsewhere: that it could not go on with what it was doing. Where the failure itself is
/// said as well, that is the reason.
const FOLLOWS: [&str; 3] =
    ["Channel operation returned error", "Writing into SWUpdate IPC stream failed", "Image invalid or corrupted"];

/// What a device says: a headline, and everything else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    /// In one line.
    pub(super) message: Option<String>,
    /// All lines, where there is more than the headline.
    pub(super) details: Vec<String>,
}

impl Words {
    /// The words of a report: its last line is the headline.
    pub(super) fn of(said: &[String]) -> Self {
        let details = clean(said);
        let message = details.last().cloned();
        Self { message, details }.without_repetition()
    }

    /// The words of a report of failure: a last line that says nothing gives way to the reason, which some devices
    /// gave in one of the reports `before`, newest first.
    pub(super) fn of_failure(said: &[String], before: &[Entry]) -> Self {
        let details = clean(said);
        let last = details.last();
        let message = match last {
            Some(last) if !says_nothing(last) && !follows(last) => Some(last.clone()),
            _ => {
                let earlier = before.iter().flat_map(|entry| entry.details.iter().rev().chain(&entry.message));
                let reasons: Vec<_> = details.iter().rev().chain(earlier).filter(|line| gives_reason(line)).collect();
                let reason = reasons.iter().find(|line| !follows(line)).or_else(|| reasons.first());
                reason.copied().or(last).cloned()
            }
        };
        Self { message, details }.without_repetition()
    }

    fn without_repetition(mut self) -> Self {
        if self.details.len() == 1 && self.message.as_ref() == self.details.first() {
            self.details.clear();
        }
        self
    }
}

/// A text with nothing in it that a console or a database would stumble over, cut to `length` characters.
pub(super) fn printable(text: &str, length: usize) -> String {
    let kept: String = text.chars().filter(|character| !character.is_control() || *character == '\t').collect();
    kept.trim().chars().take(length).collect()
}

fn clean(said: &[String]) -> Vec<String> {
    let lines = said.iter().flat_map(|text| text.lines()).map(|line| printable(line, LINE_LENGTH));
    let mut lines: Vec<String> = lines.filter(|line| !line.is_empty()).collect();
    lines.drain(..lines.len().saturating_sub(LINES));
    let mut room = REPORT_SIZE;
    let fits = |line: &&String| {
        let left = room.checked_sub(line.len());
        room = left.unwrap_or_default();
        left.is_some()
    };
    let kept = lines.iter().rev().take_while(fits).count();
    lines.drain(..lines.len() - kept);
    lines
}

fn says_nothing(line: &str) -> bool {
    let line = line.trim_end_matches(['.', '!']);
    // A log marks such lines in one of these ways.
    let line = ["[ERROR]", "ERROR"].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
    let line = line.trim_start_matches([' ', ':']);
    line.is_empty() || SAYS_NOTHING.iter().any(|nothing| line.eq_ignore_ascii_case(nothing))
}

/// Whether something else must have failed first.
fn follows(line: &str) -> bool {
    FOLLOWS.iter().any(|consequence| line.contains(consequence))
}

fn gives_reason(line: &str) -> bool {
    (line.contains("ERROR") || line.starts_with("LastError")) && !says_nothing(line)
}

#[cfg(test)]
mod tests {
    use otaria_core::push::PushState;

    use super::*;

    fn lines(said: &[&str]) -> Vec<String> {
        said.iter().map(|&line| line.to_owned()).collect()
    }

    #[test]
    fn the_last_line_is_the_headline() {
        let words = Words::of(&lines(&["one", "two\n"]));
        assert_eq!(words, Words { message: Some("two".into()), details: lines(&["one", "two"]) });
        assert_eq!(Words::of(&lines(&["one"])), Words { message: Some("one".into()), details: vec![] });
        assert_eq!(Words::of(&lines(&["", "\u{0}"])), Words { message: None, details: vec![] });
    }

    #[test]
    fn words_are_printable_and_bounded() {
        let said: Vec<String> =
            (0..100).map(|number| format!("{number}\u{0}\u{1f}\tü{}", "x".repeat(2000))).collect();
        let words = Words::of(&said);
        assert_eq!(words.details.len(), REPORT_SIZE / (LINE_LENGTH + 1), "an ü has two bytes");
        assert!(words.details[0].starts_with("85\tüx"), "{}", &words.details[0][..8]);
        assert!(words.details.iter().all(|line| line.chars().count() == LINE_LENGTH));
        let short: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        assert_eq!(Words::of(&short).details.len(), LINES);
    }

    #[test]
    fn a_line_that_says_nothing_is_no_reason() {
        for line in ["ERROR", "[ERROR] : Update failed.", "ERROR : Cannot read stored update state.", "Error!"] {
            assert!(says_nothing(line) && !gives_reason(line), "{line}");
        }
        for line in ["ERROR : HASH mismatch", "[ERROR] disk", "LastError: mark failed", "12 ERROR"] {
            assert!(gives_reason(line), "{line}");
        }
    }

    #[test]
    fn a_failure_that_says_nothing_is_explained_by_what_was_said_before() {
        let before = [
            Entry {
                state: PushState::Installing,
                message: Some("[INFO] waiting".into()),
                details: lines(&["[ERROR] : SW not compatible with hardware", "[INFO] waiting"]),
            },
            Entry { state: PushState::Installing, message: Some("ERROR before that".into()), details: vec![] },
        ];
        let words = Words::of_failure(&lines(&["No suitable .swu image found\n"]), &before);
        assert_eq!(words.message.as_deref(), Some("[ERROR] : SW not compatible with hardware"));
        assert_eq!(words.details, ["No suitable .swu image found"]);

        let own = Words::of_failure(&lines(&["ERROR disk", "Update Failed."]), &before);
        assert_eq!(own.message.as_deref(), Some("ERROR disk"));
        let specific = Words::of_failure(&lines(&["ERROR disk", "battery low"]), &before);
        assert_eq!(specific.message.as_deref(), Some("battery low"));
        let follows = lines(&[
            "ERROR : SW not compatible with hardware",
            "ERROR : Channel operation returned error (23): 'Failed writing received data to disk/application'",
            "[ERROR] : SWUPDATE failed [0] ERROR Image invalid or corrupted. Not installing ...",
        ]);
        for last in ["No suitable .swu image found", "ERROR : Writing into SWUpdate IPC stream failed."] {
            let said: Vec<_> = follows.iter().cloned().chain([last.to_owned()]).collect();
            assert_eq!(Words::of_failure(&said, &[]).message.as_deref(), Some(follows[0].as_str()));
        }
        let alone = Words::of_failure(&lines(&[&follows[1], "Update Failed."]), &[]);
        assert_eq!(alone.message.as_ref(), Some(&follows[1]), "better than nothing");
        let older = Words::of_failure(&lines(&["Update Failed."]), &before[1..]);
        assert_eq!(older.message.as_deref(), Some("ERROR before that"));
        assert_eq!(Words::of_failure(&lines(&["failed"]), &[]).message.as_deref(), Some("failed"));
        assert_eq!(Words::of_failure(&[], &[]).message, None);
    }
}
