use rstest::rstest;
use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const UNDER_WAY: [PushState; 5] =
    [PushState::Fetched, PushState::Downloading, PushState::Downloaded, PushState::Installing, PushState::Installed];

fn version(number: i64) -> VersionNumber {
    VersionNumber::from_i64(number)
}

fn offered() -> Push {
    let id = PushId::from_uuid(Uuid::from_u128(1));
    Push::new(id, FirmwareType::HUB, version(5), NOW, &Timers::default())
}

fn report(stage: Stage) -> Report {
    Report { stage, progress: None, message: None, details: Vec::new() }
}

fn said(stage: Stage, message: &str) -> Report {
    Report { message: Some(message.to_owned()), ..report(stage) }
}

fn accepted() -> Event {
    Event::CancelAccepted { message: None, details: Vec::new() }
}

fn refused(newer: NewerPush) -> Event {
    Event::CancelRefused { message: Some("no".to_owned()), details: Vec::new(), newer }
}

/// What follows a minute later.
fn change(push: &Push, event: Event) -> Change {
    push.on(event, push.updated.plus(MINUTE), &Timers::default())
}

fn after(push: &Push, event: Event) -> Push {
    change(push, event).push
}

/// A push brought to `state` by events and timers.
fn in_state(state: PushState) -> Push {
    let reported = |stage| after(&offered(), Event::Report(report(stage)));
    let timed = |push: Push, seen: Option<Timestamp>| {
        let deadline = push.deadline.unwrap();
        push.on_timer(seen, Leave::Install, deadline, &Timers::default()).unwrap().push
    };
    match state {
        PushState::Offered => offered(),
        PushState::Fetched => after(&offered(), Event::Fetched),
        PushState::Downloading => reported(Stage::Downloading),
        PushState::Downloaded => reported(Stage::Downloaded),
        PushState::Installing => reported(Stage::Installing),
        PushState::Installed => reported(Stage::Installed),
        PushState::Cancelling => after(&in_state(PushState::Downloading), Event::CancelRequested),
        PushState::Succeeded => reported(Stage::Succeeded),
        PushState::Failed => reported(Stage::Failed),
        PushState::TimedOut => timed(offered(), None),
        PushState::Lost => timed(in_state(PushState::Fetched), None),
        PushState::Cancelled => after(&offered(), Event::CancelRequested),
        PushState::Superseded => after(&offered(), Event::Superseded),
    }
}

#[test]
fn what_was_begun_earlier_happens_no_earlier() {
    let fetched = after(&offered(), Event::Fetched);
    for event in [Event::CancelRequested, Event::Superseded, Event::Report(report(Stage::Failed))] {
        let push = fetched.on(event, NOW, &Timers::default()).push;
        assert_eq!(push.updated, fetched.updated);
        assert!(push.finished.is_none_or(|finished| finished == fetched.updated));
    }
}

#[test]
fn the_tests_reach_every_state() {
    for state in PushState::ALL {
        let push = in_state(state);
        assert_eq!(push.state, state);
        assert_eq!(push.finished.is_some(), state.is_ended(), "{state}");
        assert_eq!(push.deadline.is_none(), state.is_ended(), "{state}");
        assert_eq!(push.check_at.is_none(), state.is_ended(), "{state}");
    }
}

#[test]
fn a_new_push_waits_thirty_days() {
    let push = offered();
    assert_eq!((push.deadline, push.check_at), (Some(NOW.plus(30 * DAY)), Some(NOW.plus(30 * DAY))));
    assert_eq!((push.started, push.finished, push.progress), (None, None, None));
}

#[test]
fn fetching_starts_it_and_fetching_again_is_nothing() {
    let first = change(&offered(), Event::Fetched);
    assert_eq!(first.push.started, Some(NOW.plus(MINUTE)));
    assert_eq!(first.entry.map(|entry| entry.state), Some(PushState::Fetched));
    for state in UNDER_WAY {
        let push = in_state(state);
        assert_eq!(change(&push, Event::Fetched), push.clone().unrecorded());
    }
}

