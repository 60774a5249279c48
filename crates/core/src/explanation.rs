//! Why a device is, or is not, being offered something now: in codes for programs and in words for people.

use std::fmt;
use std::time::Duration;

use crate::firmware::{FirmwareType, VersionNumber};
use crate::habit::Habit;
use crate::maintenance::{Opening, Outside};
use crate::offer::{Offer, decide, leave};
use crate::push::{Confirmation, Hold, Leave, Push, PushState};
use crate::time::Timestamp;

/// After how many intervals without a poll a device counts as silent.
pub const MISSED_POLLS: u32 = 3;

/// From when on a device that is to poll at this interval, and was not heard of since, counts as silent.
pub fn silent_before(now: Timestamp, interval: Duration) -> Timestamp {
    now.minus(interval * MISSED_POLLS)
}

/// Whether a device that was last heard of then counts as silent, as one does of which nobody ever heard.
pub fn is_silent(last_seen: Option<Timestamp>, silent_before: Timestamp) -> bool {
    last_seen.is_none_or(|seen| seen < silent_before)
}

/// What is known of a device.
#[derive(Clone, Debug, PartialEq)]
pub struct Situation {
    /// When it was last heard of.
    pub last_seen: Option<Timestamp>,
    /// From when on a device that was not heard of since counts as silent.
    pub silent_before: Timestamp,
    /// Whether it may be updated now.
    pub opening: Opening,
    /// What it does while it may not, by what it last showed.
    pub habit: Habit,
    /// What it says of its time zone, if that names none.
    pub unknown_zone: Option<String>,
    /// Its pushes of all firmware types that have not ended.
    pub open: Vec<Push>,
    /// What is known of each firmware type that concerns it.
    pub types: Vec<TypeSituation>,
}

/// What is known of a device and one firmware type.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeSituation {
    /// The firmware type.
    pub firmware_type: FirmwareType,
    /// What the device runs, once that was learnt.
    pub installed: Option<VersionNumber>,
    /// The highest version number that is associated with the device's type.
    pub newest_associated: Option<VersionNumber>,
    /// The latest of its pushes that have ended.
    pub last_ended: Option<Push>,
    /// What the device says that it runs, if no image is known of that.
    pub unknown_version: Option<String>,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// For programs.
    pub code: Code,
    /// For people, in one sentence.
    pub message: String,
}

/// Why a device is, or is not, being offered something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// It was never heard of: nobody has used its credential.
    CredentialUnused,
    /// It has not polled for longer than it should.
    NotPolledSince,
    /// It polls as it should.
    Polling,
    /// It is offered the update with its next poll.
    Offered,
    /// It has the details and is at work.
    UnderWay,
    /// It gets the binary now, and may install it once a window is open.
    DownloadAhead,
    /// It waits for its maintenance window.
    WaitingForWindow,
    /// It is to go by its own time zone and has not said which that is.
    TimeZoneUnknown,
    /// Those at the device have not answered whether they agree.
    WaitingForConfirmation,
    /// Those at the device do not agree.
    ConfirmationDenied,
    /// Another push to the device comes first.
    WaitingForAnother,
    /// The device said that it is done, and has yet to report that it runs the version.
    WaitingForVersion,
    /// The device is asked to let go of it, and has not answered.
    Cancelling,
    /// No image of this firmware type is associated with the device's type.
    NothingAssociated,
    /// The device runs the newest image that is associated.
    UpToDate,
    /// The device runs something newer than all that is associated.
    RunsNewer,
    /// Something newer is associated, and no push of it is on its way.
    NotPushed,
    /// The last push was cancelled.
    Cancelled,
    /// The last push failed.
    Failed,
    /// The last push took too long.
    TimedOut,
    /// The device fell silent during the last push.
    Lost,
}

impl Code {
    /// Its name on the wire, in snake_case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CredentialUnused => "credential_unused",
            Self::NotPolledSince => "not_polled_since",
            Self::Polling => "polling",
            Self::Offered => "offered",
            Self::UnderWay => "under_way",
            Self::DownloadAhead => "download_ahead",
            Self::WaitingForWindow => "waiting_for_window",
            Self::TimeZoneUnknown => "time_zone_unknown",
            Self::WaitingForConfirmation => "waiting_for_confirmation",
            Self::ConfirmationDenied => "confirmation_denied",
            Self::WaitingForAnother => "waiting_for_another",
            Self::WaitingForVersion => "waiting_for_version",
            Self::Cancelling => "cancelling",
            Self::NothingAssociated => "nothing_associated",
            Self::UpToDate => "up_to_date",
            Self::RunsNewer => "runs_newer",
            Self::NotPushed => "not_pushed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
        }
    }
}

