//! Which images a device may be running.

use otaria_core::digest::Digests;
use otaria_core::inference::{Candidate, Claim};
use otaria_core::{FirmwareType, Sha256};
use otaria_store::binaries;
use otaria_store::candidates::{self, Candidates};
use otaria_store::pool::{Content, Link};
use otaria_store::scopes::DeviceScope;
use otaria_store::{devices, firmware_images, pushes};
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{Fleet, World, at, commit, content};

async fn found(world: &World, device: &DeviceScope, claim: &Claim) -> Candidates {
    candidates::of_claim(&mut world.conn().await, device, FirmwareType::HUB, claim).await.unwrap()
}

fn version(text: &str) -> Claim {
    Claim { version: Some(text.to_owned()), ..Claim::default() }
}

#[rstest]
#[tokio::test]
async fn an_image_is_found_by_all_that_names_it(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let device = fleet.device(&world, "d").await;
    let digests = Digests { sha256: Sha256::from_bytes([1; 32]), sha1: [2; 20], md5: [3; 16], size: 4 };
    let partner = fleet.partner;
    commit!(world, tx => binaries::insert(tx, &partner, &digests, None, "here", at(1))).unwrap();
    let with_binary = Content { link: Link::Ours(digests.sha256), ..content("Hub", "1.0") };
    let image = world.image_with(partner, FirmwareType::HUB, with_binary).await.unwrap();
    world.associated(partner, fleet.device_type, &image).await;
    fleet.image(&world, "bare").await;

    let expected = Candidate {
        version_number: image.version_number,
        version: "1.0".to_owned(),
        sha256: Some(digests.sha256),
        md5: Some(digests.md5),
        sealed: None,
    };
    for claim in [
        version("1.0"),
        version(&image.version_number.to_string()),
        Claim { sha256: Some(digests.sha256), ..Claim::default() },
        Claim { md5: Some(digests.md5), ..version("9") },
    ] {
        let found = found(&world, &device, &claim).await;
        assert_eq!((found.images.as_slice(), found.installed), ([expected.clone()].as_slice(), None), "{claim:?}");
    }
    for claim in [Claim::default(), version("0.9"), Claim { md5: Some([1; 16]), ..Claim::default() }] {
        assert!(found(&world, &device, &claim).await.images.is_empty(), "{claim:?}");
    }
    let bare = found(&world, &device, &version("bare")).await.images;
    assert_eq!((bare.len(), bare[0].sha256, bare[0].md5), (1, None, None));
    let (scope, number) = (device.clone(), image.version_number);
    commit!(world, tx => devices::set_installed(tx, &scope, FirmwareType::HUB, number, at(2))).unwrap();
    assert_eq!(found(&world, &device, &version("1.0")).await.installed, Some(number));
}

#[rstest]
#[tokio::test]
async fn a_device_has_what_is_associated_or_was_pushed(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, image) = (fleet.device(&world, "d").await, fleet.image(&world, "1.0").await);
    world.image(fleet.partner, "Hub", "nobody's").await;
    let stranger = Fleet::in_world(&world).await;
    let other = stranger.device(&world, "d").await;
    assert_eq!(found(&world, &device, &version("1.0")).await.images.len(), 1);
    assert!(found(&world, &device, &version("nobody's")).await.images.is_empty());
    assert!(found(&world, &other, &version("1.0")).await.images.is_empty(), "of another partner");

    world.push(&device, &image, at(3)).await.unwrap();
    let (partner, gone) = (fleet.partner, image.clone());
    assert!(commit!(world, tx => firmware_images::dissociate(tx, &partner, &gone)).unwrap());
    assert_eq!(found(&world, &device, &version("1.0")).await.images.len(), 1, "it may have it from then");
    let second = fleet.device(&world, "e").await;
    assert!(found(&world, &second, &version("1.0")).await.images.is_empty());
}

#[rstest]
#[tokio::test]
async fn downloads_are_counted_push_by_push(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, other) = (fleet.device(&world, "d").await, fleet.device(&world, "e").await);
    let image = fleet.image(&world, "1.0").await;
    for device in [&device, &other] {
        world.push(device, &image, at(1)).await.unwrap();
    }
    for expected in 1..=3 {
        let scope = device.clone();
        assert_eq!(commit!(world, tx => pushes::count_download(tx, &scope, 1)).unwrap(), expected);
        assert_eq!(pushes::downloads(&mut world.conn().await, &device, 1).await.unwrap(), expected);
    }
    assert_eq!(pushes::downloads(&mut world.conn().await, &other, 1).await.unwrap(), 0);
    assert_eq!(pushes::downloads(&mut world.conn().await, &device, 2).await.unwrap(), 0);
}