#[test]
fn the_first_byte_is_recorded_and_the_others_are_only_signs_of_life() {
    let first = change(&offered(), Event::DownloadStarted);
    assert_eq!(first.entry.map(|entry| entry.state), Some(PushState::Downloading));
    assert!(first.push.started.is_some());
    let second = change(&first.push, Event::DownloadStarted);
    assert_eq!((second.push.state, second.entry), (PushState::Downloading, None));
    assert!(second.push.deadline > first.push.deadline);
    assert_eq!(after(&in_state(PushState::Installing), Event::DownloadStarted).state, PushState::Installing);
}

#[rstest]
#[case(Stage::Note, PushState::Fetched)]
#[case(Stage::Downloading, PushState::Downloading)]
#[case(Stage::Downloaded, PushState::Downloaded)]
#[case(Stage::Installing, PushState::Installing)]
#[case(Stage::Installed, PushState::Installed)]
#[case(Stage::Succeeded, PushState::Succeeded)]
#[case(Stage::Failed, PushState::Failed)]
fn any_report_of_an_offered_push_implies_that_it_was_fetched(#[case] stage: Stage, #[case] state: PushState) {
    let change = change(&offered(), Event::Report(report(stage)));
    assert_eq!((change.push.state, change.push.started), (state, Some(NOW.plus(MINUTE))));
    assert_eq!(change.entry.map(|entry| entry.state), Some(state));
}

#[test]
fn a_report_of_an_earlier_stage_is_a_note() {
    let installing = after(
        &in_state(PushState::Installing),
        Event::Report(Report { progress: Some(40), ..report(Stage::Installing) }),
    );
    let earlier = Report { progress: Some(90), ..said(Stage::Downloading, "late") };
    let change = change(&installing, Event::Report(earlier));
    assert_eq!((change.push.state, change.push.progress), (PushState::Installing, Some(40)));
    assert_eq!(change.push.message.as_deref(), Some("late"));
    assert_eq!(change.entry.map(|entry| entry.state), Some(PushState::Installing));
}

#[test]
fn every_report_renews_the_deadline_of_the_state() {
    for state in UNDER_WAY {
        let push = in_state(state);
        let change = change(&push, Event::Report(report(Stage::Note)));
        assert_eq!((change.push.state, change.entry), (state, None));
        assert_eq!(change.push.deadline, push.deadline.map(|deadline| deadline.plus(MINUTE)));
        assert_eq!(change.push.check_at, push.check_at.map(|check_at| check_at.plus(MINUTE)));
    }
}

#[test]
fn progress_is_of_its_state_and_at_most_a_hundred() {
    let progress = |push: &Push, stage, progress| after(push, Event::Report(Report { progress, ..report(stage) }));
    let downloading = progress(&offered(), Stage::Downloading, Some(255));
    assert_eq!(downloading.progress, Some(100));
    let downloading = progress(&downloading, Stage::Downloading, Some(70));
    assert_eq!(progress(&downloading, Stage::Note, None).progress, Some(70));
    assert_eq!(progress(&downloading, Stage::Installing, None).progress, None);
    assert_eq!(progress(&downloading, Stage::Failed, Some(70)).progress, None);
    assert_eq!(progress(&downloading, Stage::Succeeded, Some(70)).progress, Some(100));
    let cancelling = after(&downloading, Event::CancelRequested);
    assert_eq!(after(&cancelling, accepted()).progress, None);
    assert_eq!(after(&cancelling, refused(NewerPush::None)).progress, Some(70));
}

#[test]
fn the_latest_words_stay() {
    let push = after(&offered(), Event::Report(said(Stage::Installing, "no space left")));
    let details = vec!["1".to_owned(), "2".to_owned()];
    let change = change(&push, Event::Report(Report { details: details.clone(), ..report(Stage::Failed) }));
    assert_eq!(change.push.message.as_deref(), Some("no space left"));
    assert_eq!(change.entry, Some(Entry { state: PushState::Failed, message: None, details }));
}