impl Reason {
    fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string() }
    }
}

impl Situation {
    /// What concerns the device as a whole: whether it polls, and that there is nothing for it at all.
    pub fn of_device(&self) -> Vec<Reason> {
        let nothing = self.types.is_empty().then(|| {
            Reason::new(
                Code::NothingAssociated,
                "Nothing is associated with the device's type, and nothing was ever pushed to the device.",
            )
        });
        std::iter::once(self.of_polls()).chain(nothing).collect()
    }

    fn of_polls(&self) -> Reason {
        match self.last_seen {
            None => Reason::new(
                Code::CredentialUnused,
                "The device has never polled: nobody has used its credential. Check its URL, its id and its credential.",
            ),
            Some(seen) if is_silent(self.last_seen, self.silent_before) => {
                Reason::new(Code::NotPolledSince, format_args!("The device has not polled since {}.", utc(seen)))
            }
            Some(seen) => Reason::new(Code::Polling, format_args!("The device polled last at {}.", utc(seen))),
        }
    }

    /// What concerns one firmware type: of each push that has not ended, or else why there is none.
    pub fn of_type(&self, about: &TypeSituation) -> Vec<Reason> {
        let of_type = |push: &&Push| push.firmware_type == about.firmware_type;
        let reasons: Vec<Reason> = self.open.iter().filter(of_type).map(|push| self.of_push(push, about)).collect();
        if reasons.is_empty() { without_push(about) } else { reasons }
    }

    fn of_push(&self, push: &Push, about: &TypeSituation) -> Reason {
        let number = push.version_number;
        let installed = |firmware_type| {
            self.types.iter().find(|known| known.firmware_type == firmware_type).and_then(|known| known.installed)
        };
        match decide(&self.open, installed, self.opening, self.habit) {
            Offer::Deploy(first) if first.id == push.id => under_way(push),
            Offer::DownloadAhead(first) if first.id == push.id => Reason::new(
                Code::DownloadAhead,
                format_args!(
                    "Version number {number} may be downloaded now and installed in the maintenance window, which {}.",
                    opens(self.opening)
                ),
            ),
            _ if push.state == PushState::Cancelling => Reason::new(
                Code::Cancelling,
                format_args!("The device is asked to let go of version number {number} and has not answered."),
            ),
            _ if about.installed >= Some(number) => up_to_date(about),
            _ if push.awaits_version => Reason::new(
                Code::WaitingForVersion,
                format_args!(
                    "The device has installed version number {number} and has yet to report that it runs it.{}",
                    about.what_it_says_instead()
                ),
            ),
            _ if push.terms.confirmation == Confirmation::Waiting => Reason::new(
                Code::WaitingForConfirmation,
                format_args!("Those at the device have not said whether they agree to version number {number}."),
            ),
            _ if push.terms.confirmation == Confirmation::Denied => Reason::new(
                Code::ConfirmationDenied,
                format_args!("Those at the device do not agree to version number {number}."),
            ),
            _ => self.waiting(push),
        }
    }

    /// Why a push that was agreed to is not the one that is offered.
    fn waiting(&self, push: &Push) -> Reason {
        let number = push.version_number;
        match leave(push, self.opening, self.habit) {
            Leave::Nothing(Hold::TimeZone) => Reason::new(
                Code::TimeZoneUnknown,
                format_args!(
                    "Version number {number} waits for a maintenance window by the device's own clock, and the device \
                     {}.",
                    match &self.unknown_zone {
                        None => "has not said which time zone it is in".to_owned(),
                        Some(zone) => format!("says that it is in {zone:?}, which is no time zone"),
                    }
                ),
            ),
            Leave::Nothing(Hold::Window) => Reason::new(
                Code::WaitingForWindow,
                format_args!(
                    "Version number {number} waits for the maintenance window, which {}.{}",
                    opens(self.opening),
                    self.why_not_ahead()
                ),
            ),
            Leave::Nothing(Hold::Agreement) | Leave::Download(_) | Leave::Install => Reason::new(
                Code::WaitingForAnother,
                format_args!("Another push to the device comes before version number {number}."),
            ),
        }
    }

