//! Binaries: who uploaded what, and where the bytes are.

use otaria_core::Sha256;
use otaria_core::digest::Digests;
use otaria_core::push::PushState;
use otaria_store::Error;
use otaria_store::binaries::{self, Binary};
use otaria_store::pool::{Content, Link};
use otaria_store::scopes::ManagePartner;
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{Fleet, INSTALLATION, World, at, commit, content};

fn digests(seed: u8) -> Digests {
    Digests {
        sha256: Sha256::from_bytes([seed; 32]),
        sha1: [seed.wrapping_add(1); 20],
        md5: [seed.wrapping_add(2); 16],
        size: 4 << 30,
    }
}

/// Where the bytes are kept.
async fn upload(
    world: &World,
    scope: ManagePartner,
    seed: u8,
    file_name: Option<&'static str>,
    location: &'static str,
    now: i64,
) -> String {
    let digests = digests(seed);
    commit!(world, tx => binaries::insert(tx, &scope, &digests, file_name, location, at(now))).unwrap()
}

async fn move_it(world: &World, scope: ManagePartner, seed: u8) -> bool {
    let sha256 = digests(seed).sha256;
    commit!(world, tx => binaries::move_to_repository(tx, &scope, sha256, at(30))).unwrap()
}

/// The name and place of a binary in the partner's repository.
async fn in_repository(world: &World, scope: ManagePartner, seed: u8) -> Option<(Option<String>, String)> {
    let found = binaries::in_repository(&mut world.conn().await, &scope, digests(seed).sha256).await.unwrap();
    found.map(|binary| {
        assert_eq!(binary.digests, digests(seed));
        (binary.file_name, binary.location)
    })
}

async fn forget(world: &World, before: i64) -> Vec<String> {
    let mut locations = commit!(world, tx => binaries::forget_temporary(tx, &INSTALLATION, at(before))).unwrap();
    locations.sort();
    locations
}

#[rstest]
#[tokio::test]
async fn an_upload_is_in_the_repository_once_it_is_moved(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    assert!(!move_it(&world, partner, 1).await, "nothing was uploaded");
    assert_eq!(upload(&world, partner, 1, Some("a.bin"), "here", 10).await, "here");
    assert_eq!(in_repository(&world, partner, 1).await, None);
    for _ in 0..2 {
        assert!(move_it(&world, partner, 1).await);
        assert_eq!(in_repository(&world, partner, 1).await, Some((Some("a.bin".into()), "here".into())));
    }
}

#[rstest]
#[tokio::test]
async fn the_same_bytes_are_kept_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    assert_eq!(upload(&world, a, 1, None, "first", 10).await, "first");
    assert_eq!(upload(&world, a, 1, None, "second", 11).await, "first", "the same partner again");
    assert_eq!(upload(&world, b, 1, None, "third", 12).await, "first", "another partner");
    assert_eq!(upload(&world, b, 2, None, "fourth", 13).await, "fourth", "other bytes");
    let mut conn = world.conn().await;
    for (location, known) in [("first", true), ("second", false), ("third", false), ("fourth", true)] {
        assert_eq!(binaries::is_known(&mut conn, &INSTALLATION, location).await.unwrap(), known, "{location}");
    }
    let other = digests(3);
    let taken = commit!(world, tx => binaries::insert(tx, &a, &other, None, "first", at(14)));
    assert!(matches!(taken, Err(Error::Duplicate(_))), "no place holds two binaries: {taken:?}");
}

#[rstest]
#[tokio::test]
async fn only_who_uploaded_it_moves_it_and_sees_it(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    upload(&world, a, 1, Some("a.bin"), "here", 10).await;
    assert!(!move_it(&world, b, 1).await);
    assert!(move_it(&world, a, 1).await);
    assert_eq!(in_repository(&world, b, 1).await, None);

    upload(&world, b, 1, Some("b.bin"), "there", 11).await;
    assert_eq!(in_repository(&world, b, 1).await, None, "uploaded, but another's move is not this partner's");
    assert!(move_it(&world, b, 1).await);
    assert_eq!(in_repository(&world, b, 1).await, Some((Some("b.bin".into()), "here".into())));
    assert_eq!(in_repository(&world, a, 1).await, Some((Some("a.bin".into()), "here".into())));
}