#[test]
fn a_success_says_what_the_device_runs() {
    let change = change(&in_state(PushState::Installed), Event::Report(report(Stage::Succeeded)));
    assert_eq!((change.push.state, change.push.progress), (PushState::Succeeded, Some(100)));
    assert_eq!(change.installed, Some(Installed::Exactly(version(5))));
}

#[test]
fn a_failure_says_nothing_of_what_the_device_runs() {
    let change = change(&in_state(PushState::Installing), Event::Report(said(Stage::Failed, "bad signature")));
    assert_eq!((change.push.state, change.installed), (PushState::Failed, None));
    assert_eq!(change.push.message.as_deref(), Some("bad signature"));
}

#[test]
fn a_cancel_is_at_once_before_the_device_fetched_and_asked_for_afterwards() {
    assert_eq!(after(&offered(), Event::CancelRequested).state, PushState::Cancelled);
    for state in UNDER_WAY {
        let push = in_state(state);
        let cancelling = after(&push, Event::CancelRequested);
        assert_eq!((cancelling.state, cancelling.before_cancelling), (PushState::Cancelling, Some(state)));
        assert_eq!(cancelling.deadline, Some(cancelling.updated.plus(DAY)));
        assert_eq!(change(&cancelling, Event::CancelRequested), cancelling.clone().unrecorded());
    }
}

#[test]
fn an_accepted_cancel_ends_only_what_is_cancelling() {
    let cancelled = change(&in_state(PushState::Cancelling), accepted());
    assert_eq!((cancelled.push.state, cancelled.push.before_cancelling), (PushState::Cancelled, None));
    assert_eq!(cancelled.entry.map(|entry| entry.state), Some(PushState::Cancelled));
    for state in PushState::ALL.into_iter().filter(|state| *state != PushState::Cancelling) {
        let push = in_state(state);
        assert_eq!(change(&push, accepted()), push.clone().unrecorded());
        assert_eq!(change(&push, refused(NewerPush::None)), push.clone().unrecorded());
        assert_eq!(change(&push, refused(NewerPush::Waiting)), push.unrecorded());
    }
}

#[test]
fn a_refused_cancel_brings_the_push_back() {
    for state in UNDER_WAY {
        let cancelling = after(&in_state(state), Event::CancelRequested);
        let change = change(&cancelling, refused(NewerPush::None));
        assert_eq!((change.push.state, change.push.before_cancelling), (state, None));
        assert_eq!(change.push.deadline, Timers::default().limit(state).map(|limit| change.push.updated.plus(limit)));
        assert_eq!(change.entry.and_then(|entry| entry.message).as_deref(), Some("no"));
    }
}

#[test]
fn a_refused_cancel_does_not_hold_up_a_newer_push() {
    let cancelling = in_state(PushState::Cancelling);
    let change = change(&cancelling, refused(NewerPush::Waiting));
    assert_eq!((change.push.state, change.push.deadline), (PushState::Cancelling, cancelling.deadline));
    assert_eq!(change.push.before_cancelling, cancelling.before_cancelling);
    assert_eq!(change.entry.map(|entry| entry.state), Some(PushState::Cancelling));
}

#[test]
fn while_cancelling_a_success_wins_and_a_failure_is_not_the_devices() {
    let cancelling = in_state(PushState::Cancelling);
    let success = change(&cancelling, Event::Report(report(Stage::Succeeded)));
    assert_eq!((success.push.state, success.push.before_cancelling), (PushState::Succeeded, None));
    assert_eq!(success.installed, Some(Installed::Exactly(version(5))));
    let failure = change(&cancelling, Event::Report(said(Stage::Failed, "stopped")));
    assert_eq!((failure.push.state, failure.installed), (PushState::Cancelled, None));
}

