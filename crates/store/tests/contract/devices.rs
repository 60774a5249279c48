//! Devices.

use std::collections::BTreeMap;

use otaria_core::page::Direction::{Ascending, Descending};
use otaria_core::page::PageRequest;
use otaria_core::{DeviceTypeId, FirmwareType, Timestamp, VersionNumber};
use otaria_store::devices::{self, DeviceTag, Filter, InstalledVersion, NewDevice, Sighting};
use otaria_store::scopes::{AuthenticatedDevice, ManagePartner, WriteAccount};
use otaria_store::{Error, SecretHash, firmware_images};
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{
    Fleet, INSTALLATION, World, at, commit, content, device_id, new_device, new_id, own_type, part, sorted,
};

async fn insert(
    world: &World,
    account: WriteAccount,
    partner: ManagePartner,
    device: NewDevice,
) -> Result<bool, Error> {
    let token = SecretHash::of(device.device_id.as_str());
    commit!(world, tx => devices::insert(tx, &account, &partner, &device, &token))
}

fn tag(value: &str) -> DeviceTag {
    DeviceTag { tag_id: format!("id of {value}"), value: value.to_owned() }
}

fn number(number: i64) -> VersionNumber {
    VersionNumber::from_i64(number)
}

#[rstest]
#[tokio::test]
async fn a_device_is_kept_as_given(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let Fleet { partner, account, device_type } = Fleet::in_world(&world).await;
    let given = NewDevice {
        friendly_name: "Küche, links".into(),
        tags: vec![tag("z"), tag("a, b"), tag("")],
        created: at(7),
        ..new_device(device_type, "AA:bb.1_-")
    };
    assert!(insert(&world, account, partner, given.clone()).await.unwrap());
    let mut conn = world.conn().await;
    let by_partner = devices::get(&mut conn, &partner, &given.device_id).await.unwrap();
    let by_account = devices::get_of_account(&mut conn, &account, &given.device_id).await.unwrap();
    for kept in [by_partner.unwrap(), by_account.unwrap()] {
        assert_eq!((&kept.device_id, kept.partner_id), (&given.device_id, partner.partner_id()));
        assert_eq!((kept.device_type_id, kept.account_id), (device_type, account.account_id()));
        assert_eq!((&kept.friendly_name, &kept.tags), (&given.friendly_name, &given.tags));
        assert_eq!((kept.updating, kept.last_seen, kept.created), (false, None, at(7)));
        assert!(kept.versions.is_empty());
    }
}

