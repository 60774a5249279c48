//! The firmware pool.

use std::collections::BTreeSet;

use otaria_core::page::Direction::{Ascending, Descending};
use otaria_core::page::PageRequest;
use otaria_core::{FirmwareType, ImageId, Sha256, VersionNumber};
use otaria_store::pool::{self, Content, Image, Link};
use otaria_store::scopes::ManagePartner;
use otaria_store::{Error, firmware_images, partners};
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{Fleet, World, at, commit, content, own_type, owned, part, sorted};

const HUB: FirmwareType = FirmwareType::HUB;

fn assert_same(kept: &Image, given: &Image) {
    assert_eq!((kept.id, kept.partner_id), (given.id, given.partner_id));
    assert_eq!((kept.firmware_type, kept.version_number), (given.firmware_type, given.version_number));
    assert_eq!((&kept.content.name, &kept.content.version), (&given.content.name, &given.content.version));
    assert_eq!(kept.content.description, given.content.description);
    assert_eq!((&kept.content.link, &kept.content.tags), (&given.content.link, &given.content.tags));
    assert_eq!((kept.was_pushed, kept.created, kept.updated), (given.was_pushed, given.created, given.updated));
}

async fn get(world: &World, scope: ManagePartner, image: &Image) -> Option<Image> {
    pool::get(&mut world.conn().await, &scope, image.firmware_type, image.version_number).await.unwrap()
}

async fn update(world: &World, scope: ManagePartner, image: ImageId, content: &Content) -> Result<(), Error> {
    let content = content.clone();
    commit!(world, tx => pool::update(tx, &scope, image, &content, at(50)))
}

#[rstest]
#[case::empty(Link::Elsewhere(String::new()))]
#[case::placeholder(Link::Elsewhere("https://elsewhere.example/a?b=c".into()))]
#[case::ours(Link::Ours(Sha256::from_bytes([7; 32])))]
#[case::ours_by_another_name(Link::OursAs(Sha256::from_bytes([0; 32]), "http://old.example/x".into()))]
#[tokio::test]
async fn an_image_is_kept_as_given(#[values(Sqlite, Postgres)] engine: Engine, #[case] link: Link) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let given = Content {
        description: Some("two\nlines, \u{1F680}".into()),
        link: link.clone(),
        tags: owned(&["release", "qa", "Ünï 'cöde' %_"]),
        ..content("Hub", "1.0 β")
    };
    let made = world.image_with(partner, HUB, given).await.unwrap();
    assert_eq!((made.partner_id, made.firmware_type), (partner.partner_id(), HUB));
    assert_eq!((made.was_pushed, made.created, made.updated), (false, at(1), at(1)));
    let kept = get(&world, partner, &made).await.unwrap();
    assert_same(&kept, &made);
    assert_eq!(
        (&kept.content.link, kept.content.link.binary().is_some()),
        (&link, !matches!(link, Link::Elsewhere(_)))
    );
    assert_eq!(kept.content.tags, ["release", "qa", "Ünï 'cöde' %_"], "in the order given");
}