#[rstest]
#[case(Stage::Note)]
#[case(Stage::Downloading)]
#[case(Stage::Installed)]
fn while_cancelling_other_reports_are_notes(#[case] stage: Stage) {
    let cancelling = in_state(PushState::Cancelling);
    let change = change(&cancelling, Event::Report(said(stage, "busy")));
    assert_eq!((change.push.state, change.push.deadline), (PushState::Cancelling, cancelling.deadline));
    assert_eq!(change.entry.map(|entry| entry.state), Some(PushState::Cancelling));
}

#[test]
fn a_newer_push_supersedes_what_was_not_fetched_and_cancels_what_was() {
    assert_eq!(after(&offered(), Event::Superseded).state, PushState::Superseded);
    for state in UNDER_WAY {
        let cancelling = after(&in_state(state), Event::Superseded);
        assert_eq!((cancelling.state, cancelling.before_cancelling), (PushState::Cancelling, Some(state)));
    }
    let cancelling = in_state(PushState::Cancelling);
    assert_eq!(change(&cancelling, Event::Superseded), cancelling.unrecorded());
}

#[test]
fn a_device_that_runs_the_target_has_succeeded_whatever_it_said() {
    for state in PushState::ALL.into_iter().filter(|state| !state.is_ended()) {
        let change = change(&in_state(state), Event::Runs(version(5)));
        assert_eq!((change.push.state, change.push.progress), (PushState::Succeeded, Some(100)));
        assert_eq!(change.installed, Some(Installed::Exactly(version(5))));
    }
}

#[test]
fn a_device_that_runs_a_newer_image_needs_the_push_no_more() {
    for state in PushState::ALL.into_iter().filter(|state| !state.is_ended()) {
        let change = change(&in_state(state), Event::Runs(version(6)));
        assert_eq!(change.push.state, PushState::Superseded);
        assert_eq!(change.installed, Some(Installed::Exactly(version(6))));
    }
}

#[test]
fn booting_the_old_image_is_a_failure_only_after_installed() {
    for state in PushState::ALL.into_iter().filter(|state| !state.is_ended() && *state != PushState::Installed) {
        let push = in_state(state);
        let change = change(&push, Event::Runs(version(4)));
        assert_eq!((change.push, change.entry), (push, None));
        assert_eq!(change.installed, Some(Installed::Exactly(version(4))));
    }
    let failed = after(&in_state(PushState::Installed), Event::Runs(version(4)));
    assert_eq!(failed.state, PushState::Failed);
    assert!(failed.message.unwrap().contains("booted the old image"));
}

#[test]
fn ended_is_final() {
    for state in PushState::ALL.into_iter().filter(|state| state.is_ended()) {
        let push = in_state(state);
        let silent = [
            Event::Fetched,
            Event::DownloadStarted,
            Event::CancelRequested,
            accepted(),
            refused(NewerPush::None),
            refused(NewerPush::Waiting),
            Event::Superseded,
        ];
        for event in silent {
            assert_eq!(change(&push, event), push.clone().unrecorded());
        }
        for number in [4, 5, 6].map(version) {
            let installed = Some(Installed::Exactly(number));
            assert_eq!(change(&push, Event::Runs(number)), Change { installed, ..push.clone().unrecorded() });
        }
        assert_eq!(push.on_timer(None, Leave::Install, NOW.plus(1000 * DAY), &Timers::default()), None);
    }
}

#[test]
fn a_late_report_is_history() {
    for state in PushState::ALL.into_iter().filter(|state| state.is_ended()) {
        let push = in_state(state);
        let late = change(&push, Event::Report(said(Stage::Failed, "late")));
        let entry = Entry { state, message: Some("late".to_owned()), details: Vec::new() };
        assert_eq!(late, Change { push: push.clone(), entry: Some(entry), installed: None });
        let success = change(&push, Event::Report(report(Stage::Succeeded)));
        // Whoever says so again may run something else by now.
        let learnt = (state != PushState::Succeeded).then_some(Installed::AtLeast(version(5)));
        assert_eq!((success.push, success.installed), (push, learnt), "{state}");
    }
}

