//! Partners' own firmware types.

use otaria_store::firmware_types::{self, Details, TypeRecord};
use otaria_store::scopes::ManagePartner;
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{World, at, commit, own_type};

fn radio() -> Details {
    Details { name: "Radio".into(), description: Some("The radio".into()), part: Some("modem".into()) }
}

fn named(name: &str) -> Details {
    Details { name: name.into(), description: None, part: None }
}

async fn insert(world: &World, scope: ManagePartner, number: i64) -> Option<TypeRecord> {
    let work = commit!(world, tx => firmware_types::insert(tx, &scope, own_type(number), &radio(), at(7)));
    work.unwrap()
}

#[rstest]
#[tokio::test]
async fn a_type_is_kept_as_given_until_it_is_changed(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let partner = *world.partner("A").await;
    let made = insert(&world, partner, 101).await.unwrap();
    let kept = firmware_types::get(&mut world.conn().await, &partner, own_type(101)).await.unwrap().unwrap();
    for record in [&made, &kept] {
        assert_eq!((record.id, record.firmware_type), (made.id, own_type(101)));
        assert_eq!(record.details, radio());
        assert_eq!((record.created, record.updated), (at(7), at(7)));
    }

    assert!(
        commit!(world, tx => firmware_types::update(tx, &partner, own_type(101), &named("Modem"), at(8))).unwrap()
    );
    let changed = firmware_types::get(&mut world.conn().await, &partner, own_type(101)).await.unwrap().unwrap();
    assert_eq!((changed.id, changed.details), (made.id, named("Modem")));
    assert_eq!((changed.created, changed.updated), (at(7), at(8)));
    assert!(!commit!(world, tx => firmware_types::update(tx, &partner, own_type(102), &named("x"), at(8))).unwrap());
}

#[rstest]
#[tokio::test]
async fn a_number_is_taken_within_its_partner_only(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    let first = insert(&world, a, 101).await.unwrap();
    assert!(insert(&world, a, 101).await.is_none());
    let foreign = insert(&world, b, 101).await.unwrap();
    let last = insert(&world, a, 200).await.unwrap();
    assert!(first.id < foreign.id && foreign.id < last.id, "ids are one sequence over the installation");
}

#[rstest]
#[tokio::test]
async fn a_partner_sees_its_own_types_by_number(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let (a, b) = (*world.partner("A").await, *world.partner("B").await);
    for number in [150, 101, 200] {
        insert(&world, a, number).await.unwrap();
    }
    let mut conn = world.conn().await;
    let all = firmware_types::all(&mut conn, &a).await.unwrap();
    assert_eq!(all.iter().map(|record| record.firmware_type.number()).collect::<Vec<_>>(), [101, 150, 200]);
    assert!(firmware_types::all(&mut conn, &b).await.unwrap().is_empty());
    assert!(firmware_types::get(&mut conn, &b, own_type(101)).await.unwrap().is_none());
    assert!(!commit!(world, tx => firmware_types::update(tx, &b, own_type(101), &named("x"), at(8))).unwrap());
    let kept = firmware_types::get(&mut conn, &a, own_type(101)).await.unwrap().unwrap();
    assert_eq!(kept.details, radio());
}
