//! What becomes of pushes, for those who listen.

use otaria_core::push::Change;
use otaria_store::events::{self, Kept};
use otaria_store::pushes;
use rstest::rstest;

use crate::scratch::Engine::{self, Postgres, Sqlite};
use crate::world::{Fleet, INSTALLATION, World, at, commit};

#[rstest]
#[tokio::test]
async fn progress_without_a_word_is_an_event_and_the_same_again_is_none(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let (device, image) = (fleet.device(&world, "d").await, fleet.image(&world, "1").await);
    let mut push = world.push(&device, &image, at(10)).await.unwrap().push;
    push.progress = Some(40);
    for _ in 0..2 {
        let (device, change) = (device.clone(), Change { push: push.clone(), entry: None, installed: None });
        commit!(world, tx => pushes::save(tx, &device, &change, at(20))).unwrap();
    }
    let told = events::after(&mut world.conn().await, &fleet.partner, 0, 10).await.unwrap();
    let told: Vec<_> = told.iter().map(|event| (event.sequence, event.at, event.progress)).collect();
    assert_eq!(told, [(1, at(10), None), (2, at(20), Some(40))]);
}

#[rstest]
#[tokio::test]
async fn events_of_one_moment_go_a_few_at_a_time(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let fleet = Fleet::in_world(&world).await;
    let image = fleet.image(&world, "1").await;
    for id in ["a", "b", "c", "d", "e"] {
        world.push(&fleet.device(&world, id).await, &image, at(10)).await.unwrap();
    }
    let forget = async || commit!(world, tx => events::forget(tx, &INSTALLATION, at(11), 2)).unwrap();
    assert_eq!([forget().await, forget().await, forget().await, forget().await], [2, 2, 1, 0]);
    let kept = events::kept(&mut world.conn().await, &fleet.partner).await.unwrap();
    assert_eq!(kept, Kept { last: 5, oldest: 6 });
}