#[test]
fn a_timer_that_is_not_due_does_nothing() {
    for state in PushState::ALL.into_iter().filter(|state| !state.is_ended()) {
        let push = in_state(state);
        let before = push.check_at.unwrap().minus(Duration::from_millis(1));
        assert_eq!(push.on_timer(None, Leave::Install, before, &Timers::default()), None);
    }
}

#[test]
fn an_offered_push_times_out_however_silent_the_device_is() {
    let push = offered();
    let change = push.on_timer(None, Leave::Install, push.deadline.unwrap(), &Timers::default()).unwrap();
    assert_eq!((change.push.state, change.installed), (PushState::TimedOut, None));
    assert!(change.entry.is_some_and(|entry| entry.message.is_some()));
}

#[test]
fn an_unanswered_cancel_ends_as_cancelled() {
    let push = in_state(PushState::Cancelling);
    for seen in [None, push.deadline] {
        let change = push.on_timer(seen, Leave::Install, push.deadline.unwrap(), &Timers::default()).unwrap();
        assert_eq!(change.push.state, PushState::Cancelled);
    }
}

#[test]
fn a_device_that_fell_silent_is_lost_and_one_that_polls_times_out() {
    for state in UNDER_WAY {
        let push = in_state(state);
        let deadline = push.deadline.unwrap();
        let ended = |seen| push.on_timer(seen, Leave::Install, deadline, &Timers::default()).unwrap().push.state;
        assert_eq!(ended(None), PushState::Lost);
        assert_eq!(ended(Some(deadline.minus(DAY))), PushState::Lost);
        assert_eq!(ended(Some(deadline.minus(MINUTE))), PushState::TimedOut);
    }
}

#[test]
fn a_device_that_dies_soon_after_it_was_heard_of_is_lost_and_not_late() {
    let push = in_state(PushState::Fetched);
    let timers = Timers::default();
    let seen = push.updated.plus(60 * MINUTE);
    let next = push.on_timer(Some(seen), Leave::Install, push.check_at.unwrap(), &timers).unwrap().push;
    let ended = next.on_timer(Some(seen), Leave::Install, next.check_at.unwrap(), &timers).unwrap().push;
    assert_eq!(ended.state, PushState::Lost);
    assert!(ended.finished < push.deadline);
}

#[test]
fn silence_ends_a_push_before_its_deadline() {
    let push = in_state(PushState::Downloaded);
    let later = push.check_at.unwrap();
    assert_eq!(later, push.updated.plus(Timers::default().silence));
    let lost = push.on_timer(Some(NOW), Leave::Install, later, &Timers::default()).unwrap();
    assert_eq!(lost.push.state, PushState::Lost);
}

#[test]
fn a_poll_puts_off_the_next_look_up_to_the_deadline() {
    let push = in_state(PushState::Downloaded);
    let (now, deadline) = (push.check_at.unwrap(), push.deadline.unwrap());
    let looked = push.on_timer(Some(now.minus(MINUTE)), Leave::Install, now, &Timers::default()).unwrap();
    let next = now.minus(MINUTE).plus(Timers::default().silence);
    assert_eq!(looked, Push { check_at: Some(next), ..push.clone() }.unrecorded());
    let late = deadline.minus(MINUTE);
    let looked = push.on_timer(Some(late), Leave::Install, late, &Timers::default()).unwrap();
    assert_eq!(looked.push.check_at, Some(deadline));
}

#[test]
fn a_report_counts_as_a_sign_of_life_even_if_the_poll_was_not_remembered() {
    let push = in_state(PushState::Fetched);
    let timers = Timers { fetched: MINUTE, ..Timers::default() };
    let push = push.on(Event::Report(report(Stage::Note)), push.updated.plus(DAY), &timers).push;
    let change = push.on_timer(Some(NOW), Leave::Install, push.deadline.unwrap(), &timers).unwrap();
    assert_eq!(change.push.state, PushState::TimedOut);
}

