//! A push: one delivery of one image to one device, as a state machine (partner API contract, section 4).
//!
//! A push goes forward only, ends exactly once, and has a timer in every state until then. What comes after
//! its end is history.

mod event;
mod leave;
mod stage;
mod state;
mod terms;
mod timers;

pub use event::{Change, Entry, Event, Installed, NewerPush, Report};
pub use leave::{Hold, Leave};
pub use stage::Stage;
pub(crate) use state::Phase;
pub use state::{InvalidPushState, PushState};
pub use terms::{Confirmation, InvalidConfirmation, Success, Terms};
pub use timers::Timers;

use std::cmp::Ordering;
use std::time::Duration;

use crate::firmware::{FirmwareType, VersionNumber};
use crate::ids::PushId;
use crate::time::Timestamp;

/// The shortest timer: whatever is set, a push that was looked at is not due again at the same instant.
const TICK: Duration = Duration::from_millis(1);

/// One delivery of one image to one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// Its id.
    pub id: PushId,
    /// The firmware type of its image.
    pub firmware_type: FirmwareType,
    /// The version number of its image: its target.
    pub version_number: VersionNumber,
    /// On what terms the device gets it.
    pub terms: Terms,
    /// Where it stands.
    pub state: PushState,
    /// Whether the device has said that it is done, where only the version that it reports counts.
    pub awaits_version: bool,
    /// Where it goes back to if the device refuses the cancel; only while cancelling.
    pub before_cancelling: Option<PushState>,
    /// How much of its state the device says is done, 0–100; 100 once succeeded, none after another end.
    pub progress: Option<u8>,
    /// The latest words about it: the device's, or the server's own when a rule of its own ended it.
    pub message: Option<String>,
    /// When its state's timer runs out; none once ended.
    pub deadline: Option<Timestamp>,
    /// When to look at its timers next, never after the deadline; none once ended.
    pub check_at: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it last changed or was heard of. Looking at its timers leaves it as it is.
    pub updated: Timestamp,
    /// When the device first fetched it.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
}

impl Push {
    /// A push that waits for its device, on the plainest terms.
    pub fn new(
        id: PushId,
        firmware_type: FirmwareType,
        version_number: VersionNumber,
        now: Timestamp,
        timers: &Timers,
    ) -> Self {
        let push = Self {
            id,
            firmware_type,
            version_number,
            terms: Terms::PLAIN,
            state: PushState::Offered,
            awaits_version: false,
            before_cancelling: None,
            progress: None,
            message: None,
            deadline: None,
            check_at: None,
            created: now,
            updated: now,
            started: None,
            finished: None,
        };
        push.timed(now, timers)
    }

    /// The new push on other terms.
    #[must_use]
    pub fn under(self, terms: Terms) -> Self {
        Self { terms, ..self }
    }

    /// Whether the device may have it now, as far as those at the device have a say.
    pub const fn is_confirmed(&self) -> bool {
        self.terms.confirmation.lets_through()
    }

    /// Whether it is time to ask the device which version it runs, because only that ends the push.
    pub fn asks_for_version(&self, now: Timestamp) -> bool {
        let (Success::VersionReported { within }, Some(deadline)) = (self.terms.success, self.deadline) else {
            return false;
        };
        let asks_after = self.terms.success.asks_after().unwrap_or_default();
        self.state == PushState::Installed && deadline.minus(within).plus(asks_after) <= now
    }

