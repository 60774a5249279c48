//! What a device that asks should do now.

use crate::firmware::{FirmwareType, VersionNumber};
use crate::habit::Habit;
use crate::ids::PushId;
use crate::maintenance::{Opening, Outside};
use crate::push::{Confirmation, Hold, Leave, Phase, Push, PushState};
use crate::time::Timestamp;

/// What a device should do now: one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Offer<'a> {
    /// Nothing.
    Nothing,
    /// Get on with this push.
    Deploy(&'a Push),
    /// Get what this push delivers, and install it only once its maintenance window is open.
    DownloadAhead(&'a Push),
    /// Say whether it agrees to this push.
    Confirm(&'a Push),
    /// Let go of this push.
    Cancel(&'a Push),
}

/// Whether a device may be shown what a push in `state` delivers: not once it was taken back.
pub const fn may_be_shown(state: PushState) -> bool {
    !matches!(state, PushState::Cancelled | PushState::Superseded)
}

/// Whether a device that runs `installed` may have what a push in `state` delivers, of this version number, or have
/// it again: not once it was taken back, and not once the device runs something newer.
pub fn may_have(state: PushState, version_number: VersionNumber, installed: Option<VersionNumber>) -> bool {
    may_be_shown(state) && installed.is_none_or(|installed| installed <= version_number)
}

/// Decides what a device should do, out of its `open` pushes of all firmware types; `installed` is the version
/// number that it is known to run of a type, `opening` whether it may be updated now, and `habit` what it does while it
/// may not.
///
/// First what must be let go; then nothing while the device restarts into what it installed; then what is under way,
/// then what waits for the device, what those at the device are to agree to, and what they have denied last: the oldest of
/// each. A push whose image the device
/// has reached or outgrown is never offered, wherever it stands: there is no downgrade.
pub fn decide(
    open: &[Push],
    installed: impl Fn(FirmwareType) -> Option<VersionNumber>,
    opening: Opening,
    habit: Habit,
) -> Offer<'_> {
    let cancelling = open.iter().filter(|push| push.state.phase() == Phase::Cancelling);
    if let Some(push) = oldest(cancelling) {
        return Offer::Cancel(push);
    }
    let is_upgrade = |push: &&Push| Some(push.version_number) > installed(push.firmware_type);
    let mut live: Vec<&Push> = open.iter().filter(|push| push.state.is_live()).filter(is_upgrade).collect();
    // It is done with it, and would install it once more.
    if live.iter().any(|push| push.awaits_version) {
        return Offer::Nothing;
    }
    live.sort_by_key(|push| {
        let is_denied = push.terms.confirmation == Confirmation::Denied;
        (is_denied, !push.is_confirmed(), push.state.phase() == Phase::Offered, age(push))
    });
    live.into_iter().find_map(|push| offered(push, leave(push, opening, habit))).unwrap_or(Offer::Nothing)
}

/// The push that those at a device are to be asked about next, whatever else there is for it to do.
pub fn to_confirm(open: &[Push], installed: impl Fn(FirmwareType) -> Option<VersionNumber>) -> Option<&Push> {
    let asked = open.iter().filter(|push| push.state.is_live() && !push.is_confirmed());
    let upgrades = asked.filter(|push| Some(push.version_number) > installed(push.firmware_type));
    upgrades.min_by_key(|push| (push.terms.confirmation == Confirmation::Denied, age(push)))
}

/// How far a device of this habit may go with a live push now.
pub const fn leave(push: &Push, opening: Opening, habit: Habit) -> Leave {
    if !push.is_confirmed() {
        return Leave::Nothing(Hold::Agreement);
    }
    let Opening::Closed { opens, outside } = opening else { return Leave::Install };
    let hold = if opens.is_some() { Hold::Window } else { Hold::TimeZone };
    match (outside, push.state, habit) {
        // What a device began while it might, it finishes. Where devices may download ahead, that is no beginning.
        (_, PushState::Installing | PushState::Installed, _)
        | (Outside::Withhold, PushState::Downloading | PushState::Downloaded, _) => Leave::Install,
        (Outside::DownloadAhead, _, Habit::DownloadsAhead) => Leave::Download(hold),
        (Outside::DownloadAhead, _, Habit::InstallsAtOnce) | (Outside::Withhold, _, _) => Leave::Nothing(hold),
    }
}

/// What a live push comes to now; none if it has to wait.
const fn offered(push: &Push, leave: Leave) -> Option<Offer<'_>> {
    match leave {
        Leave::Install => Some(Offer::Deploy(push)),
        Leave::Download(_) => Some(Offer::DownloadAhead(push)),
        Leave::Nothing(Hold::Agreement) => Some(Offer::Confirm(push)),
        Leave::Nothing(Hold::Window | Hold::TimeZone) => None,
    }
}

fn oldest<'a>(pushes: impl Iterator<Item = &'a Push>) -> Option<&'a Push> {
    pushes.min_by_key(|push| age(push))
}