#[test]
fn what_the_server_withholds_does_not_run_out() {
    let timers = Timers::default();
    let held = [PushState::Offered, PushState::Fetched, PushState::Downloading, PushState::Downloaded];
    for state in held {
        let push = in_state(state);
        let limit = timers.limit(state).unwrap();
        let now = push.deadline.unwrap();
        let seen = now.minus(MINUTE);
        for leave in [Leave::Nothing(Hold::Window), Leave::Download(Hold::Window)] {
            if (state, leave) == (PushState::Offered, Leave::Download(Hold::Window)) {
                continue;
            }
            let change = push.on_timer(Some(seen), leave, now, &timers).unwrap();
            let (deadline, check_at) = (now.plus(limit), now.plus(limit).min(seen.plus(timers.silence)));
            let expected = Push { deadline: Some(deadline), check_at: Some(check_at), ..push.clone() };
            assert_eq!(change, expected.unrecorded(), "{state}");
            let silent = push.on_timer(Some(NOW), leave, now, &timers).unwrap().push.state;
            assert_eq!(silent, if state == PushState::Offered { PushState::TimedOut } else { PushState::Lost });
        }
    }
    let push = offered();
    let now = push.deadline.unwrap();
    let offered_in_vain = push.on_timer(Some(now), Leave::Download(Hold::Window), now, &timers).unwrap();
    assert_eq!(offered_in_vain.push.state, PushState::TimedOut, "it could have fetched it");
    let denied = push.on_timer(Some(now), Leave::Nothing(Hold::Agreement), now, &timers).unwrap();
    assert_eq!(denied.push.message.as_deref(), Some("those at the device did not agree to it in time"));
}

#[test]
fn who_owes_a_word_has_as_long_for_it_as_for_fetching() {
    let timers = Timers::default();
    for (hold, why) in [(Hold::Agreement, "did not agree"), (Hold::TimeZone, "time zone")] {
        let mut push = in_state(PushState::Fetched);
        let (started, mut looks) = (push.updated, 0);
        while !push.state.is_ended() {
            let now = push.check_at.unwrap();
            push = push.on_timer(Some(now), Leave::Nothing(hold), now, &timers).unwrap().push;
            looks += 1;
        }
        assert!(looks > 30);
        assert_eq!((push.state, push.finished), (PushState::TimedOut, Some(started.plus(timers.offered))));
        assert!(push.message.as_deref().unwrap().contains(why), "{push:?}");
    }
}

#[test]
fn what_passed_while_nobody_listened_is_not_the_devices() {
    let timers = Timers::default();
    for state in PushState::ALL.into_iter().filter(|state| !state.is_ended()) {
        let push = in_state(state);
        let listening = push.deadline.unwrap().plus(DAY);
        let heeded = push.heeding(listening, &timers);
        let end = listening.plus(timers.limit(state).unwrap().min(timers.silence));
        assert_eq!(heeded, Push { deadline: Some(end), ..push.clone() });
        let looked = heeded.on_timer(Some(listening), Leave::Install, listening, &timers).unwrap();
        assert_eq!((looked.push.state, looked.push.check_at), (state, Some(end)));
        let ended = looked.push.on_timer(Some(listening), Leave::Install, end, &timers).unwrap();
        assert!(ended.push.state.is_ended());

        let early = push.updated.minus(DAY);
        assert_eq!(push.heeding(early, &timers), push, "it has more time anyway");
    }
    let ended = in_state(PushState::Failed);
    assert_eq!(ended.heeding(NOW.plus(DAY), &timers), ended);
}