    /// Why the device does not download ahead, where devices may; begins with a space.
    const fn why_not_ahead(&self) -> &'static str {
        match (self.opening, self.habit) {
            (Opening::Closed { outside: Outside::DownloadAhead, .. }, Habit::InstallsAtOnce) => {
                " It is not downloaded ahead: the device's client is not known to understand that."
            }
            _ => "",
        }
    }
}

impl TypeSituation {
    /// What the device says that it runs, where that is nothing known; begins with a space.
    fn what_it_says_instead(&self) -> String {
        let version = self.unknown_version.as_ref();
        version.map_or_else(String::new, |version| {
            format!(" It says that it runs {version:?}, of which no image is known.")
        })
    }
}

fn under_way(push: &Push) -> Reason {
    let number = push.version_number;
    if push.state == PushState::Offered {
        let message = format!("Version number {number} is offered to the device with its next poll.");
        // Such as that it has no room for it.
        let said = push.message.as_ref().map_or_else(String::new, |said| format!(" The last word on it: {said}."));
        Reason::new(Code::Offered, message + &said)
    } else {
        let message = format_args!("The device is at work on version number {number}: {}.", push.state);
        Reason::new(Code::UnderWay, message)
    }
}

/// Why there is no push of a firmware type, and what became of the last one.
fn without_push(about: &TypeSituation) -> Vec<Reason> {
    let ended = about.last_ended.as_ref().and_then(ended);
    let state = match about.newest_associated {
        None => Some(Reason::new(
            Code::NothingAssociated,
            "No image of this firmware type is associated with the device's type.",
        )),
        Some(newest) if about.installed >= Some(newest) => Some(up_to_date(about)),
        Some(newest) => not_pushed(newest, about),
    };
    state.into_iter().chain(ended).collect()
}

/// That nobody pushed the newest image; none if the end of the last push says what became of it.
fn not_pushed(newest: VersionNumber, about: &TypeSituation) -> Option<Reason> {
    let what = match &about.last_ended {
        None => "nobody has pushed it",
        Some(last) if last.version_number == newest && ended(last).is_some() => return None,
        // Whether it was pushed before that one nobody knows here.
        Some(_) => "no push of it is on its way",
    };
    let message = format_args!("Version number {newest} is associated with the device's type, and {what}.");
    Some(Reason::new(Code::NotPushed, message))
}

fn up_to_date(about: &TypeSituation) -> Reason {
    let installed = about.installed.map_or_else(String::new, |installed| format!(" {installed}"));
    if about.installed == about.newest_associated {
        Reason::new(Code::UpToDate, format_args!("The device runs version number{installed}: the newest there is."))
    } else {
        let message = format_args!("The device runs version number{installed}, and there is no downgrade.");
        Reason::new(Code::RunsNewer, message)
    }
}

/// What became of the last push, if that explains why the device does not have it.
fn ended(push: &Push) -> Option<Reason> {
    let code = match push.state {
        PushState::Cancelled => Code::Cancelled,
        PushState::Failed => Code::Failed,
        PushState::TimedOut => Code::TimedOut,
        PushState::Lost => Code::Lost,
        _ => return None,
    };
    let why = push.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
    let message =
        format_args!("The last push, of version number {}, ended as {}{why}", push.version_number, push.state);
    Some(Reason::new(code, message))
}

fn opens(opening: Opening) -> String {
    match opening {
        Opening::Open => "is open".to_owned(),
        Opening::Closed { opens: Some(opens), .. } => format!("opens at {}", utc(opens)),
        Opening::Closed { opens: None, .. } => "depends on a time zone that the device has not told".to_owned(),
    }
}

