//! Random histories of one device and its pushes, and what must hold in all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use otaria_core::eligibility::{Binary, Candidate, OnDevice, Verdict, judge};
use otaria_core::habit::Habit;
use otaria_core::maintenance::{Opening, Outside};
use otaria_core::offer::{Offer, decide, leave};
use otaria_core::push::{
    Change, Confirmation, Event, Installed, Leave, NewerPush, Push, PushState, Report, Stage, Success, Terms, Timers,
};
use otaria_core::{FirmwareType, PushId, Timestamp, VersionNumber};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use uuid::Uuid;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One thing that happens, to the device or to one of its pushes, ended ones included.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody pushes an image.
    Publish(FirmwareType, VersionNumber, Terms),
    /// The device asks, in or outside its maintenance window, and takes what it is offered.
    Poll(Opening, Habit),
    /// Those at the device say whether they agree.
    Answer(Index, Confirmation),
    Report(Index, Report),
    DownloadStarted(Index),
    CancelRequested(Index),
    CancelAccepted(Index),
    CancelRefused(Index),
    /// The device says what it runs.
    Runs(FirmwareType, VersionNumber),
    /// Time passes, and every timer that is due is looked at.
    Wait(Duration),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (firmware_type(), version_number(), terms())
            .prop_map(|(kind, number, terms)| Step::Publish(kind, number, terms)),
        4 => (select(OPENINGS.to_vec()), select(HABITS.to_vec()))
            .prop_map(|(opening, habit)| Step::Poll(opening, habit)),
        2 => (any::<Index>(), select(vec![Confirmation::Given, Confirmation::Denied]))
            .prop_map(|(push, answer)| Step::Answer(push, answer)),
        6 => (any::<Index>(), report()).prop_map(|(push, report)| Step::Report(push, report)),
        1 => any::<Index>().prop_map(Step::DownloadStarted),
        2 => any::<Index>().prop_map(Step::CancelRequested),
        1 => any::<Index>().prop_map(Step::CancelAccepted),
        2 => any::<Index>().prop_map(Step::CancelRefused),
        1 => (firmware_type(), version_number()).prop_map(|(kind, number)| Step::Runs(kind, number)),
        2 => select(vec![MINUTE, HOUR, 13 * HOUR, DAY, 8 * DAY, 31 * DAY]).prop_map(Step::Wait),
    ];
    vec(step, 1..80)
}

const OPENINGS: [Opening; 3] = [
    Opening::Open,
    Opening::Closed { opens: None, outside: Outside::Withhold },
    Opening::Closed { opens: None, outside: Outside::DownloadAhead },
];

const HABITS: [Habit; 2] = [Habit::DownloadsAhead, Habit::InstallsAtOnce];

fn terms() -> impl Strategy<Value = Terms> {
    let confirmations = vec![Confirmation::NotAsked, Confirmation::Waiting, Confirmation::Given];
    let successes = vec![Success::Reported, Success::VersionReported { within: HOUR }];
    (select(confirmations), select(successes)).prop_map(|(confirmation, success)| Terms { confirmation, success })
}

fn firmware_type() -> impl Strategy<Value = FirmwareType> {
    select(vec![FirmwareType::APPLICATION, FirmwareType::HUB])
}

fn version_number() -> impl Strategy<Value = VersionNumber> {
    (1_i64..12).prop_map(VersionNumber::from_i64)
}

fn report() -> impl Strategy<Value = Report> {
    let stages = vec![
        Stage::Note,
        Stage::Downloading,
        Stage::Downloaded,
        Stage::Installing,
        Stage::Installed,
        Stage::Succeeded,
        Stage::Failed,
    ];
    let words = proptest::option::of(Just("words".to_owned()));
    (select(stages), any::<Option<u8>>(), words, vec(Just("detail".to_owned()), 0..2))
        .prop_map(|(stage, progress, message, details)| Report { stage, progress, message, details })
}

/// What a server knows of a device.
struct Device {
    now: Timestamp,
    timers: Timers,
    last_seen: Option<Timestamp>,
    opening: Opening,
    habit: Habit,
    installed: BTreeMap<FirmwareType, VersionNumber>,
    pushes: Vec<Push>,
}

impl Device {
    fn new() -> Self {
        Self {
            now: Timestamp::from_millis(1_700_000_000_000),
            timers: Timers::default(),
            last_seen: None,
            opening: Opening::Open,
            habit: Habit::InstallsAtOnce,
            installed: BTreeMap::new(),
            pushes: Vec::new(),
        }
    }