#[test]
fn timers_of_no_length_do_not_spin() {
    let none = Duration::ZERO;
    let timers = Timers {
        offered: none,
        fetched: none,
        downloading: none,
        downloaded: none,
        installing: none,
        installed: none,
        cancelling: none,
        silence: none,
    };
    let mut push = Push::new(offered().id, FirmwareType::HUB, version(5), NOW, &timers);
    assert!(push.check_at > Some(NOW) && push.on_timer(None, Leave::Install, NOW, &timers).is_none());
    push = push.on(Event::Fetched, NOW, &timers).push;
    assert!(push.check_at > Some(NOW) && push.on_timer(None, Leave::Install, NOW, &timers).is_none());
}

const WITHIN: Duration = Duration::from_secs(3600);

fn waiting_for_version() -> Push {
    offered().under(Terms { success: Success::VersionReported { within: WITHIN }, ..Terms::PLAIN })
}

fn asking() -> Push {
    offered().under(Terms { confirmation: Confirmation::Waiting, ..Terms::PLAIN })
}

fn confirmed() -> Event {
    Event::Confirmed { message: None, details: Vec::new() }
}

fn denied() -> Event {
    Event::Denied { message: Some("not on a Monday".to_owned()), details: Vec::new() }
}

#[test]
fn where_only_the_version_counts_a_success_is_an_installation() {
    let timers = Timers::default();
    let change = waiting_for_version().on(Event::Report(report(Stage::Succeeded)), NOW, &timers);
    assert_eq!((change.push.state, change.installed), (PushState::Installed, None));
    assert!(change.push.awaits_version);
    let written = waiting_for_version().on(Event::Report(report(Stage::Installed)), NOW, &timers);
    assert!(!written.push.awaits_version, "it has yet to say that it is done");
    assert_eq!(change.push.deadline, Some(NOW.plus(WITHIN)));
    let later = NOW.plus(WITHIN / 2);
    let repeated = change.push.on(Event::Report(report(Stage::Succeeded)), later, &timers);
    assert_eq!(repeated.push.deadline, Some(NOW.plus(WITHIN)), "no repetition puts it off");

    let booted = change.push.on(Event::Runs(version(5)), later, &timers);
    assert_eq!(booted.push.state, PushState::Succeeded);
    let old = change.push.on(Event::Runs(version(4)), later, &timers);
    assert_eq!(old.push.state, PushState::Failed);
}

#[test]
fn a_late_success_is_no_version_either_where_only_that_counts() {
    let ended = Push { state: PushState::TimedOut, deadline: None, check_at: None, ..waiting_for_version() };
    let change = ended.on(Event::Report(report(Stage::Succeeded)), NOW, &Timers::default());
    assert_eq!(change.installed, None);
}

#[test]
fn a_device_that_does_not_report_its_version_in_time_has_not_succeeded() {
    let timers = Timers::default();
    let installed = waiting_for_version().on(Event::Report(report(Stage::Succeeded)), NOW, &timers).push;
    let end = NOW.plus(WITHIN);
    for (last_seen, expected) in [
        (Some(end), PushState::TimedOut),
        (Some(NOW.plus(Duration::from_secs(5))), PushState::Lost),
        (None, PushState::Lost),
    ] {
        let ended = installed.on_timer(last_seen, Leave::Install, end, &timers).unwrap();
        assert_eq!(ended.push.state, expected, "{last_seen:?}");
    }
}

#[test]
fn a_device_that_has_long_to_report_its_version_may_be_away_for_as_long() {
    let timers = Timers::default();
    let terms = Terms { success: Success::VersionReported { within: 2 * DAY }, ..Terms::PLAIN };
    let installed = offered().under(terms).on(Event::Report(report(Stage::Succeeded)), NOW, &timers).push;
    let looked = installed.on_timer(Some(NOW), Leave::Install, NOW.plus(DAY), &timers).unwrap().push;
    assert_eq!((looked.state, looked.check_at), (PushState::Installed, Some(NOW.plus(2 * DAY))));
    let back = looked.on(Event::Runs(version(5)), NOW.plus(DAY), &timers).push;
    assert_eq!(back.state, PushState::Succeeded);
    let never = looked.on_timer(Some(NOW), Leave::Install, NOW.plus(2 * DAY), &timers).unwrap().push;
    assert_eq!(never.state, PushState::Lost);
}