/// An instant for people, to the second.
fn utc(at: Timestamp) -> String {
    let instant = jiff::Timestamp::from_millisecond(at.as_millis()).ok();
    instant.map_or_else(|| at.to_string(), |instant| format!("{instant:.0}"))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::PushId;
    use crate::push::{Terms, Timers};

    const NOW: Timestamp = Timestamp::from_millis(1_767_571_200_000);
    const HUB: FirmwareType = FirmwareType::HUB;
    const ANY: Habit = Habit::DownloadsAhead;
    const CLOSED: Opening = Opening::Closed { opens: Some(NOW), outside: Outside::Withhold };

    fn number(number: i64) -> VersionNumber {
        VersionNumber::from_i64(number)
    }

    fn push(state: PushState) -> Push {
        let id = PushId::from_uuid(Uuid::from_u128(1));
        Push { state, ..Push::new(id, HUB, number(5), NOW, &Timers::default()) }
    }

    fn about(installed: Option<i64>, newest: Option<i64>) -> TypeSituation {
        TypeSituation {
            firmware_type: HUB,
            installed: installed.map(number),
            newest_associated: newest.map(number),
            last_ended: None,
            unknown_version: None,
        }
    }

    fn reasons(open: Vec<Push>, opening: Opening, about: TypeSituation) -> Vec<(Code, String)> {
        reasons_of(open, opening, ANY, about)
    }

    fn reasons_of(open: Vec<Push>, opening: Opening, habit: Habit, about: TypeSituation) -> Vec<(Code, String)> {
        let types = vec![about.clone()];
        let situation =
            Situation { last_seen: Some(NOW), silent_before: NOW, opening, habit, unknown_zone: None, open, types };
        situation.of_type(&about).into_iter().map(|reason| (reason.code, reason.message)).collect()
    }

    fn codes(open: Vec<Push>, opening: Opening, about: TypeSituation) -> Vec<Code> {
        reasons(open, opening, about).into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn a_device_that_is_not_heard_of_is_told_from_one_that_polls() {
        let with = |last_seen| Situation {
            last_seen,
            silent_before: NOW,
            opening: Opening::Open,
            habit: ANY,
            unknown_zone: None,
            open: vec![],
            types: vec![],
        };
        assert_eq!(with(None).of_device()[0].code, Code::CredentialUnused);
        assert_eq!(with(Some(NOW)).of_device()[0].code, Code::Polling);
        assert_eq!(with(Some(NOW)).of_device()[1].code, Code::NothingAssociated);
        let silent = with(Some(NOW.minus(Duration::from_millis(1)))).of_device();
        assert_eq!(silent[0].code, Code::NotPolledSince);
        assert_eq!(silent[0].message, "The device has not polled since 2026-01-04T23:59:59Z.");
    }

    #[test]
    fn without_a_push_it_is_said_what_there_is() {
        for (installed, newest, expected) in [
            (None, None, Code::NothingAssociated),
            (Some(5), Some(5), Code::UpToDate),
            (Some(6), Some(5), Code::RunsNewer),
            (Some(4), Some(5), Code::NotPushed),
            (None, Some(5), Code::NotPushed),
        ] {
            assert_eq!(codes(vec![], Opening::Open, about(installed, newest)), [expected]);
        }
    }

    #[test]
    fn the_end_of_the_last_push_is_a_reason_where_the_device_did_not_get_it() {
        for (state, expected) in [
            (PushState::Cancelled, Some(Code::Cancelled)),
            (PushState::Failed, Some(Code::Failed)),
            (PushState::TimedOut, Some(Code::TimedOut)),
            (PushState::Lost, Some(Code::Lost)),
            (PushState::Succeeded, None),
            (PushState::Superseded, None),
        ] {
            let about = TypeSituation { last_ended: Some(push(state)), ..about(None, Some(6)) };
            assert_eq!(codes(vec![], Opening::Open, about).get(1), expected.as_ref(), "{state}");
        }
    }

    #[test]
    fn what_was_pushed_in_vain_is_not_said_to_be_pushed_by_nobody() {
        let about = |state, newest| TypeSituation { last_ended: Some(push(state)), ..about(None, Some(newest)) };
        let said = |about| reasons(vec![], Opening::Open, about);
        let in_vain = said(about(PushState::TimedOut, 5));
        assert_eq!(in_vain, [(Code::TimedOut, "The last push, of version number 5, ended as timed_out".to_owned())]);
        let newer = said(about(PushState::TimedOut, 6));
        assert_eq!(newer.iter().map(|(code, _)| *code).collect::<Vec<_>>(), [Code::NotPushed, Code::TimedOut]);
        for other in [newer, said(about(PushState::Succeeded, 5))] {
            assert!(other[0].1.ends_with("no push of it is on its way."), "{other:?}");
        }
    }

    #[test]
    fn what_a_push_waits_for_is_said() {
        let asking = |confirmation| push(PushState::Offered).under(Terms { confirmation, ..Terms::PLAIN });
        let unknown = Opening::Closed { opens: None, outside: Outside::Withhold };
        let ahead = Opening::Closed { opens: Some(NOW), outside: Outside::DownloadAhead };
        for (push, opening, expected) in [
            (push(PushState::Offered), Opening::Open, Code::Offered),
            (push(PushState::Installing), CLOSED, Code::UnderWay),
            (Push { awaits_version: true, ..push(PushState::Installed) }, Opening::Open, Code::WaitingForVersion),
            (push(PushState::Offered), CLOSED, Code::WaitingForWindow),
            (push(PushState::Offered), unknown, Code::TimeZoneUnknown),
            (push(PushState::Offered), ahead, Code::DownloadAhead),
            (asking(Confirmation::Waiting), CLOSED, Code::WaitingForConfirmation),
            (asking(Confirmation::Denied), Opening::Open, Code::ConfirmationDenied),
            (push(PushState::Cancelling), Opening::Open, Code::Cancelling),
        ] {
            assert_eq!(codes(vec![push], opening, about(None, Some(5))), [expected]);
        }
    }

    #[test]
    fn what_is_hidden_behind_another_says_so() {
        let newer =
            Push { id: PushId::from_uuid(Uuid::from_u128(2)), version_number: number(6), ..push(PushState::Offered) };
        let open = vec![push(PushState::Cancelling), newer];
        assert_eq!(codes(open, Opening::Open, about(None, Some(6))), [Code::Cancelling, Code::WaitingForAnother]);
    }

    #[test]
    fn whoever_is_not_known_to_download_ahead_waits() {
        let ahead = |opens| Opening::Closed { opens, outside: Outside::DownloadAhead };
        let why = |opens| {
            reasons_of(vec![push(PushState::Offered)], ahead(opens), Habit::InstallsAtOnce, about(None, Some(5)))
        };
        let (code, message) = why(Some(NOW)).remove(0);
        assert_eq!(code, Code::WaitingForWindow);
        assert!(message.ends_with("the device's client is not known to understand that."), "{message}");
        assert_eq!(why(None)[0].0, Code::TimeZoneUnknown);
    }

    #[test]
    fn what_a_device_says_that_is_not_known_is_said() {
        let installed = Push { awaits_version: true, ..push(PushState::Installed) };
        let claims = TypeSituation { unknown_version: Some("v1.0".into()), ..about(None, Some(5)) };
        let (code, message) = reasons(vec![installed], Opening::Open, claims).remove(0);
        assert_eq!(code, Code::WaitingForVersion);
        assert!(message.ends_with("It says that it runs \"v1.0\", of which no image is known."), "{message}");

        let opening = Opening::Closed { opens: None, outside: Outside::Withhold };
        let situation = Situation {
            last_seen: Some(NOW),
            silent_before: NOW,
            opening,
            habit: ANY,
            unknown_zone: Some("Mars/Phobos".into()),
            open: vec![push(PushState::Offered)],
            types: vec![],
        };
        let Reason { code, message } = situation.of_type(&about(None, Some(5))).remove(0);
        assert_eq!(code, Code::TimeZoneUnknown);
        assert!(message.ends_with("says that it is in \"Mars/Phobos\", which is no time zone."), "{message}");

        let no_room = Push { message: Some("the device has no room".into()), ..push(PushState::Offered) };
        let (_, message) = reasons(vec![no_room], Opening::Open, about(None, Some(5))).remove(0);
        assert!(message.ends_with("The last word on it: the device has no room."), "{message}");
    }

    #[test]
    fn the_words_say_when() {
        let (_, message) = reasons(vec![push(PushState::Offered)], CLOSED, about(None, Some(5))).remove(0);
        assert_eq!(
            message,
            "Version number 5 waits for the maintenance window, which opens at 2026-01-05T00:00:00Z."
        );
    }
}
