//! Whether an image may be pushed to a device, and why not.

use crate::firmware::{FirmwareType, VersionNumber};
use crate::ids::PushId;
use crate::push::Push;

/// The image that somebody wants on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its firmware type.
    pub firmware_type: FirmwareType,
    /// Its version number.
    pub version_number: VersionNumber,
    /// Whether there is anything to deliver.
    pub binary: Binary,
}

/// Whether the repository has the binary behind an image's url.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// It does.
    Present,
    /// It does not, or not yet.
    Missing,
}

/// What is known about the device, as far as the candidate's firmware type goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OnDevice {
    /// The version number that it runs, once it was learnt.
    pub installed: Option<VersionNumber>,
    /// Its pushes of the type that have not ended.
    pub open: Vec<Push>,
}

/// The candidate may be pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It already is on its way, with this push.
    UnderWay(PushId),
    /// A push of it may start.
    Start {
        /// The live pushes of the type whose place it takes: each gets
        /// [`Event::Superseded`](crate::push::Event::Superseded).
        replaces: Vec<PushId>,
    },
}

/// The candidate must not be pushed; the text says what to do instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is nothing to deliver.
    #[error(
        "the image's url leads to no binary in the repository: upload the binary, move it to the repository, \
         and set the image's url to the one answered there"
    )]
    NoBinary,
    /// The device runs the candidate's version number.
    #[error(
        "the device already runs version number {0}: there is nothing to do; \
         to install the same binary again, publish it as a new image"
    )]
    AlreadyRuns(VersionNumber),
    /// The device runs this higher version number.
    #[error(
        "the device runs version number {0}, which is newer, and there is no downgrade: \
         to go back, publish the old binary again as a new image"
    )]
    RunsNewer(VersionNumber),
    /// A push of this higher version number is on its way.
    #[error(
        "version number {0}, which is newer, is on its way to the device, and there is no downgrade: \
         cancel that push first, or publish the old binary again as a new image"
    )]
    NewerUnderWay(VersionNumber),
}

/// Judges whether `candidate` may be pushed to `device`.
///
/// A cancelling push of this version number or a lower one does not stand in the way: it is on its way out. One of
/// a higher number does, because the device may still end up running it.
///
/// # Errors
/// The reason why not.
pub fn judge(candidate: Candidate, device: &OnDevice) -> Result<Verdict, Refusal> {
    let Candidate { firmware_type, version_number, binary } = candidate;
    match binary {
        Binary::Present => {}
        Binary::Missing => return Err(Refusal::NoBinary),
    }
    match device.installed {
        Some(installed) if installed == version_number => return Err(Refusal::AlreadyRuns(installed)),
        Some(installed) if installed > version_number => return Err(Refusal::RunsNewer(installed)),
        Some(_) | None => {}
    }
    let open = || device.open.iter().filter(|push| push.firmware_type == firmware_type && !push.state.is_ended());
    let live = || open().filter(|push| push.state.is_live());
    if let Some(newer) = open().map(|push| push.version_number).filter(|number| *number > version_number).max() {
        return Err(Refusal::NewerUnderWay(newer));
    }
    if let Some(same) = live().find(|push| push.version_number == version_number) {
        return Ok(Verdict::UnderWay(same.id));
    }
    Ok(Verdict::Start { replaces: live().map(|push| push.id).collect() })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use uuid::Uuid;

    use super::*;
    use crate::push::{PushState, Timers};
    use crate::time::Timestamp;

    fn id(number: u128) -> PushId {
        PushId::from_uuid(Uuid::from_u128(number))
    }

    fn candidate(number: i64) -> Candidate {
        Candidate {
            firmware_type: FirmwareType::HUB,
            version_number: VersionNumber::from_i64(number),
            binary: Binary::Present,
        }
    }

    /// A push of type 5, with its version number as its id.
    fn push(number: i64, state: PushState) -> Push {
        let version_number = VersionNumber::from_i64(number);
        let now = Timestamp::from_millis(0);
        let push = Push::new(id(number as u128), FirmwareType::HUB, version_number, now, &Timers::default());
        Push { state, ..push }
    }

    fn judged(number: i64, installed: Option<i64>, open: &[Push]) -> Result<Verdict, Refusal> {
        let installed = installed.map(VersionNumber::from_i64);
        judge(candidate(number), &OnDevice { installed, open: open.to_vec() })
    }

    #[test]
    fn a_newer_image_starts() {
        for installed in [None, Some(4)] {
            assert_eq!(judged(5, installed, &[]), Ok(Verdict::Start { replaces: vec![] }));
        }
    }

    #[test]
    fn an_image_needs_a_binary() {
        let candidate = Candidate { binary: Binary::Missing, ..candidate(5) };
        assert_eq!(judge(candidate, &OnDevice::default()), Err(Refusal::NoBinary));
    }

    #[rstest]
    #[case(5, Refusal::AlreadyRuns(VersionNumber::from_i64(5)))]
    #[case(6, Refusal::RunsNewer(VersionNumber::from_i64(6)))]
    fn there_is_no_downgrade(#[case] installed: i64, #[case] refusal: Refusal) {
        assert_eq!(judged(5, Some(installed), &[]), Err(refusal));
        assert!(refusal.to_string().contains("as a new image"), "{refusal}");
    }

    #[rstest]
    #[case(PushState::Offered)]
    #[case(PushState::Installed)]
    fn a_live_push_is_joined_replaced_or_in_the_way(#[case] state: PushState) {
        let live = [push(5, state)];
        assert_eq!(judged(5, None, &live), Ok(Verdict::UnderWay(id(5))));
        assert_eq!(judged(6, None, &live), Ok(Verdict::Start { replaces: vec![id(5)] }));
        assert_eq!(judged(4, None, &live), Err(Refusal::NewerUnderWay(VersionNumber::from_i64(5))));
    }

    #[test]
    fn what_has_ended_stands_in_no_way() {
        for number in [4, 5, 6] {
            let judged = judged(number, None, &[push(5, PushState::Failed)]);
            assert_eq!(judged, Ok(Verdict::Start { replaces: vec![] }));
        }
    }

    #[test]
    fn what_is_on_its_way_out_may_still_be_installed() {
        let cancelling = [push(5, PushState::Cancelling)];
        assert_eq!(judged(4, None, &cancelling), Err(Refusal::NewerUnderWay(VersionNumber::from_i64(5))));
        for number in [5, 6] {
            assert_eq!(judged(number, None, &cancelling), Ok(Verdict::Start { replaces: vec![] }));
        }
    }

    #[test]
    fn pushes_of_other_types_do_not_matter() {
        let other = Push { firmware_type: FirmwareType::APPLICATION, ..push(9, PushState::Fetched) };
        assert_eq!(judged(5, None, &[other]), Ok(Verdict::Start { replaces: vec![] }));
    }
}