#[rstest]
#[tokio::test]
async fn an_id_is_taken_within_its_partner_and_within_its_account(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (Fleet::in_world(&world).await, Fleet::in_world(&world).await);
    let second_account = world.account(a.partner).await;
    assert!(insert(&world, a.account, a.partner, new_device(a.device_type, "d")).await.unwrap());
    let again = NewDevice { tags: vec![tag("t")], ..new_device(a.device_type, "d") };
    assert!(!insert(&world, a.account, a.partner, again.clone()).await.unwrap());
    assert!(!insert(&world, second_account, a.partner, again).await.unwrap());
    let kept = devices::get(&mut world.conn().await, &a.partner, &device_id("d")).await.unwrap().unwrap();
    assert_eq!((kept.account_id, kept.tags), (a.account.account_id(), vec![]), "what is taken stays as it was");

    let in_one_account = insert(&world, a.account, b.partner, new_device(b.device_type, "d")).await;
    assert!(matches!(in_one_account, Err(Error::Duplicate(_))), "{in_one_account:?}");
    assert!(insert(&world, b.account, b.partner, new_device(b.device_type, "d")).await.unwrap());
    assert!(insert(&world, a.account, a.partner, new_device(a.device_type, "D")).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_device_type_that_is_foreign_or_missing_dangles(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let foreign = *world.partner("B").await;
    for device_type in [world.device_type(foreign).await, new_id(DeviceTypeId::from_uuid)] {
        let refused = insert(&world, fleet.account, fleet.partner, new_device(device_type, "d")).await;
        assert!(matches!(refused, Err(Error::Dangling(_))), "{refused:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_device_that_comes_back_goes_on_where_it_was(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let Fleet { partner, account, device_type } = fleet;
    let image = fleet.image(&world, "1").await;
    let other_account = world.account(partner).await;
    let first = NewDevice { tags: vec![tag("old")], ..new_device(device_type, "d") };
    assert!(insert(&world, account, partner, first).await.unwrap());
    let id = device_id("d");
    let taken_out = commit!(world, tx => async {
        let device = devices::lock_for_push(tx, &partner, device_type, &device_id("d")).await?.unwrap();
        devices::set_installed(tx, &device, FirmwareType::HUB, number(9), at(3)).await?;
        devices::set_config(tx, &device, "otaria.timeZone", Some("Asia/Tokyo"), at(3)).await?;
        devices::config_said(tx, &device, at(3)).await?;
        let agreed = devices::AutoConfirmed { since: at(3), initiator: Some("its owner".into()), remark: None };
        devices::set_auto_confirmed(tx, &device, Some(&agreed)).await?;
        let sighting = Sighting { device: device.clone(), at: at(3), address: Some("192.0.2.1".into()) };
        devices::note_sightings(tx, &INSTALLATION, &[sighting]).await?;
        Ok::<_, Error>(device)
    })
    .unwrap();
    let action = world.push(&taken_out, &image, at(4)).await.unwrap().action;

    let elsewhere = commit!(world, tx => devices::disassociate(tx, &other_account, &device_id("d"))).unwrap();
    assert!(elsewhere.is_none(), "it is not in that account");
    let scope = commit!(world, tx => devices::disassociate(tx, &account, &device_id("d"))).unwrap().unwrap();
    assert_eq!((scope.partner_id(), scope.device_id()), (partner.partner_id(), &id));
    assert!(commit!(world, tx => devices::disassociate(tx, &account, &device_id("d"))).unwrap().is_none());

    let mut conn = world.conn().await;
    assert!(devices::get(&mut conn, &partner, &id).await.unwrap().is_none());
    assert!(devices::get_of_account(&mut conn, &account, &id).await.unwrap().is_none());
    assert!(devices::of_account(&mut conn, &account).await.unwrap().is_empty());
    let page =
        devices::page(&mut conn, &partner, &Filter::default(), &sorted(&[("deviceId", Ascending)])).await.unwrap();
    assert_eq!((page.content.len(), page.total_elements), (0, 0));
    let token = SecretHash::of("d");
    let tenant = partner.partner_id().to_string();
    assert!(AuthenticatedDevice::by_token(&mut conn, &tenant, &id, &token).await.unwrap().is_none());
    let lock = commit!(world, tx => devices::lock_for_push(tx, &partner, device_type, &device_id("d"))).unwrap();
    assert!(lock.is_none(), "nothing is pushed to it");

    let second = NewDevice {
        tags: vec![tag("new")],
        friendly_name: "Again".into(),
        created: at(20),
        ..new_device(device_type, "d")
    };
    assert!(insert(&world, other_account, partner, second).await.unwrap());
    let back = devices::get(&mut conn, &partner, &id).await.unwrap().unwrap();
    assert_eq!((back.account_id, back.tags), (other_account.account_id(), vec![tag("new")]));
    assert_eq!((back.friendly_name.as_str(), back.created), ("Again", at(20)));
    assert_eq!(back.versions.iter().map(|version| version.version_number).collect::<Vec<_>>(), [number(9)]);
    let known = AuthenticatedDevice::by_token(&mut conn, &tenant, &id, &token).await.unwrap().unwrap();
    assert!(known.config_wanted, "it is asked what it is again");
    assert_eq!((back.last_seen, back.last_address), (None, None));
    assert!(devices::config(&mut conn, &partner, &id).await.unwrap().is_empty());
    let agreed = devices::auto_confirmed(&mut conn, &known.scope).await.unwrap();
    assert_eq!(agreed, None, "what somebody else agreed to");
    let other_image = world.image_with(partner, FirmwareType::APPLICATION, content("App", "1")).await.unwrap();
    let other_image = world.associated(partner, device_type, &other_image).await;
    let next = world.push(&known.scope, &other_image, at(30)).await.unwrap();
    assert_eq!((action, next.action), (1, 2), "its pushes are counted on");
}

#[rstest]
#[tokio::test]
async fn an_account_sees_its_own_devices_oldest_first(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (Fleet::in_world(&world).await, Fleet::in_world(&world).await);
    for (id, created) in [("late", 30), ("b", 10), ("a", 10)] {
        let device = NewDevice { created: at(created), ..new_device(a.device_type, id) };
        assert!(insert(&world, a.account, a.partner, device).await.unwrap());
    }
    let of_another_partner = NewDevice { created: at(20), ..new_device(b.device_type, "foreign") };
    assert!(insert(&world, a.account, b.partner, of_another_partner).await.unwrap());
    assert!(insert(&world, b.account, b.partner, new_device(b.device_type, "elsewhere")).await.unwrap());

    let mut conn = world.conn().await;
    let seen = devices::of_account(&mut conn, &a.account).await.unwrap();
    assert_eq!(
        seen.iter().map(|device| device.device_id.as_str()).collect::<Vec<_>>(),
        ["a", "b", "foreign", "late"]
    );
    assert!(devices::get_of_account(&mut conn, &a.account, &device_id("elsewhere")).await.unwrap().is_none());
    assert!(devices::get(&mut conn, &a.partner, &device_id("foreign")).await.unwrap().is_none());
    assert!(devices::get(&mut conn, &b.partner, &device_id("foreign")).await.unwrap().is_some());
}

#[rstest]
#[tokio::test]
async fn a_fleet_is_filtered_and_comes_in_pages(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let Fleet { partner, account, device_type } = Fleet::in_world(&world).await;
    let other_type = world.device_type(partner).await;
    for (id, kind, name, tags, created) in [
        ("Gate-1", device_type, "North", vec![tag("eu"), tag("qa")], 1),
        ("gate-2", device_type, "south gate", vec![tag("qa"), tag("qa")], 2),
        ("valve_3", other_type, "100% North", vec![tag("eu ")], 2),
        ("Z", other_type, "éa", vec![], 3),
    ] {
        let device = NewDevice { friendly_name: name.into(), tags, created: at(created), ..new_device(kind, id) };
        assert!(insert(&world, account, partner, device).await.unwrap());
    }
    let foreign = Fleet::in_world(&world).await;
    foreign.device(&world, "gate-9").await;

    let ids = async |filter: Filter, request: PageRequest| {
        let page = devices::page(&mut world.conn().await, &partner, &filter, &request).await.unwrap();
        let ids: Vec<_> = page.content.iter().map(|device| device.device_id.as_str()).collect();
        (ids.join(" "), page.total_elements)
    };
    let by_id = || sorted(&[("deviceId", Ascending)]);
    let text = |text: &str| Filter { text: text.into(), ..Filter::default() };
    let tagged = |tag: &str| Filter { tag: tag.into(), ..Filter::default() };
    let of_type = |id| Filter { device_type_id: Some(id), ..Filter::default() };

    assert_eq!(ids(Filter::default(), by_id()).await, ("Gate-1 Z gate-2 valve_3".into(), 4));
    assert_eq!(ids(Filter::default(), sorted(&[("friendlyName", Descending)])).await.0, "Z gate-2 Gate-1 valve_3");
    assert_eq!(
        ids(Filter::default(), sorted(&[("createdTimestamp", Descending), ("deviceId", Ascending)])).await.0,
        "Z gate-2 valve_3 Gate-1"
    );
    assert_eq!(ids(Filter::default(), part(1, 3, &[("deviceId", Ascending)])).await, ("valve_3".into(), 4));
    assert_eq!(ids(of_type(other_type), by_id()).await, ("Z valve_3".into(), 2));
    assert_eq!(ids(of_type(foreign.device_type), by_id()).await, (String::new(), 0));
    assert_eq!(ids(tagged("qa"), by_id()).await, ("Gate-1 gate-2".into(), 2));
    assert_eq!(ids(tagged("eu"), by_id()).await, ("Gate-1".into(), 1));
    assert_eq!(ids(tagged("q"), by_id()).await.1, 0);
    assert_eq!(ids(text("GATE"), by_id()).await, ("Gate-1 gate-2".into(), 2));
    assert_eq!(ids(text("north"), by_id()).await, ("Gate-1 valve_3".into(), 2));
    assert_eq!(ids(text("%"), by_id()).await, ("valve_3".into(), 1), "no pattern");
    assert_eq!(ids(text("_"), by_id()).await, ("valve_3".into(), 1));
    assert_eq!(ids(text("ÉA"), by_id()).await.1, 0, "case is that of ASCII, on both engines");
    let all = Filter { device_type_id: Some(device_type), tag: "qa".into(), text: "south".into() };
    assert_eq!(ids(all, by_id()).await, ("gate-2".into(), 1));
}

#[rstest]
#[tokio::test]
async fn an_account_renames_its_own_devices(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (account, other) = (fleet.account, world.account(fleet.partner).await);
    fleet.device(&world, "d").await;
    fleet.device(&world, "e").await;
    let rename = async |account: WriteAccount, id: &str| {
        let id = device_id(id);
        commit!(world, tx => devices::rename(tx, &account, &id, "Renamed")).unwrap()
    };
    assert!(!rename(other, "d").await);
    assert!(!rename(account, "missing").await);
    let name = async |id: &str| {
        devices::get(&mut world.conn().await, &fleet.partner, &device_id(id)).await.unwrap().unwrap().friendly_name
    };
    assert_eq!(name("d").await, "Device d");
    assert!(rename(account, "d").await);
    assert_eq!((name("d").await.as_str(), name("e").await.as_str()), ("Renamed", "Device e"));
}

#[rstest]
#[tokio::test]
async fn a_new_token_ends_the_old_one(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let other = world.account(fleet.partner).await;
    fleet.device(&world, "d").await;
    let replace = async |account: WriteAccount| {
        let (id, token) = (device_id("d"), SecretHash::of("fresh"));
        commit!(world, tx => devices::replace_token(tx, &account, &id, &token)).unwrap()
    };
    let opens = async |token: &str| {
        let (tenant, token) = (fleet.partner.partner_id().to_string(), SecretHash::of(token));
        let mut conn = world.conn().await;
        AuthenticatedDevice::by_token(&mut conn, &tenant, &device_id("d"), &token).await.unwrap().is_some()
    };
    assert!(!replace(other).await);
    assert_eq!((opens("d").await, opens("fresh").await), (true, false));
    assert!(replace(fleet.account).await);
    assert_eq!((opens("d").await, opens("fresh").await), (false, true));
}

#[rstest]
#[tokio::test]
async fn a_device_is_locked_for_a_push_to_its_own_type(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (partner, device_type, other_type) =
        (fleet.partner, fleet.device_type, world.device_type(fleet.partner).await);
    let foreign = *world.partner("B").await;
    fleet.device(&world, "d").await;
    let lock = async |partner: ManagePartner, device_type: DeviceTypeId, id: &str| {
        let id = device_id(id);
        commit!(world, tx => devices::lock_for_push(tx, &partner, device_type, &id)).unwrap()
    };
    let scope = lock(partner, device_type, "d").await.unwrap();
    assert_eq!((scope.partner_id(), scope.device_id().as_str()), (partner.partner_id(), "d"));
    assert!(lock(partner, other_type, "d").await.is_none());
    assert!(lock(partner, device_type, "e").await.is_none());
    assert!(lock(foreign, device_type, "d").await.is_none());
}

#[rstest]
#[tokio::test]
async fn what_a_device_runs_is_known_by_type(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, other) = (fleet.device(&world, "d").await, fleet.device(&world, "e").await);
    for (firmware_type, version, now) in
        [(FirmwareType::HUB, 7, 1), (own_type(101), i64::MAX, 2), (FirmwareType::HUB, 6, 3)]
    {
        let device = device.clone();
        commit!(world, tx => devices::set_installed(tx, &device, firmware_type, number(version), at(now))).unwrap();
    }
    let mut conn = world.conn().await;
    let expected = BTreeMap::from([(FirmwareType::HUB, number(6)), (own_type(101), number(i64::MAX))]);
    assert_eq!(devices::installed(&mut conn, &device).await.unwrap(), expected);
    assert!(devices::installed(&mut conn, &other).await.unwrap().is_empty());
    let version = |firmware_type, version, updated| InstalledVersion {
        firmware_type,
        version_number: number(version),
        version: None,
        updated: at(updated),
    };
    let shown = devices::get(&mut conn, &fleet.partner, device.device_id()).await.unwrap().unwrap();
    assert_eq!(shown.versions, [version(FirmwareType::HUB, 6, 3), version(own_type(101), i64::MAX, 2)]);
}

#[rstest]
#[tokio::test]
async fn a_friendly_version_shows_where_the_partner_may_see_its_image(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let Fleet { partner, device_type, .. } = fleet;
    let maker = *world.partner("Maker").await;
    let own = world.image(partner, "Hub", "own 1.0").await;
    let foreign = world.image(maker, "Module", "secret 2.0").await;
    let device = fleet.device(&world, "d").await;
    let shown_when_running = async |version_number: VersionNumber| {
        let device = device.clone();
        let id = device.device_id().clone();
        commit!(world, tx => devices::set_installed(tx, &device, FirmwareType::HUB, version_number, at(3))).unwrap();
        let shown = devices::get(&mut world.conn().await, &partner, &id).await.unwrap().unwrap();
        shown.versions.into_iter().next().unwrap().version
    };
    assert_eq!(shown_when_running(own.version_number).await.as_deref(), Some("own 1.0"));
    assert_eq!(shown_when_running(number(99)).await, None, "nobody's");
    assert_eq!(shown_when_running(foreign.version_number).await, None, "another partner's");
    let (shared, number) = (foreign.clone(), foreign.version_number);
    commit!(world, tx => firmware_images::associate(tx, &partner, device_type, &maker, &shared, at(4))).unwrap();
    assert_eq!(shown_when_running(number).await.as_deref(), Some("secret 2.0"), "shared by now");
}

#[rstest]
#[tokio::test]
async fn what_a_device_says_about_itself_is_its_partners_to_read(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let foreign = *world.partner("B").await;
    let (device, other) = (fleet.device(&world, "d").await, fleet.device(&world, "e").await);
    let set = async |name: &'static str, value: Option<&'static str>| {
        let device = device.clone();
        commit!(world, tx => devices::set_config(tx, &device, name, value, at(1))).unwrap();
    };
    let config = async |partner: ManagePartner, id: &str| {
        let config = devices::config(&mut world.conn().await, &partner, &device_id(id)).await.unwrap();
        config.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    set("serial", Some("1")).await;
    set("mac", Some("aa")).await;
    set("serial", Some("2")).await;
    set("empty", Some("")).await;
    let on_other = other.clone();
    commit!(world, tx => devices::set_config(tx, &on_other, "serial", Some("9"), at(1))).unwrap();
    assert_eq!(config(fleet.partner, "d").await, "empty= mac=aa serial=2");
    assert_eq!(config(foreign, "d").await, "");

    set("mac", None).await;
    set("missing", None).await;
    assert_eq!(config(fleet.partner, "d").await, "empty= serial=2");
    let cleared = device.clone();
    commit!(world, tx => devices::clear_config(tx, &cleared)).unwrap();
    assert_eq!(
        (config(fleet.partner, "d").await.as_str(), config(fleet.partner, "e").await.as_str()),
        ("", "serial=9")
    );
}

#[rstest]
#[tokio::test]
async fn of_what_a_device_says_the_most_recent_is_kept(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, other) = (fleet.device(&world, "d").await, fleet.device(&world, "e").await);
    for (device, name, now) in [
        (&device, "oldest", 1),
        (&device, "b", 2),
        (&device, "a", 2),
        (&device, "newest", 3),
        (&other, "older than all", 0),
    ] {
        let device = device.clone();
        commit!(world, tx => devices::set_config(tx, &device, name, Some("x"), at(now))).unwrap();
    }
    let names = async |id: &str| {
        let config = devices::config(&mut world.conn().await, &fleet.partner, &device_id(id)).await.unwrap();
        config.into_keys().collect::<Vec<_>>().join(" ")
    };
    for (keep, first, expected) in [
        (9, "-", "a b newest oldest"),
        (4, "-", "a b newest oldest"),
        (3, "-", "a b newest"),
        (2, "b", "b newest"),
        (0, "b", ""),
    ] {
        let device = device.clone();
        commit!(world, tx => devices::limit_config(tx, &device, first, keep)).unwrap();
        assert_eq!(names("d").await, expected, "{keep}");
    }
    assert_eq!(names("e").await, "older than all");
}

#[rstest]
#[tokio::test]
async fn many_signs_of_life_are_noted_at_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let mut sightings = Vec::new();
    for (id, seen, address) in [("a", 10, Some("192.0.2.1")), ("b", 20, None), ("a", 30, Some("2001:db8::1"))] {
        let device = match sightings.iter().find(|sighting: &&Sighting| sighting.device.device_id().as_str() == id) {
            Some(sighting) => sighting.device.clone(),
            None => fleet.device(&world, id).await,
        };
        sightings.push(Sighting { device, at: at(seen), address: address.map(str::to_owned) });
    }
    fleet.device(&world, "c").await;
    let (earlier, all) = ([Sighting { at: at(25), ..sightings[0].clone() }], sightings.clone());
    commit!(world, tx => devices::note_sightings(tx, &INSTALLATION, &all)).unwrap();
    let mut seen = Vec::new();
    for device in devices::of_account(&mut world.conn().await, &fleet.account).await.unwrap() {
        seen.push((device.device_id.to_string(), device.last_seen));
    }
    assert_eq!(seen, [("a".into(), Some(at(30))), ("b".into(), Some(at(20))), ("c".into(), None)]);

    // Another process may know of something earlier.
    let again = earlier.clone();
    commit!(world, tx => devices::note_sightings(tx, &INSTALLATION, &again)).unwrap();
    let devices = devices::of_account(&mut world.conn().await, &fleet.account).await.unwrap();
    assert_eq!(devices[0].last_seen, Some(at(30)));

    // A clock that went far ahead is forgotten.
    let ahead =
        [Sighting { at: Timestamp::from_millis(at(30).as_millis() + 2 * 60 * 60 * 1000), ..earlier[0].clone() }];
    commit!(world, tx => devices::note_sightings(tx, &INSTALLATION, &ahead)).unwrap();
    commit!(world, tx => devices::note_sightings(tx, &INSTALLATION, &earlier)).unwrap();
    let of_account = async || devices::of_account(&mut world.conn().await, &fleet.account).await.unwrap();
    assert_eq!(of_account().await[0].last_seen, Some(at(25)));

    // What left its account was not heard of.
    let (account, id) = (fleet.account, device_id("a"));
    let left = commit!(world, tx => devices::disassociate(tx, &account, &id)).unwrap();
    assert!(left.is_some());
    commit!(world, tx => devices::note_sightings(tx, &INSTALLATION, &sightings)).unwrap();
    fleet.device(&world, "a").await;
    assert_eq!(of_account().await[0].last_seen, None);
}
