//! Images as associated with device types.

use otaria_core::page::Direction::{Ascending, Descending};
use otaria_core::{AssociationId, DeviceTypeId, FirmwareType, Sha256};
use otaria_store::Error;
use otaria_store::firmware_images::{self, FirmwareImage};
use otaria_store::pool::{self, Content, Image, Kind, Link};
use otaria_store::scopes::ManagePartner;
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{Fleet, World, at, commit, content, new_id, owned, part, sorted};

async fn associate(
    world: &World,
    scope: ManagePartner,
    device_type: DeviceTypeId,
    image_scope: ManagePartner,
    image: &Image,
) -> Result<Option<AssociationId>, Error> {
    let image = image.clone();
    commit!(world, tx => firmware_images::associate(tx, &scope, device_type, &image_scope, &image, at(5)))
}

async fn get(world: &World, scope: ManagePartner, device_type: DeviceTypeId, image: &Image) -> Option<FirmwareImage> {
    let mut conn = world.conn().await;
    firmware_images::get(&mut conn, &scope, device_type, image.firmware_type, image.version_number).await.unwrap()
}

async fn dissociate(world: &World, scope: ManagePartner, image: &FirmwareImage) -> bool {
    let image = image.clone();
    commit!(world, tx => firmware_images::dissociate(tx, &scope, &image)).unwrap()
}

/// A device description, associated with its device type.
async fn describe(
    world: &World,
    partner: ManagePartner,
    device_type: DeviceTypeId,
    version: &str,
) -> Result<Image, Error> {
    let kind = Kind::DeviceDescription {
        device_type,
        device_description_id: Some("description".into()),
        device_profile_id: Some("profile".into()),
    };
    let content = content("Attributes", version);
    commit!(world, tx => async {
        let image = pool::insert(tx, &partner, &kind, &content, at(4)).await?;
        firmware_images::associate(tx, &partner, device_type, &partner, &image, at(5)).await?;
        Ok(image)
    })
}

#[rstest]
#[tokio::test]
async fn an_associated_image_shows_as_in_the_pool(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let Fleet { partner, device_type, .. } = Fleet::in_world(&world).await;
    let given = Content {
        description: Some("d".into()),
        link: Link::OursAs(Sha256::from_bytes([3; 32]), "http://old.example".into()),
        tags: owned(&["b", "a"]),
        ..content("Hub", "1")
    };
    let image = world.image_with(partner, FirmwareType::HUB, given).await.unwrap();
    assert!(get(&world, partner, device_type, &image).await.is_none(), "not associated yet");
    let id = associate(&world, partner, device_type, partner, &image).await.unwrap().unwrap();

    let found = get(&world, partner, device_type, &image).await.unwrap();
    let locked = commit!(world, tx => firmware_images::lock(tx, &partner, device_type, id)).unwrap().unwrap();
    for shown in [found, locked] {
        assert_eq!((shown.id, shown.device_type_id), (id, device_type));
        assert_eq!((shown.partner_id, shown.image_id), (partner.partner_id(), image.id));
        assert_eq!((shown.firmware_type, shown.version_number), (image.firmware_type, image.version_number));
        assert_eq!((shown.content.name.as_str(), shown.content.version.as_str()), ("Hub", "1"));
        assert_eq!((&shown.content.link, &shown.content.tags), (&image.content.link, &owned(&["b", "a"])));
        assert_eq!((shown.content.description.as_deref(), shown.device_description_id), (Some("d"), None));
        assert_eq!((shown.device_profile_id, shown.created, shown.updated), (None, at(5), at(5)));
    }
    assert_ne!(id.as_i64(), image.id.as_i64(), "an association has an id of its own");

    let (image_id, changed) = (image.id, content("Hub 2", "2"));
    commit!(world, tx => pool::update(tx, &partner, image_id, &changed, at(9))).unwrap();
    let shown = get(&world, partner, device_type, &image).await.unwrap();
    assert_eq!((shown.content.name.as_str(), shown.content.description), ("Hub 2", None));
    assert_eq!((shown.content.tags, shown.created, shown.updated), (vec![], at(5), at(9)));
}

#[rstest]
#[tokio::test]
async fn an_image_is_associated_once_with_a_device_type(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let Fleet { partner, device_type, .. } = Fleet::in_world(&world).await;
    let other_type = world.device_type(partner).await;
    let image = world.image(partner, "Hub", "1").await;
    let first = associate(&world, partner, device_type, partner, &image).await.unwrap().unwrap();
    assert_eq!(associate(&world, partner, device_type, partner, &image).await.unwrap(), None);
    let other = associate(&world, partner, other_type, partner, &image).await.unwrap().unwrap();
    assert!(first < other);

    let shown = get(&world, partner, device_type, &image).await.unwrap();
    assert!(dissociate(&world, partner, &shown).await);
    assert!(!dissociate(&world, partner, &shown).await);
    assert!(get(&world, partner, device_type, &image).await.is_none());
    assert_eq!(get(&world, partner, other_type, &image).await.unwrap().id, other);
    let again = associate(&world, partner, device_type, partner, &image).await.unwrap().unwrap();
    assert!(again > other, "an id is not used again");
}