    /// What follows from `event`, which happens `now`; never before what happened to the push already, since whoever
    /// looked at the clock first may have had to wait.
    pub fn on(&self, event: Event, now: Timestamp, timers: &Timers) -> Change {
        let now = now.max(self.updated);
        match event {
            Event::Fetched => self.on_fetched(now, timers),
            Event::DownloadStarted => self.on_download_started(now, timers),
            Event::Report(report) => self.on_report(report, now, timers),
            Event::CancelRequested => self.on_cancel_requested(now, timers),
            Event::CancelAccepted { message, details } => match self.state.phase() {
                Phase::Cancelling => self.entering(PushState::Cancelled, now, timers).recorded(message, details),
                Phase::Offered | Phase::UnderWay | Phase::Ended => self.unchanged(),
            },
            Event::CancelRefused { message, details, newer } => match self.state.phase() {
                Phase::Cancelling => self.refused(newer, now, timers).recorded(message, details),
                Phase::Offered | Phase::UnderWay | Phase::Ended => self.unchanged(),
            },
            Event::Confirmed { message, details } => {
                self.on_answer(Confirmation::Given, message, details, now, timers)
            }
            Event::Denied { message, details } => self.on_answer(Confirmation::Denied, message, details, now, timers),
            Event::Superseded => self.on_superseded(now, timers),
            Event::Runs(number) => self.on_runs(number, now, timers),
        }
    }

    /// The push with at least as much time as a device needs to be heard of once the server listens, which it does since
    /// then: what passed while it did not is not the device's.
    #[must_use]
    pub fn heeding(&self, listening_since: Timestamp, timers: &Timers) -> Self {
        let needed = self.limit(timers).map(|limit| listening_since.plus(limit.min(timers.silence).max(TICK)));
        Self { deadline: self.deadline.max(self.deadline.and(needed)), ..self.clone() }
    }

    /// What follows from the passing of time; nothing before [`Push::check_at`]. `last_seen` is when the device
    /// last asked for anything at all, and `leave` how far it may go now: time in which the server withholds the push
    /// from a device that asks is not the device's.
    pub fn on_timer(
        &self,
        last_seen: Option<Timestamp>,
        leave: Leave,
        now: Timestamp,
        timers: &Timers,
    ) -> Option<Change> {
        let deadline = self.deadline?;
        self.check_at.filter(|check_at| *check_at <= now)?;
        // Who has a time of its own for coming up again may be away for all of it.
        let is_away = self.waits_for_version();
        let silent_at = if is_away { deadline } else { self.silent_at(last_seen, timers) };
        let (overdue, silent) = (deadline <= now, !is_away && silent_at <= now);
        let ends = |state, why: String| Some(self.moved_by_rule(state, why, now, timers));
        let stays_until = |check_at| Some(Self { check_at: Some(check_at), ..self.clone() }.unrecorded());
        let held = self.held(leave);
        let extended =
            held.and_then(|hold| self.extended(hold, now, timers)).filter(|until| overdue && !silent && *until > now);
        match self.state.phase() {
            Phase::Offered | Phase::UnderWay if extended.is_some() => {
                let check_at = extended.map(|until| until.min(silent_at));
                Some(Self { deadline: extended, check_at, ..self.clone() }.unrecorded())
            }
            Phase::Offered if overdue => ends(PushState::TimedOut, overdue_for(held).to_owned()),
            Phase::Cancelling if overdue => {
                ends(PushState::Cancelled, "the cancel was not answered in time".to_owned())
            }
            Phase::Offered | Phase::Cancelling => stays_until(deadline),
            Phase::UnderWay if overdue && self.did_not_come_back(last_seen, deadline) => {
                ends(PushState::Lost, "the device did not come back after it had installed".to_owned())
            }
            Phase::UnderWay if silent => {
                ends(PushState::Lost, format!("the device fell silent while {}", self.state))
            }
            Phase::UnderWay if overdue && held.is_some() => ends(PushState::TimedOut, overdue_for(held).to_owned()),
            Phase::UnderWay if overdue => ends(
                PushState::TimedOut,
                format!("the device kept polling but stayed at {} for too long", self.state),
            ),
            Phase::UnderWay => stays_until(deadline.min(silent_at)),
            Phase::Ended => None,
        }
    }

    /// The push with something in its history that the server found out about it, and that moves nothing.
    pub fn noted(&self, why: String, now: Timestamp) -> Change {
        Self { updated: now, ..self.clone() }.recorded(Some(why), Vec::new())
    }