    fn take(&mut self, step: Step) {
        // No two things happen at the same instant.
        self.now = self.now.plus(Duration::from_millis(1));
        match step {
            Step::Publish(firmware_type, version_number, terms) => {
                self.publish(firmware_type, version_number, terms);
            }
            Step::Poll(opening, habit) => self.poll(opening, habit),
            Step::Answer(push, answer) => self.on_some(push, |_, _| match answer {
                Confirmation::Given => Event::Confirmed { message: None, details: Vec::new() },
                _ => Event::Denied { message: None, details: Vec::new() },
            }),
            Step::Report(push, report) => self.on_some(push, |_, _| Event::Report(report)),
            Step::DownloadStarted(push) => self.on_some(push, |_, _| Event::DownloadStarted),
            Step::CancelRequested(push) => self.on_some(push, |_, _| Event::CancelRequested),
            Step::CancelAccepted(push) => {
                self.on_some(push, |_, _| Event::CancelAccepted { message: None, details: Vec::new() });
            }
            Step::CancelRefused(push) => self.on_some(push, |device, push| Event::CancelRefused {
                message: None,
                details: Vec::new(),
                newer: device.newer_push(push),
            }),
            Step::Runs(firmware_type, version_number) => self.runs(firmware_type, version_number),
            Step::Wait(span) => {
                self.now = self.now.plus(span);
                self.look_at_timers();
            }
        }
        self.check_pushes();
    }

    fn publish(&mut self, firmware_type: FirmwareType, version_number: VersionNumber, terms: Terms) {
        let candidate = Candidate { firmware_type, version_number, binary: Binary::Present };
        let of_type = |push: &&Push| push.firmware_type == firmware_type && !push.state.is_ended();
        let open = self.pushes.iter().filter(of_type).cloned().collect();
        let installed = self.installed.get(&firmware_type).copied();
        match judge(candidate, &OnDevice { installed, open }) {
            Ok(Verdict::Start { replaces }) => {
                assert!(installed < Some(version_number), "a downgrade was started");
                for id in replaces {
                    self.on_id(id, Event::Superseded);
                }
                let id = PushId::from_uuid(Uuid::from_u128(self.pushes.len() as u128));
                let push = Push::new(id, firmware_type, version_number, self.now, &self.timers);
                self.pushes.push(push.under(terms));
            }
            Ok(Verdict::UnderWay(id)) => {
                let joined = self.pushes.iter().find(|push| push.id == id);
                assert!(joined.is_some_and(|push| push.state.is_live() && push.version_number == version_number));
            }
            Err(_) => {}
        }
    }

    fn poll(&mut self, opening: Opening, habit: Habit) {
        self.last_seen = Some(self.now);
        (self.opening, self.habit) = (opening, habit);
        let open: Vec<Push> = self.pushes.iter().filter(|push| !push.state.is_ended()).cloned().collect();
        let cancelling = open.iter().any(|push| push.state == PushState::Cancelling);
        let offer = decide(&open, |firmware_type| self.installed.get(&firmware_type).copied(), opening, habit);
        match offer {
            Offer::Deploy(push) | Offer::DownloadAhead(push) => {
                assert!(push.state.is_live() && !cancelling);
                assert!(self.is_upgrade(push), "a downgrade was offered: {push:?}");
                assert!(push.is_confirmed(), "nobody agreed: {push:?}");
                let is_begun = matches!(push.state, PushState::Installing | PushState::Installed);
                assert_eq!(matches!(offer, Offer::DownloadAhead(_)), opening == OPENINGS[2] && !is_begun);
                assert!(!matches!(offer, Offer::DownloadAhead(_)) || habit == Habit::DownloadsAhead);
                assert!(opening != OPENINGS[1] || !matches!(push.state, PushState::Offered | PushState::Fetched));
                self.on_id(push.id, Event::Fetched);
            }
            Offer::Confirm(push) => {
                assert!(push.state.is_live() && !cancelling && !push.is_confirmed());
                assert!(self.is_upgrade(push), "a downgrade was asked about: {push:?}");
            }
            Offer::Cancel(push) => assert_eq!(push.state, PushState::Cancelling),
            Offer::Nothing => {
                assert!(!cancelling);
                let waits = |push: &Push| {
                    let is_begun = !matches!(push.state, PushState::Offered | PushState::Fetched);
                    let installs = matches!(push.state, PushState::Installing | PushState::Installed);
                    let is_told_nothing = opening == OPENINGS[2] && habit == Habit::InstallsAtOnce;
                    push.is_confirmed() && ((opening == OPENINGS[1] && !is_begun) || (is_told_nothing && !installs))
                };
                let restarts = open.iter().any(|push| push.awaits_version && self.is_upgrade(push));
                let held_back = !restarts && open.iter().any(|push| self.is_upgrade(push) && !waits(push));
                assert!(!held_back, "something was held back: {open:?}");
            }
        }
    }

