//! What a device that asks should do now.

use crate::firmware::{FirmwareType, VersionNumber};
use crate::push::{Phase, Push, PushState};

/// What a device should do now: one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Offer<'a> {
    /// Nothing.
    Nothing,
    /// Get on with this push.
    Deploy(&'a Push),
    /// Let go of this push.
    Cancel(&'a Push),
}

/// Whether a device that runs `installed` may have what a push in `state` delivers, of this version number, or have
/// it again: not once it was taken back, and not once the device runs something newer.
pub fn may_have(state: PushState, version_number: VersionNumber, installed: Option<VersionNumber>) -> bool {
    let is_withdrawn = matches!(state, PushState::Cancelled | PushState::Superseded);
    !is_withdrawn && installed.is_none_or(|installed| installed <= version_number)
}

/// Decides what a device should do, out of its `open` pushes of all firmware types; `installed` is the version
/// number that it is known to run of a type.
///
/// First what must be let go, then what is under way, then what waits: the oldest of each. A push whose image
/// the device has reached or outgrown is never offered, wherever it stands: there is no downgrade.
pub fn decide(open: &[Push], installed: impl Fn(FirmwareType) -> Option<VersionNumber>) -> Offer<'_> {
    let is_upgrade = |push: &&Push| Some(push.version_number) > installed(push.firmware_type);
    let in_phase = |phase: Phase| open.iter().filter(move |push| push.state.phase() == phase);
    let cancelling = oldest(in_phase(Phase::Cancelling));
    let under_way = || oldest(in_phase(Phase::UnderWay).filter(is_upgrade));
    let offered = || oldest(in_phase(Phase::Offered).filter(is_upgrade));
    match cancelling {
        Some(push) => Offer::Cancel(push),
        None => under_way().or_else(offered).map_or(Offer::Nothing, Offer::Deploy),
    }
}

fn oldest<'a>(pushes: impl Iterator<Item = &'a Push>) -> Option<&'a Push> {
    pushes.min_by_key(|push| (push.created, push.id))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::PushId;
    use crate::push::Timers;
    use crate::time::Timestamp;

    const HUB: FirmwareType = FirmwareType::HUB;
    const APPLICATION: FirmwareType = FirmwareType::APPLICATION;

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
        assert_eq!(decide(&[], nothing_installed), Offer::Nothing);
        assert_eq!(decide(&[push(HUB, 1, PushState::Failed)], nothing_installed), Offer::Nothing);
    }

    #[test]
    fn the_oldest_comes_first() {
        let open = [push(HUB, 2, PushState::Offered), push(APPLICATION, 1, PushState::Offered)];
        assert_eq!(decide(&open, nothing_installed), Offer::Deploy(&open[1]));
    }

    #[test]
    fn of_the_same_age_the_lower_id_comes_first() {
        let mut open = [push(HUB, 1, PushState::Offered), push(APPLICATION, 1, PushState::Offered)];
        open[1].id = PushId::from_uuid(Uuid::from_u128(6));
        assert_eq!(decide(&open, nothing_installed), Offer::Deploy(&open[1]));
    }

    #[test]
    fn what_is_under_way_comes_before_what_waits() {
        let open = [push(HUB, 1, PushState::Offered), push(APPLICATION, 2, PushState::Fetched)];
        assert_eq!(decide(&open, nothing_installed), Offer::Deploy(&open[1]));
    }

    #[test]
    fn what_must_be_let_go_comes_before_everything() {
        let states = [PushState::Offered, PushState::Installing, PushState::Cancelling, PushState::Cancelling];
        let open: Vec<_> = states.into_iter().zip(1..).map(|(state, created)| push(HUB, created, state)).collect();
        assert_eq!(decide(&open, nothing_installed), Offer::Cancel(&open[2]));
    }

    #[test]
    fn what_the_device_has_reached_or_outgrown_is_not_offered() {
        for state in [PushState::Offered, PushState::Fetched, PushState::Installed] {
            let open = [push(HUB, 1, state), push(APPLICATION, 2, PushState::Offered)];
            for installed in [5, 6] {
                let installed = |kind| (kind == HUB).then_some(VersionNumber::from_i64(installed));
                assert_eq!(decide(&open, installed), Offer::Deploy(&open[1]));
            }
        }
    }
}