#[rstest]
#[tokio::test]
async fn another_partners_image_is_shared_by_both(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let Fleet { partner: b, device_type, .. } = Fleet::in_world(&world).await;
    let maker = *world.partner("Maker").await;
    let image = world.image(maker, "Module", "1").await;

    let without_the_maker = associate(&world, b, device_type, b, &image).await;
    assert!(matches!(without_the_maker, Err(Error::Dangling(_))), "{without_the_maker:?}");
    let id = associate(&world, b, device_type, maker, &image).await.unwrap().unwrap();
    let shown = get(&world, b, device_type, &image).await.unwrap();
    assert_eq!((shown.id, shown.partner_id), (id, maker.partner_id()));

    assert!(get(&world, maker, device_type, &image).await.is_none(), "the device type is not the maker's");
    assert!(!dissociate(&world, maker, &shown).await);
    assert!(commit!(world, tx => firmware_images::lock(tx, &maker, device_type, id)).unwrap().is_none());
    assert!(dissociate(&world, b, &shown).await);
    assert!(
        pool::get(&mut world.conn().await, &maker, image.firmware_type, image.version_number)
            .await
            .unwrap()
            .is_some()
    );
}

#[rstest]
#[tokio::test]
async fn a_device_type_that_is_foreign_or_missing_dangles(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    let image = world.image(a, "Hub", "1").await;
    for device_type in [world.device_type(b).await, new_id(DeviceTypeId::from_uuid)] {
        let refused = associate(&world, a, device_type, a, &image).await;
        assert!(matches!(refused, Err(Error::Dangling(_))), "{refused:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_device_types_images_come_in_pages(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let Fleet { partner, device_type, .. } = Fleet::in_world(&world).await;
    let other_type = world.device_type(partner).await;
    for (name, firmware_type, tags) in [
        ("a", FirmwareType::HUB, &["qa"][..]),
        ("é", FirmwareType::HUB, &["eu"]),
        ("Z", FirmwareType::APPLICATION, &["qa"]),
    ] {
        let tagged = Content { tags: owned(tags), ..content(name, "1") };
        let image = world.image_with(partner, firmware_type, tagged).await.unwrap();
        world.associated(partner, device_type, &image).await;
    }
    describe(&world, partner, device_type, "1").await.unwrap();
    let elsewhere = world.image(partner, "elsewhere", "1").await;
    world.associated(partner, other_type, &elsewhere).await;

    let names = async |firmware_type, tags: &[&str], request| {
        let (mut conn, tags) = (world.conn().await, owned(tags));
        let page =
            firmware_images::page(&mut conn, &partner, device_type, firmware_type, &tags, &request).await.unwrap();
        let names = page.content.into_iter().map(|image| image.content.name).collect::<Vec<_>>().join(" ");
        (page.total_elements, names)
    };
    let by_name = sorted(&[("name", Ascending)]);
    assert_eq!(names(None, &[], by_name.clone()).await, (4, "Attributes Z a é".into()));
    assert_eq!(names(None, &[], sorted(&[("id", Descending)])).await, (4, "Attributes Z é a".into()));
    assert_eq!(names(None, &[], part(1, 3, &[("name", Ascending)])).await, (4, "é".into()));
    assert_eq!(names(Some(FirmwareType::HUB), &[], by_name.clone()).await, (2, "a é".into()));
    assert_eq!(names(Some(FirmwareType::DEVICE_DESCRIPTION), &[], by_name.clone()).await, (1, "Attributes".into()));
    assert_eq!(names(None, &["qa", "x"], by_name.clone()).await, (2, "Z a".into()));
    assert_eq!(names(Some(FirmwareType::HUB), &["qa"], by_name.clone()).await, (1, "a".into()));

    let foreign = *world.partner("B").await;
    let page =
        firmware_images::page(&mut world.conn().await, &foreign, device_type, None, &[], &by_name).await.unwrap();
    assert_eq!((page.content.len(), page.total_elements), (0, 0));
}

#[rstest]
#[tokio::test]
async fn a_device_description_is_no_pool_image(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let Fleet { partner, device_type, .. } = Fleet::in_world(&world).await;
    let image = describe(&world, partner, device_type, "1").await.unwrap();
    let description = FirmwareType::DEVICE_DESCRIPTION;
    assert_eq!((image.firmware_type, image.version_number.as_i64()), (description, 1));
    let shown = get(&world, partner, device_type, &image).await.unwrap();
    assert_eq!(shown.device_description_id.as_deref(), Some("description"));
    assert_eq!(shown.device_profile_id.as_deref(), Some("profile"));

    let mut conn = world.conn().await;
    assert!(pool::get(&mut conn, &partner, description, image.version_number).await.unwrap().is_none());
    assert!(!pool::exists(&mut conn, &partner, description, "Attributes", "1", None).await.unwrap());
    assert_eq!(pool::partner_of(&mut conn, &partner, description, image.version_number).await.unwrap(), None);
    let page = pool::page(&mut conn, &partner, None, &[], &sorted(&[("id", Ascending)])).await.unwrap();
    assert_eq!(page.total_elements, 0);
    let number = image.version_number;
    assert!(commit!(world, tx => pool::lock(tx, &partner, description, number)).unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn a_dissociated_device_description_frees_its_name(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let Fleet { partner, device_type, .. } = Fleet::in_world(&world).await;
    let other_type = world.device_type(partner).await;
    let first = describe(&world, partner, device_type, "1").await.unwrap();
    assert!(matches!(describe(&world, partner, device_type, "1").await, Err(Error::Duplicate(_))));
    describe(&world, partner, device_type, "2").await.unwrap();
    describe(&world, partner, other_type, "1").await.unwrap();

    let shown = get(&world, partner, device_type, &first).await.unwrap();
    assert!(dissociate(&world, partner, &shown).await);
    let second = describe(&world, partner, device_type, "1").await.unwrap();
    assert!(second.version_number > first.version_number);
    assert!(get(&world, partner, device_type, &first).await.is_none());
    assert!(matches!(describe(&world, partner, other_type, "1").await, Err(Error::Duplicate(_))));
}