const fn age(push: &Push) -> (Timestamp, PushId) {
    (push.created, push.id)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::push::{Success, Terms, Timers};

    const HUB: FirmwareType = FirmwareType::HUB;
    const APPLICATION: FirmwareType = FirmwareType::APPLICATION;
    /// Where it makes no difference.
    const ANY: Habit = Habit::DownloadsAhead;

    #[test]
    fn what_was_taken_back_or_outgrown_is_not_given_again() {
        let number = VersionNumber::from_i64;
        for state in PushState::ALL {
            let is_withdrawn = matches!(state, PushState::Cancelled | PushState::Superseded);
            assert_eq!(may_have(state, number(5), None), !is_withdrawn, "{state}");
            assert_eq!(may_have(state, number(5), Some(number(5))), !is_withdrawn, "{state}");
            assert!(!may_have(state, number(5), Some(number(6))), "{state}");
        }
    }

    /// A push of version number 5, made at `created`.
    fn push(firmware_type: FirmwareType, created: i64, state: PushState) -> Push {
        let id = PushId::from_uuid(Uuid::from_u128(7));
        let created = Timestamp::from_millis(created);
        let push = Push::new(id, firmware_type, VersionNumber::from_i64(5), created, &Timers::default());
        Push { state, ..push }
    }

    fn nothing_installed(_: FirmwareType) -> Option<VersionNumber> {
        None
    }

    #[test]
    fn without_open_pushes_there_is_nothing_to_do() {
        assert_eq!(decide(&[], nothing_installed, Opening::Open, ANY), Offer::Nothing);
        assert_eq!(decide(&[push(HUB, 1, PushState::Failed)], nothing_installed, Opening::Open, ANY), Offer::Nothing);
    }

    #[test]
    fn the_oldest_comes_first() {
        let open = [push(HUB, 2, PushState::Offered), push(APPLICATION, 1, PushState::Offered)];
        assert_eq!(decide(&open, nothing_installed, Opening::Open, ANY), Offer::Deploy(&open[1]));
    }

    #[test]
    fn of_the_same_age_the_lower_id_comes_first() {
        let mut open = [push(HUB, 1, PushState::Offered), push(APPLICATION, 1, PushState::Offered)];
        open[1].id = PushId::from_uuid(Uuid::from_u128(6));
        assert_eq!(decide(&open, nothing_installed, Opening::Open, ANY), Offer::Deploy(&open[1]));
    }

    #[test]
    fn what_is_under_way_comes_before_what_waits() {
        let open = [push(HUB, 1, PushState::Offered), push(APPLICATION, 2, PushState::Fetched)];
        assert_eq!(decide(&open, nothing_installed, Opening::Open, ANY), Offer::Deploy(&open[1]));
    }

    #[test]
    fn what_must_be_let_go_comes_before_everything() {
        let states = [PushState::Offered, PushState::Installing, PushState::Cancelling, PushState::Cancelling];
        let open: Vec<_> = states.into_iter().zip(1..).map(|(state, created)| push(HUB, created, state)).collect();
        assert_eq!(decide(&open, nothing_installed, Opening::Open, ANY), Offer::Cancel(&open[2]));
    }

    #[test]
    fn what_the_device_has_reached_or_outgrown_is_not_offered() {
        for state in [PushState::Offered, PushState::Fetched, PushState::Installed] {
            let open = [push(HUB, 1, state), push(APPLICATION, 2, PushState::Offered)];
            for installed in [5, 6] {
                let installed = |kind| (kind == HUB).then_some(VersionNumber::from_i64(installed));
                assert_eq!(decide(&open, installed, Opening::Open, ANY), Offer::Deploy(&open[1]));
            }
        }
    }

    #[test]
    fn a_device_that_restarts_into_what_it_installed_gets_nothing() {
        let installed = Push { awaits_version: true, ..push(HUB, 1, PushState::Installed) };
        let open = [installed, push(APPLICATION, 2, PushState::Offered)];
        assert_eq!(decide(&open, nothing_installed, Opening::Open, ANY), Offer::Nothing);
        let outgrown = |kind| (kind == HUB).then_some(VersionNumber::from_i64(5));
        assert_eq!(decide(&open, outgrown, Opening::Open, ANY), Offer::Deploy(&open[1]));
    }

    fn asking(push: Push, confirmation: Confirmation) -> Push {
        push.under(Terms { confirmation, success: Success::Reported })
    }

    #[test]
    fn those_at_the_device_are_asked_before_it_gets_anything() {
        for (confirmation, agreed) in
            [(Confirmation::Waiting, false), (Confirmation::Denied, false), (Confirmation::Given, true)]
        {
            for state in [PushState::Offered, PushState::Fetched] {
                let open = [asking(push(HUB, 1, state), confirmation)];
                let expected = if agreed { Offer::Deploy(&open[0]) } else { Offer::Confirm(&open[0]) };
                assert_eq!(decide(&open, nothing_installed, Opening::Open, ANY), expected, "{confirmation} {state}");
            }
        }
    }

    #[test]
    fn what_is_to_be_agreed_to_stands_in_no_way() {
        let open = [
            asking(push(HUB, 1, PushState::Fetched), Confirmation::Waiting),
            push(APPLICATION, 2, PushState::Offered),
        ];
        assert_eq!(decide(&open, nothing_installed, Opening::Open, ANY), Offer::Deploy(&open[1]));
        assert_eq!(decide(&open[..1], nothing_installed, Opening::Open, ANY), Offer::Confirm(&open[0]));
    }

    #[test]
    fn what_was_denied_stands_in_no_way() {
        let open = [
            asking(push(HUB, 1, PushState::Fetched), Confirmation::Denied),
            push(APPLICATION, 2, PushState::Offered),
        ];
        assert_eq!(decide(&open, nothing_installed, Opening::Open, ANY), Offer::Deploy(&open[1]));
    }

    #[test]
    fn outside_its_window_a_device_only_finishes_what_it_began() {
        use PushState::{Downloaded, Downloading, Fetched, Installed, Installing, Offered};
        let not_installing = vec![Offered, Fetched, Downloading, Downloaded];
        for (outside, habit, waits, ahead) in [
            (Outside::Withhold, Habit::InstallsAtOnce, vec![Offered, Fetched], vec![]),
            (Outside::Withhold, Habit::DownloadsAhead, vec![Offered, Fetched], vec![]),
            (Outside::DownloadAhead, Habit::InstallsAtOnce, not_installing.clone(), vec![]),
            (Outside::DownloadAhead, Habit::DownloadsAhead, vec![], not_installing),
        ] {
            for state in [Offered, Fetched, Downloading, Downloaded, Installing, Installed] {
                let open = [push(HUB, 1, state)];
                let offer = decide(&open, nothing_installed, Opening::Closed { opens: None, outside }, habit);
                let expected = match state {
                    state if waits.contains(&state) => Offer::Nothing,
                    state if ahead.contains(&state) => Offer::DownloadAhead(&open[0]),
                    _ => Offer::Deploy(&open[0]),
                };
                assert_eq!(offer, expected, "{outside:?} {habit:?} {state}");
            }
        }
    }

    #[test]
    fn what_waits_for_a_window_hides_nothing_that_does_not() {
        let open = [push(HUB, 1, PushState::Fetched), push(APPLICATION, 2, PushState::Installing)];
        let closed = Opening::Closed { opens: None, outside: Outside::Withhold };
        assert_eq!(decide(&open, nothing_installed, closed, ANY), Offer::Deploy(&open[1]));
    }

    #[test]
    fn letting_go_and_agreeing_need_no_window() {
        let closed = Opening::Closed { opens: None, outside: Outside::Withhold };
        let open = [asking(push(HUB, 1, PushState::Offered), Confirmation::Waiting)];
        assert_eq!(decide(&open, nothing_installed, closed, ANY), Offer::Confirm(&open[0]));
        let open = [push(HUB, 1, PushState::Cancelling)];
        assert_eq!(decide(&open, nothing_installed, closed, ANY), Offer::Cancel(&open[0]));
    }
}