#[test]
fn what_a_device_runs_that_is_about_to_restart_says_nothing() {
    let timers = Timers::default();
    let installed = waiting_for_version().on(Event::Report(report(Stage::Succeeded)), NOW, &timers).push;
    assert!(installed.restarts(NOW) && !installed.restarts(NOW.plus(MINUTE)));
    assert!(!in_state(PushState::Installed).restarts(NOW) && !offered().restarts(NOW));
}

#[test]
fn a_device_is_asked_for_its_version_once_it_had_time_to_restart() {
    let timers = Timers::default();
    assert!(!waiting_for_version().asks_for_version(NOW.plus(WITHIN)));
    let installed = waiting_for_version().on(Event::Report(report(Stage::Succeeded)), NOW, &timers).push;
    assert!(!installed.asks_for_version(NOW.plus(Duration::from_secs(59))));
    assert!(installed.asks_for_version(NOW.plus(Duration::from_secs(60))));
    let believed = offered().on(Event::Report(report(Stage::Installed)), NOW, &timers).push;
    assert!(!believed.asks_for_version(NOW.plus(WITHIN)));
}

#[test]
fn without_consent_a_push_goes_nowhere() {
    let timers = Timers::default();
    for event in [Event::Fetched, Event::DownloadStarted, Event::Report(report(Stage::Installing))] {
        let change = asking().on(event, NOW, &timers);
        assert_eq!((change.push.state, change.installed), (PushState::Offered, None));
    }
    let agreed = asking().on(confirmed(), NOW, &timers).push;
    assert!(agreed.is_confirmed());
    assert_eq!(agreed.on(Event::Fetched, NOW, &timers).push.state, PushState::Fetched);
}

#[test]
fn who_denied_may_agree_later_and_who_agreed_may_take_it_back() {
    let timers = Timers::default();
    let change = asking().on(denied(), NOW, &timers);
    assert_eq!(change.push.terms.confirmation, Confirmation::Denied);
    assert_eq!((change.push.state, change.push.message.as_deref()), (PushState::Offered, Some("not on a Monday")));
    assert_eq!(change.push.deadline, asking().deadline, "a denial does not make a push last");
    let again = change.push.on(denied(), NOW, &timers);
    assert_eq!((&again.push, again.entry), (&change.push, None));
    let fetched = change.push.on(confirmed(), NOW, &timers).push.on(Event::Fetched, NOW, &timers).push;
    let back = fetched.on(denied(), NOW, &timers).push;
    assert_eq!((back.state, back.is_confirmed()), (PushState::Fetched, false));
}

#[test]
fn an_answer_to_what_nobody_asked_is_nothing() {
    let timers = Timers::default();
    let cancelling = Push { state: PushState::Cancelling, ..asking() };
    let ended = Push { state: PushState::Cancelled, ..asking() };
    for push in [offered(), cancelling, ended] {
        for answer in [confirmed(), denied()] {
            let change = push.on(answer, NOW, &timers);
            assert_eq!((&change.push, change.entry), (&push, None));
        }
    }
}

#[test]
fn a_note_of_the_server_moves_nothing() {
    for state in [PushState::Offered, PushState::Downloading] {
        let push = in_state(state);
        let later = push.updated.plus(MINUTE);
        let change = push.noted("no room".to_owned(), later);
        let entry = Entry { state, message: Some("no room".to_owned()), details: Vec::new() };
        assert_eq!((change.entry, change.installed), (Some(entry), None));
        assert_eq!(change.push, Push { updated: later, message: Some("no room".to_owned()), ..push });
    }
}