    fn runs(&mut self, firmware_type: FirmwareType, version_number: VersionNumber) {
        self.installed.insert(firmware_type, version_number);
        for index in 0..self.pushes.len() {
            if self.pushes[index].firmware_type == firmware_type {
                self.on(index, Event::Runs(version_number));
                let push = &self.pushes[index];
                assert!(push.state.is_ended() || push.version_number > version_number);
            }
        }
        assert_eq!(self.installed.get(&firmware_type), Some(&version_number));
    }

    fn on_some(&mut self, push: Index, event: impl FnOnce(&Self, &Push) -> Event) {
        if !self.pushes.is_empty() {
            let index = push.index(self.pushes.len());
            let event = event(self, &self.pushes[index]);
            self.on(index, event);
        }
    }

    fn on_id(&mut self, id: PushId, event: Event) {
        if let Some(index) = self.pushes.iter().position(|push| push.id == id) {
            self.on(index, event);
        }
    }

    fn on(&mut self, index: usize, event: Event) {
        let before = &self.pushes[index];
        let leave = leave(before, self.opening, self.habit);
        let Some(event) = event.within(leave) else { return };
        let change = before.on(event.clone(), self.now, &self.timers);
        check_change(before, &change);
        check_installed(before, &event, &change);
        check_leave(before, leave, &event, &change);
        self.apply(index, change);
    }

    /// Looks at what is due, and that nothing is due again at once.
    fn look_at_timers(&mut self) {
        for index in 0..self.pushes.len() {
            let before = &self.pushes[index];
            let leave = leave(before, self.opening, self.habit);
            let due = before.check_at.is_some_and(|check_at| check_at <= self.now);
            let change = before.on_timer(self.last_seen, leave, self.now, &self.timers);
            assert_eq!(change.is_some(), due);
            if let Some(change) = change {
                check_change(before, &change);
                assert!(change.push.check_at.is_none_or(|check_at| check_at > self.now));
                assert_eq!(change.installed, None);
                assert_eq!(change.push.on_timer(self.last_seen, leave, self.now, &self.timers), None);
                self.apply(index, change);
            }
        }
    }

    fn apply(&mut self, index: usize, change: Change) {
        let firmware_type = change.push.firmware_type;
        if let Some(installed) = change.installed {
            let current = self.installed.get(&firmware_type).copied();
            self.installed.insert(firmware_type, installed.apply(current));
        }
        self.pushes[index] = change.push;
    }

    fn newer_push(&self, push: &Push) -> NewerPush {
        let waits =
            |other: &Push| other.id != push.id && other.firmware_type == push.firmware_type && other.state.is_live();
        if self.pushes.iter().any(waits) { NewerPush::Waiting } else { NewerPush::None }
    }

    fn is_upgrade(&self, push: &Push) -> bool {
        self.installed.get(&push.firmware_type).is_none_or(|installed| *installed < push.version_number)
    }

    fn check_pushes(&self) {
        let mut live = BTreeMap::new();
        for push in &self.pushes {
            check_push(push);
            assert!(push.check_at.is_none_or(|check_at| check_at > push.updated), "{push:?}");
            if push.state.is_live() {
                *live.entry(push.firmware_type).or_insert(0) += 1;
            }
        }
        assert!(live.values().all(|count| *count <= 1), "more than one live push of a type: {:?}", self.pushes);
    }
}

/// What holds of every push at any time.
fn check_push(push: &Push) {
    let ended = push.state.is_ended();
    assert_eq!(push.finished.is_some(), ended, "{push:?}");
    assert_eq!(push.deadline.is_none(), ended, "{push:?}");
    assert_eq!(push.check_at.is_none(), ended, "{push:?}");
    assert!(push.check_at <= push.deadline, "{push:?}");
    assert_eq!(push.before_cancelling.is_some(), push.state == PushState::Cancelling, "{push:?}");
    assert!(push.progress.is_none_or(|percent| percent <= 100), "{push:?}");
    if ended {
        assert_eq!(push.progress, (push.state == PushState::Succeeded).then_some(100), "{push:?}");
    } else {
        assert_eq!(push.started.is_none(), push.state == PushState::Offered, "{push:?}");
    }
}

