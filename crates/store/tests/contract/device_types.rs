//! Device types.

use std::time::Duration;

use otaria_core::DeviceTypeId;
use otaria_core::maintenance::{Day, Maintenance, Outside, Window, WindowClock};
use otaria_core::page::Direction::{Ascending, Descending};
use otaria_core::page::PageRequest;
use otaria_core::policy::{ConfirmationRule, Policy};
use otaria_core::push::Success;
use otaria_store::device_types::{self, Details, DeviceType};
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{World, at, commit, details, new_device_type, new_id, part, sorted};

#[rstest]
#[tokio::test]
async fn a_device_type_is_kept_as_given_until_it_is_changed(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let policy = Policy {
        confirmation: ConfirmationRule::Required,
        success: Success::VersionReported { within: Duration::from_secs(600) },
        maintenance: Some(Maintenance {
            clock: WindowClock::Fixed("Europe/Berlin".parse().unwrap()),
            windows: vec![Window { days: vec![Day::Sun], opens: "02:00".parse().unwrap(), minutes: 90 }],
            outside: Outside::DownloadAhead,
        }),
    };
    let all = Details { description: Some("Measures".into()), policy, ..details("Sensor") };
    let given = DeviceType { details: all, updated: at(3), ..new_device_type("Sensor") };
    let (device_type, id) = (given.clone(), given.device_type_id);
    assert!(commit!(world, tx => device_types::insert(tx, &partner, &device_type)).unwrap());
    let kept = device_types::get(&mut world.conn().await, &partner, id).await.unwrap().unwrap();
    assert_eq!((kept.device_type_id, kept.details), (id, given.details));
    assert_eq!((kept.created, kept.updated), (at(1), at(3)));

    let answer =
        commit!(world, tx => device_types::update(tx, &partner, id, &details("Probe"), at(9))).unwrap().unwrap();
    let kept = device_types::get(&mut world.conn().await, &partner, id).await.unwrap().unwrap();
    for changed in [answer, kept] {
        assert_eq!((changed.device_type_id, changed.details), (id, details("Probe")));
        assert_eq!((changed.created, changed.updated), (at(1), at(9)));
    }
}

#[rstest]
#[tokio::test]
async fn an_id_is_taken_within_its_partner_only(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    let insert = async |scope: otaria_store::scopes::ManagePartner, device_type: &DeviceType| {
        let device_type = device_type.clone();
        commit!(world, tx => device_types::insert(tx, &scope, &device_type)).unwrap()
    };
    let device_type = new_device_type("First");
    assert!(insert(a, &device_type).await);
    assert!(!insert(a, &DeviceType { details: details("Second"), ..device_type.clone() }).await);
    let id = device_type.device_type_id;
    assert_eq!(device_types::get(&mut world.conn().await, &a, id).await.unwrap().unwrap().details.name, "First");
    assert!(device_types::get(&mut world.conn().await, &b, id).await.unwrap().is_none());
    assert!(insert(b, &DeviceType { details: details("Foreign"), ..device_type.clone() }).await);
    assert_eq!(device_types::get(&mut world.conn().await, &a, id).await.unwrap().unwrap().details.name, "First");
}

#[rstest]
#[tokio::test]
async fn every_partner_with_an_id_is_found(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    let account = world.account(a).await;
    let shared = new_device_type("Shared");
    let id = shared.device_type_id;
    let partners_with = async |id| device_types::partners_with(&mut world.conn().await, &account, id).await.unwrap();
    assert_eq!(partners_with(id).await, []);
    for scope in [b, a] {
        let device_type = shared.clone();
        assert!(commit!(world, tx => device_types::insert(tx, &scope, &device_type)).unwrap());
    }
    let own = world.device_type(b).await;
    assert_eq!(partners_with(id).await, [a.partner_id(), b.partner_id()]);
    assert_eq!(partners_with(own).await, [b.partner_id()]);
}

#[rstest]
#[tokio::test]
async fn what_is_foreign_or_missing_cannot_be_changed(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    let id = world.device_type(a).await;
    for (scope, id) in [(b, id), (a, new_id(DeviceTypeId::from_uuid))] {
        assert!(commit!(world, tx => device_types::update(tx, &scope, id, &details("x"), at(9))).unwrap().is_none());
    }
    assert_eq!(device_types::get(&mut world.conn().await, &a, id).await.unwrap().unwrap().details.name, "Sensor");
}

#[rstest]
#[tokio::test]
async fn a_partners_device_types_come_in_pages(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    for (name, description, created) in [("b", Some("z"), 1), ("a", None, 2), ("C", Some("y"), 2)] {
        let details = Details { description: description.map(str::to_owned), ..details(name) };
        let device_type = DeviceType { details, created: at(created), ..new_device_type(name) };
        assert!(commit!(world, tx => device_types::insert(tx, &a, &device_type)).unwrap());
    }
    world.device_type(b).await;
    let names = async |request: PageRequest| {
        let page = device_types::page(&mut world.conn().await, &a, &request).await.unwrap();
        assert_eq!(page.total_elements, 3);
        page.content.into_iter().map(|device_type| device_type.details.name).collect::<Vec<_>>()
    };
    assert_eq!(names(sorted(&[("name", Ascending)])).await, ["C", "a", "b"]);
    assert_eq!(names(sorted(&[("description", Descending)])).await, ["b", "C", "a"]);
    assert_eq!(names(sorted(&[("createdTimestamp", Descending), ("name", Ascending)])).await, ["C", "a", "b"]);
    assert_eq!(names(part(1, 2, &[("name", Ascending)])).await, ["b"]);
    assert_eq!(names(part(2, 2, &[("name", Ascending)])).await, [""; 0]);
}