    /// Devices fetch again with every poll, so that only the first time is a sign of progress.
    fn on_fetched(&self, now: Timestamp, timers: &Timers) -> Change {
        match self.state.phase() {
            Phase::Offered if self.is_confirmed() => self.moved(PushState::Fetched, now, timers),
            Phase::Offered | Phase::UnderWay | Phase::Cancelling | Phase::Ended => self.unchanged(),
        }
    }

    fn on_download_started(&self, now: Timestamp, timers: &Timers) -> Change {
        let push = self.reaching(Stage::Downloading, now, timers);
        if push.state == self.state { push.unrecorded() } else { push.recorded(None, Vec::new()) }
    }

    fn on_report(&self, report: Report, now: Timestamp, timers: &Timers) -> Change {
        let is_done = report.stage == Stage::Succeeded;
        let report = self.believed(report);
        if self.state.is_ended() {
            return self.on_late_report(report);
        }
        let mut push = self.reaching(report.stage, now, timers);
        push.awaits_version |= is_done && push.state == PushState::Installed;
        push.progress = push.progress_after(&report);
        let installed = match report.stage {
            Stage::Succeeded if push.state == PushState::Succeeded => Some(Installed::Exactly(self.version_number)),
            _ => None,
        };
        let says_something = report.message.is_some() || !report.details.is_empty();
        let change = if push.state != self.state || says_something {
            push.recorded(report.message, report.details)
        } else {
            push.unrecorded()
        };
        Change { installed, ..change }
    }

    /// The report, as far as the device's word counts.
    fn believed(&self, report: Report) -> Report {
        match (report.stage, self.terms.success) {
            (Stage::Succeeded, Success::VersionReported { .. }) => Report { stage: Stage::Installed, ..report },
            _ => report,
        }
    }

    /// Ended is final: the report is history, but a success still says something about the device.
    fn on_late_report(&self, report: Report) -> Change {
        let installed = match report.stage {
            // Who says so again may run something else by now.
            Stage::Succeeded if self.state != PushState::Succeeded => Some(Installed::AtLeast(self.version_number)),
            _ => None,
        };
        let entry = Entry { state: self.state, message: report.message, details: report.details };
        Change { push: self.clone(), entry: Some(entry), installed }
    }

    /// What those at the device say to being asked. They may say otherwise later, until the push ends.
    fn on_answer(
        &self,
        answer: Confirmation,
        message: Option<String>,
        details: Vec<String>,
        now: Timestamp,
        timers: &Timers,
    ) -> Change {
        let is_asked = self.terms.confirmation != Confirmation::NotAsked && self.state.is_live();
        if !is_asked || self.terms.confirmation == answer {
            return self.unchanged();
        }
        let terms = Terms { confirmation: answer, ..self.terms };
        // Who agrees gets as much time to fetch as anybody. Who denies does not make the push last.
        let push = if answer.lets_through() { self.renewed(now, timers) } else { self.clone() };
        let message = message.or_else(|| Some(format!("confirmation {answer}")));
        Self { terms, updated: now, ..push }.recorded(message, details)
    }

    fn on_cancel_requested(&self, now: Timestamp, timers: &Timers) -> Change {
        match self.state.phase() {
            Phase::Offered => self.moved(PushState::Cancelled, now, timers),
            Phase::UnderWay => self.moved(PushState::Cancelling, now, timers),
            Phase::Cancelling | Phase::Ended => self.unchanged(),
        }
    }

    /// The cancelling push after the device refused: it comes back, unless another one already has its place.
    fn refused(&self, newer: NewerPush, now: Timestamp, timers: &Timers) -> Self {
        match newer {
            NewerPush::None => self.entering(self.before_cancelling.unwrap_or(PushState::Fetched), now, timers),
            NewerPush::Waiting => self.renewed(now, timers),
        }
    }

    fn on_superseded(&self, now: Timestamp, timers: &Timers) -> Change {
        let why = "a newer push of the same firmware type takes its place".to_owned();
        match self.state.phase() {
            Phase::Offered => self.moved_by_rule(PushState::Superseded, why, now, timers),
            Phase::UnderWay => self.moved_by_rule(PushState::Cancelling, why, now, timers),
            Phase::Cancelling | Phase::Ended => self.unchanged(),
        }
    }