#[rstest]
#[tokio::test]
async fn type_name_and_version_are_unique_within_a_pool(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    world.image(a, "Hub", "1").await;
    let again = world.image_with(a, HUB, content("Hub", "1")).await;
    assert!(matches!(again, Err(Error::Duplicate(_))), "{again:?}");
    for (scope, firmware_type, name, version) in
        [(a, HUB, "Hub", "2"), (a, HUB, "hub", "1"), (a, FirmwareType::APPLICATION, "Hub", "1"), (b, HUB, "Hub", "1")]
    {
        world.image_with(scope, firmware_type, content(name, version)).await.unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn exists_looks_for_another_image_of_this_name(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    let image = world.image(a, "Hub / ü", "1").await;
    let exists = async |scope: ManagePartner, firmware_type, name: &str, version: &str, except| {
        pool::exists(&mut world.conn().await, &scope, firmware_type, name, version, except).await.unwrap()
    };
    assert!(exists(a, HUB, "Hub / ü", "1", None).await);
    assert!(exists(a, HUB, "Hub / ü", "1", Some(ImageId::from_i64(image.id.as_i64() + 1))).await);
    assert!(!exists(a, HUB, "Hub / ü", "1", Some(image.id)).await);
    assert!(!exists(a, HUB, "hub / ü", "1", None).await);
    assert!(!exists(a, HUB, "Hub / ü", "1.0", None).await);
    assert!(!exists(a, FirmwareType::APPLICATION, "Hub / ü", "1", None).await);
    assert!(!exists(b, HUB, "Hub / ü", "1", None).await);
}

#[rstest]
#[tokio::test]
async fn version_numbers_increase_within_a_type_over_all_partners(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    let mut given = Vec::new();
    for (scope, firmware_type, version) in
        [(a, HUB, "1"), (b, HUB, "1"), (a, HUB, "2"), (a, own_type(101), "1"), (b, own_type(101), "1"), (b, HUB, "2")]
    {
        let image = world.image_with(scope, firmware_type, content("I", version)).await.unwrap();
        given.push((image.firmware_type.number(), image.version_number.as_i64()));
        let owner = pool::partner_of(&mut world.conn().await, &a, firmware_type, image.version_number).await.unwrap();
        assert_eq!(owner, Some(scope.partner_id()), "a version number names one image of the installation");
    }
    assert_eq!(given, [(5, 1), (5, 2), (5, 3), (101, 1), (101, 2), (5, 4)]);
    let unknown = pool::partner_of(&mut world.conn().await, &a, HUB, VersionNumber::from_i64(99)).await.unwrap();
    assert_eq!(unknown, None);
}

#[rstest]
#[tokio::test]
async fn an_update_replaces_all_that_a_partner_says(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let first = Content { description: Some("d".into()), tags: owned(&["a", "b", "c"]), ..content("Hub", "1") };
    let made = world.image_with(partner, HUB, first).await.unwrap();
    let bystander = world.image(partner, "Other", "1").await;
    let second =
        Content { link: Link::Ours(Sha256::from_bytes([1; 32])), tags: owned(&["c", "z"]), ..content("Hub 2", "2") };
    update(&world, partner, made.id, &second).await.unwrap();
    let expected = Image { content: second, updated: at(50), ..made };
    assert_same(&get(&world, partner, &expected).await.unwrap(), &expected);
    assert_same(&get(&world, partner, &bystander).await.unwrap(), &bystander);

    let taken = update(&world, partner, bystander.id, &expected.content).await;
    assert!(matches!(taken, Err(Error::Duplicate(_))), "{taken:?}");
    assert_same(&get(&world, partner, &bystander).await.unwrap(), &bystander);
}

#[rstest]
#[tokio::test]
async fn another_partners_image_is_not_there(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    let tagged = Content { tags: owned(&["secret"]), ..content("Hub", "1") };
    let image = world.image_with(a, HUB, tagged).await.unwrap();

    assert!(get(&world, b, &image).await.is_none());
    let (firmware_type, number) = (image.firmware_type, image.version_number);
    assert!(commit!(world, tx => pool::lock(tx, &b, firmware_type, number)).unwrap().is_none());
    let mut conn = world.conn().await;
    let page = pool::page(&mut conn, &b, None, &[], &sorted(&[("id", Ascending)])).await.unwrap();
    assert_eq!((page.content.len(), page.total_elements), (0, 0));
    assert!(pool::tags(&mut conn, &b).await.unwrap().is_empty());
    assert!(pool::associations(&mut conn, &b, image.id).await.unwrap().is_empty());

    update(&world, b, image.id, &content("Taken over", "1")).await.unwrap();
    let with_tags = Content { tags: owned(&["mine"]), ..content("Taken over", "1") };
    assert!(matches!(update(&world, b, image.id, &with_tags).await, Err(Error::Dangling(_))));
    assert_same(&get(&world, a, &image).await.unwrap(), &image);
}

#[rstest]
#[tokio::test]
async fn a_locked_image_is_the_pools(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let image = world.image(partner, "Hub", "1").await;
    let number = image.version_number;
    let locked = commit!(world, tx => pool::lock(tx, &partner, HUB, number)).unwrap().unwrap();
    assert_same(&locked, &image);
    let missing = commit!(world, tx => pool::lock(tx, &partner, FirmwareType::APPLICATION, number)).unwrap();
    assert!(missing.is_none());
}

#[rstest]
#[tokio::test]
async fn tags_are_distinct_and_sorted_by_bytes(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    for (scope, version, tags) in [(a, "1", &["qa", "Zulu", "é"][..]), (a, "2", &["alpha", "qa"]), (b, "1", &["b"])]
    {
        let tagged = Content { tags: owned(tags), ..content("Hub", version) };
        world.image_with(scope, HUB, tagged).await.unwrap();
    }
    assert_eq!(pool::tags(&mut world.conn().await, &a).await.unwrap(), ["Zulu", "alpha", "qa", "é"]);
}

#[rstest]
#[tokio::test]
async fn a_filter_keeps_images_with_at_least_one_of_its_tags(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    for (version, firmware_type, tags) in [
        ("1", HUB, &["qa"][..]),
        ("2", HUB, &["release", "eu"]),
        ("3", HUB, &["QA", "qa2", "q", "%"]),
        ("4", HUB, &[]),
        ("5", FirmwareType::APPLICATION, &["qa"]),
    ] {
        let tagged = Content { tags: owned(tags), ..content("I", version) };
        world.image_with(partner, firmware_type, tagged).await.unwrap();
    }
    let kept = async |firmware_type, tags: &[&str]| {
        let request = sorted(&[("version", Ascending)]);
        let mut conn = world.conn().await;
        let page = pool::page(&mut conn, &partner, firmware_type, &owned(tags), &request).await.unwrap();
        assert_eq!(page.total_elements, i64::try_from(page.content.len()).unwrap());
        page.content.into_iter().map(|image| image.content.version).collect::<String>()
    };
    assert_eq!(kept(None, &[]).await, "12345");
    assert_eq!(kept(None, &["qa"]).await, "15");
    assert_eq!(kept(Some(HUB), &["qa"]).await, "1");
    assert_eq!(kept(Some(HUB), &["qa", "eu"]).await, "12");
    assert_eq!(kept(Some(HUB), &["release", "eu"]).await, "2", "once, though both tags are on it");
    assert_eq!(kept(None, &["%"]).await, "3", "no pattern");
    assert_eq!(kept(None, &["a", "nothing"]).await, "");
    assert_eq!(kept(Some(FirmwareType::APPLICATION), &[]).await, "5");
    assert_eq!(kept(Some(own_type(101)), &[]).await, "");
}

/// Images with the names and descriptions that tell orders apart.
async fn unsorted(world: &World) -> ManagePartner {
    let partner = *world.partner("A").await;
    for (name, description) in [("é", Some("2")), ("a", None), ("Z", Some("10")), ("z", None), ("_", Some(""))] {
        let content = Content { description: description.map(str::to_owned), ..content(name, "1") };
        world.image_with(partner, HUB, content).await.unwrap();
    }
    partner
}

async fn names(world: &World, partner: ManagePartner, request: PageRequest) -> String {
    let page = pool::page(&mut world.conn().await, &partner, None, &[], &request).await.unwrap();
    assert_eq!(page.total_elements, 5);
    page.content.into_iter().map(|image| image.content.name).collect()
}

#[rstest]
#[tokio::test]
async fn text_sorts_by_bytes_and_what_is_absent_last(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = unsorted(&world).await;
    for (by, expected) in [
        (&[("name", Ascending)][..], "Z_azé"),
        (&[("name", Descending)], "éza_Z"),
        (&[("description", Ascending)], "_Zéaz"),
        (&[("description", Descending)], "éZ_za"),
        (&[("id", Ascending)], "éaZz_"),
        (&[("versionNumber", Descending)], "_zZaé"),
        (&[("version", Ascending), ("name", Descending)], "éza_Z"),
        (&[("createdTimestamp", Descending)], "_zZaé"),
        (&[("createdTimestamp", Ascending)], "éaZz_"),
        (&[("type", Ascending), ("updatedTimestamp", Descending)], "_zZaé"),
    ] {
        assert_eq!(names(&world, partner, sorted(by)).await, expected, "{by:?}");
    }
}

#[rstest]
#[tokio::test]
async fn pages_are_cut_out_of_the_whole_order(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = unsorted(&world).await;
    for (number, expected) in [(0, "Z_"), (1, "az"), (2, "é"), (3, ""), (i64::MAX, "")] {
        assert_eq!(names(&world, partner, part(number, 2, &[("name", Ascending)])).await, expected, "page {number}");
    }
}

/// What was added since the first page shows at the end, and moves nothing.
#[rstest]
#[tokio::test]
async fn a_walk_by_id_neither_repeats_nor_misses(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let mut walked = Vec::new();
    for number in 0..5 {
        world.image(partner, "Hub", &format!("{number}a")).await;
        world.image(partner, "Hub", &format!("{number}b")).await;
        let request = part(number, 2, &[("id", Ascending)]);
        let page = pool::page(&mut world.conn().await, &partner, None, &[], &request).await.unwrap();
        walked.extend(page.content.into_iter().map(|image| image.content.version));
    }
    assert_eq!(walked.len(), 10);
    assert_eq!(walked.iter().collect::<BTreeSet<_>>().len(), 10, "{walked:?}");
}

#[rstest]
#[tokio::test]
async fn an_image_names_what_it_is_associated_with(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let Fleet { partner: a, device_type, .. } = Fleet::in_world(&world).await;
    let b = world.partner("B").await;
    let foreign_type = world.device_type(*b).await;
    let image = world.image(a, "Hub", "1").await;
    let associated = world.associated(a, device_type, &image).await;
    let (owner, shared) = (*b, image.clone());
    let foreign = commit!(world, tx => firmware_images::associate(tx, &owner, foreign_type, &a, &shared, at(2)));
    let foreign = foreign.unwrap().unwrap();

    let seen = async || {
        let with = pool::associations(&mut world.conn().await, &a, image.id).await.unwrap();
        with.into_iter()
            .map(|one| (one.partner_name, one.device_type_id, one.association_id, one.email))
            .collect::<Vec<_>>()
    };
    let at_a = |email: Option<&str>| ("A".to_owned(), device_type, associated.id.as_i64(), email.map(str::to_owned));
    let at_b = |email: Option<&str>| ("B".to_owned(), foreign_type, foreign.as_i64(), email.map(str::to_owned));
    assert_eq!(seen().await, [at_a(None), at_b(None)]);

    // Without a contact of its own, a partner is written to at its first owner's.
    for (email, owner, since) in
        [("viewer@b.example", false, 1), ("second@b.example", true, 20), ("first@b.example", true, 10)]
    {
        let user = world.user(email).await;
        let privileges =
            otaria_core::rights::PartnerPrivileges { owner, view_device_info: true, ..Default::default() };
        commit!(world, tx => partners::grant(tx, &b, user, privileges, at(since))).unwrap();
    }
    assert_eq!(seen().await, [at_a(None), at_b(Some("first@b.example"))]);
    commit!(world, tx => partners::update(tx, &b, "B", None, Some("contact@b.example"), at(3))).unwrap();
    assert_eq!(seen().await, [at_a(None), at_b(Some("contact@b.example"))]);
    let with = pool::associations(&mut world.conn().await, &a, image.id).await.unwrap();
    assert_eq!((with[1].partner_id, with[1].device_type_name.as_str()), (b.partner_id(), "Sensor"));
}