/// What holds of every change, whatever caused it.
fn check_change(before: &Push, change: &Change) {
    let after = &change.push;
    if before.state.is_ended() {
        assert_eq!(before, after, "ended is final");
    }
    assert_eq!((before.id, before.created, before.version_number), (after.id, after.created, after.version_number));
    assert!(before.started.is_none() || before.started == after.started);
    assert_eq!(before.terms.success, after.terms.success);
    if before.state == PushState::Offered && !before.is_confirmed() {
        let is_there_yet = matches!(after.state, PushState::Offered);
        assert!(is_there_yet || after.state.is_ended(), "nobody agreed: {before:?} -> {after:?}");
    }
    match before.state {
        PushState::Cancelling => {
            let back = before.before_cancelling == Some(after.state);
            assert!(back || after.state >= PushState::Cancelling, "{before:?} -> {after:?}");
            assert_ne!(after.state, PushState::Failed, "what the server cancelled is not the device's failure");
            assert!(after.state != PushState::Cancelling || before.deadline == after.deadline);
        }
        _ => assert!(before.state <= after.state, "{before:?} -> {after:?}"),
    }
    match &change.entry {
        Some(entry) => assert_eq!(entry.state, after.state),
        None => assert_eq!(before.state, after.state, "a change of state that is in no history"),
    }
}

/// How far a push goes that is withheld, unless the device said its last word.
fn check_leave(before: &Push, leave: Leave, event: &Event, change: &Change) {
    let is_last = matches!(event, Event::Report(Report { stage: Stage::Succeeded | Stage::Failed, .. }));
    let comes_back = before.state == PushState::Cancelling;
    let furthest = match leave {
        Leave::Install => return,
        Leave::Download(_) => PushState::Downloaded,
        Leave::Nothing(_) => PushState::Fetched,
    };
    let after = change.push.state;
    let has_moved = after != before.state && after < PushState::Cancelling;
    assert!(is_last || comes_back || !has_moved || after <= furthest, "{before:?} -> {after}");
}

/// What is learnt of what the device runs.
fn check_installed(before: &Push, event: &Event, change: &Change) {
    let target = before.version_number;
    match event {
        Event::Report(Report { stage: Stage::Succeeded, .. }) if before.terms.success != Success::Reported => {
            assert_eq!(change.installed, None, "a device's word counted");
            assert!(before.state == change.push.state || change.push.state == PushState::Installed);
        }
        Event::Report(Report { stage: Stage::Succeeded, .. })
            if before.state == PushState::Offered && !before.is_confirmed() =>
        {
            assert_eq!((change.installed, change.push.state), (None, PushState::Offered));
        }
        Event::Report(Report { stage: Stage::Succeeded, .. }) if before.state.is_ended() => {
            let is_repetition = before.state == PushState::Succeeded;
            assert_eq!(change.installed, (!is_repetition).then_some(Installed::AtLeast(target)));
        }
        Event::Report(Report { stage: Stage::Succeeded, .. }) => {
            assert_eq!(change.installed, Some(Installed::Exactly(target)));
            assert_eq!(change.push.state, PushState::Succeeded);
        }
        Event::Runs(number) => assert_eq!(change.installed, Some(Installed::Exactly(*number))),
        _ => assert_eq!(change.installed, None),
    }
}

proptest! {
    /// Whatever happens, every rule holds after each step.
    #[test]
    fn the_rules_hold_in_every_history(steps in steps()) {
        let mut device = Device::new();
        for step in steps {
            device.take(step);
        }
    }

    /// Whatever happened, and even if the device polls for ever without another word, every push comes to an end.
    #[test]
    fn every_push_ends(steps in steps()) {
        let mut device = Device::new();
        for step in steps {
            device.take(step);
        }
        for _ in 0..50 {
            device.now = device.now.plus(DAY - MINUTE);
            device.poll(Opening::Open, Habit::InstallsAtOnce);
            device.look_at_timers();
        }
        prop_assert!(device.pushes.iter().all(|push| push.state.is_ended()), "{:?}", device.pushes);
    }
}