    fn on_runs(&self, number: VersionNumber, now: Timestamp, timers: &Timers) -> Change {
        let change = match self.end_when_running(number) {
            Some(end) => {
                let why = match end {
                    PushState::Failed => format!("the device booted the old image: it runs version number {number}"),
                    _ => format!("the device runs version number {number}"),
                };
                self.moved_by_rule(end, why, now, timers)
            }
            None => self.unchanged(),
        };
        Change { installed: Some(Installed::Exactly(number)), ..change }
    }

    /// How the push ends when the device runs `number`. An older one is a failure only if the device had said
    /// that the new one was installed: some devices tell what they run at every start.
    fn end_when_running(&self, number: VersionNumber) -> Option<PushState> {
        if self.state.is_ended() {
            return None;
        }
        match number.cmp(&self.version_number) {
            Ordering::Equal => Some(PushState::Succeeded),
            Ordering::Greater => Some(PushState::Superseded),
            Ordering::Less => (self.state == PushState::Installed).then_some(PushState::Failed),
        }
    }

    /// From when on the device counts as silent; at once if nobody ever saw it. What it said about the push
    /// counts too, since a caller may remember polls only now and then.
    fn silent_at(&self, last_seen: Option<Timestamp>, timers: &Timers) -> Timestamp {
        last_seen.map_or(self.updated, |seen| seen.max(self.updated).plus(timers.silence))
    }

    /// Whether the device, which was to report its version until `deadline`, was not heard of in the second half of
    /// that time: it said that it was done, perhaps polled a few times more, and never came up again.
    fn did_not_come_back(&self, last_seen: Option<Timestamp>, deadline: Timestamp) -> bool {
        match self.terms.success {
            Success::VersionReported { within } if self.state == PushState::Installed => {
                last_seen.is_none_or(|seen| seen <= deadline.minus(within / 2))
            }
            Success::VersionReported { .. } | Success::Reported => false,
        }
    }

    /// Whether no sign of life extends the time for which it may stay where it is: a talkative device could keep a
    /// newer push waiting for ever, or never be found not to run what it installed.
    fn limit_is_fixed(&self) -> bool {
        self.state == PushState::Cancelling || self.waits_for_version()
    }

    /// Whether nothing but the version that the device reports ends it well.
    fn waits_for_version(&self) -> bool {
        self.state == PushState::Installed && matches!(self.terms.success, Success::VersionReported { .. })
    }

    /// Whether the device has yet to restart into what it installed, so that what it runs meanwhile says nothing.
    pub fn restarts(&self, now: Timestamp) -> bool {
        self.waits_for_version() && !self.asks_for_version(now)
    }

    /// What the server withholds the push for; none where the device could have got on with it.
    fn held(&self, leave: Leave) -> Option<Hold> {
        match leave {
            Leave::Download(_) if self.state == PushState::Offered => None,
            _ if self.limit_is_fixed() => None,
            _ => leave.hold(),
        }
    }

    /// Until when it may stay where it is once its time is up while it is withheld for this. A window opens by itself.
    /// Whoever owes a word about what was fetched has as long for it as for fetching, or it might never end.
    fn extended(&self, hold: Hold, now: Timestamp, timers: &Timers) -> Option<Timestamp> {
        let again = self.limit(timers).map(|limit| now.plus(limit.max(TICK)))?;
        match hold {
            Hold::Window => Some(again),
            Hold::TimeZone | Hold::Agreement if self.state == PushState::Offered => None,
            Hold::TimeZone | Hold::Agreement => Some(again.min(self.updated.plus(timers.offered))),
        }
    }

    /// How long it may stay where it is.
    fn limit(&self, timers: &Timers) -> Option<Duration> {
        match self.terms.success {
            Success::VersionReported { within } if self.state == PushState::Installed => Some(within),
            Success::VersionReported { .. } | Success::Reported => timers.limit(self.state),
        }
    }