#[rstest]
#[tokio::test]
async fn the_latest_given_name_counts(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let mut seen = Vec::new();
    for (name, now) in [(None, 10), (Some("first.bin"), 11), (None, 12), (Some("second.bin"), 13)] {
        upload(&world, partner, 1, name, "here", now).await;
        move_it(&world, partner, 1).await;
        seen.push(in_repository(&world, partner, 1).await.unwrap().0);
    }
    let [first, second] = ["first.bin", "second.bin"].map(|name| Some(name.to_owned()));
    assert_eq!(seen, [None, first.clone(), first, second]);
}

#[rstest]
#[tokio::test]
async fn what_was_not_moved_is_forgotten_in_time(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    upload(&world, a, 1, None, "moved", 10).await;
    move_it(&world, a, 1).await;
    upload(&world, a, 2, None, "left", 10).await;
    upload(&world, a, 3, None, "left by one, moved by another", 10).await;
    upload(&world, b, 3, None, "-", 11).await;
    move_it(&world, b, 3).await;
    upload(&world, a, 4, None, "left, and uploaded again", 10).await;
    upload(&world, a, 4, None, "-", 99).await;
    upload(&world, a, 5, None, "new", 100).await;

    assert_eq!(forget(&world, 10).await, [""; 0], "nothing is older than what came at that instant");
    assert_eq!(forget(&world, 50).await, ["left"]);
    assert!(in_repository(&world, a, 1).await.is_some());
    assert!(in_repository(&world, b, 3).await.is_some());
    for (seed, kept) in [(2, false), (3, false), (4, true), (5, true)] {
        assert_eq!(move_it(&world, a, seed).await, kept, "{seed}");
    }
    assert_eq!(forget(&world, 1000).await, [""; 0], "all that is left was moved");
    assert_eq!(upload(&world, a, 2, None, "back", 2000).await, "back");
}

#[rstest]
#[tokio::test]
async fn a_device_gets_the_binary_of_its_push_only(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let maker = *world.partner("Maker").await;
    let sha256 = digests(1).sha256;
    let shared = Content { link: Link::Ours(sha256), ..content("Module", "1") };
    let image = world.image_with(maker, otaria_core::FirmwareType::HUB, shared).await.unwrap();
    let (partner, device_type) = (fleet.partner, fleet.device_type);
    let (number, firmware_type) = (image.version_number, image.firmware_type);
    commit!(world, tx => otaria_store::firmware_images::associate(tx, &partner, device_type, &maker, &image, at(2)))
        .unwrap();
    let mut conn = world.conn().await;
    let image = otaria_store::firmware_images::get(&mut conn, &partner, device_type, firmware_type, number);
    let image = image.await.unwrap().unwrap();
    let (device, other) = (fleet.device(&world, "d").await, fleet.device(&world, "other").await);
    let action = world.push(&device, &image, at(5)).await.unwrap().action;

    let of_push = async |device, action| {
        let mut conn = world.conn().await;
        let told = |binary: Binary| (binary.digests, binary.file_name, binary.location);
        let found = binaries::of_push(&mut conn, device, action).await.unwrap().map(told);
        let with_state = binaries::for_download(&mut conn, device, action).await.unwrap();
        let with_state = with_state.map(|download| (told(download.binary), download.state));
        assert_eq!(with_state, found.clone().map(|found| (found, PushState::Offered)));
        found
    };
    let is_there = async || {
        binaries::is_in_repository_of(&mut world.conn().await, &partner, image.partner_id, sha256).await.unwrap()
    };
    // The pushing partner's own upload of the same bytes is not the image's.
    upload(&world, partner, 1, Some("mine.bin"), "here", 10).await;
    move_it(&world, partner, 1).await;
    assert_eq!((of_push(&device, action).await, is_there().await), (None, false));
    upload(&world, maker, 1, Some("module.bin"), "there", 11).await;
    assert_eq!((of_push(&device, action).await, is_there().await), (None, false), "not moved yet");
    move_it(&world, maker, 1).await;
    let expected = (digests(1), Some("module.bin".to_owned()), "here".to_owned());
    assert_eq!((of_push(&device, action).await, is_there().await), (Some(expected), true));
    assert_eq!(of_push(&device, action + 1).await, None);
    assert_eq!(of_push(&other, action).await, None);
}