    /// Progress belongs to a state: a report of an earlier stage, or one while cancelling, says nothing of it.
    fn progress_after(&self, report: &Report) -> Option<u8> {
        let concerns_state = report.stage == Stage::Note || report.stage.reaches() == self.state;
        match self.state.phase() {
            Phase::UnderWay if concerns_state => report.progress.map(|percent| percent.min(100)).or(self.progress),
            Phase::Offered | Phase::UnderWay | Phase::Cancelling | Phase::Ended => self.progress,
        }
    }

    /// The open push after the device reported `stage`.
    fn reaching(&self, stage: Stage, now: Timestamp, timers: &Timers) -> Self {
        let next = stage.after(self.state);
        match self.state.phase() {
            Phase::Offered if !self.is_confirmed() => self.clone(),
            Phase::Offered => self.entering(PushState::Fetched, now, timers).entering(next, now, timers),
            Phase::UnderWay | Phase::Cancelling | Phase::Ended if next == self.state => self.renewed(now, timers),
            Phase::UnderWay | Phase::Cancelling | Phase::Ended => self.entering(next, now, timers),
        }
    }

    /// The push in another state, with all that goes with it but words.
    fn entering(&self, state: PushState, now: Timestamp, timers: &Timers) -> Self {
        let phase = state.phase();
        let push = Self {
            state,
            before_cancelling: (phase == Phase::Cancelling).then_some(self.state),
            progress: match (self.state.phase(), phase) {
                (Phase::UnderWay, Phase::Cancelling) | (Phase::Cancelling, Phase::UnderWay) => self.progress,
                _ => (state == PushState::Succeeded).then_some(100),
            },
            updated: now,
            started: self.started.or((phase == Phase::UnderWay).then_some(now)),
            finished: (phase == Phase::Ended).then_some(now),
            ..self.clone()
        };
        push.timed(now, timers)
    }

    /// The push in the same state after a sign of life: its timer starts again, unless it is
    /// [fixed](Self::limit_is_fixed).
    fn renewed(&self, now: Timestamp, timers: &Timers) -> Self {
        match self.state.phase() {
            Phase::Ended => self.clone(),
            _ if self.limit_is_fixed() => Self { updated: now, ..self.clone() },
            Phase::Offered | Phase::UnderWay | Phase::Cancelling => {
                Self { updated: now, ..self.clone() }.timed(now, timers)
            }
        }
    }

    /// The push with its state's timer started.
    fn timed(self, now: Timestamp, timers: &Timers) -> Self {
        let after = |span: Duration| now.plus(span.max(TICK));
        let deadline = self.limit(timers).map(after);
        let check_at = match self.state.phase() {
            Phase::UnderWay => deadline.map(|deadline| deadline.min(after(timers.silence))),
            Phase::Offered | Phase::Cancelling | Phase::Ended => deadline,
        };
        Self { deadline, check_at, ..self }
    }

    /// The push in another state, without a word.
    fn moved(&self, state: PushState, now: Timestamp, timers: &Timers) -> Change {
        self.entering(state, now, timers).recorded(None, Vec::new())
    }

    /// The push in another state for a reason of the server's own.
    fn moved_by_rule(&self, state: PushState, why: String, now: Timestamp, timers: &Timers) -> Change {
        self.entering(state, now, timers).recorded(Some(why), Vec::new())
    }

    fn unchanged(&self) -> Change {
        self.clone().unrecorded()
    }

    fn unrecorded(self) -> Change {
        Change { push: self, entry: None, installed: None }
    }

    fn recorded(self, message: Option<String>, details: Vec<String>) -> Change {
        let entry = Entry { state: self.state, message: message.clone(), details };
        let push = Self { message: message.or(self.message.clone()), ..self };
        Change { push, entry: Some(entry), installed: None }
    }
}

/// Why a push that was held for this ran out of time.
const fn overdue_for(held: Option<Hold>) -> &'static str {
    match held {
        None | Some(Hold::Window) => "the device did not fetch it in time",
        Some(Hold::TimeZone) => "the device did not say in time which time zone it is in",
        Some(Hold::Agreement) => "those at the device did not agree to it in time",
    }
}

#[cfg(test)]
mod tests;
