//! Devices that never get there, and those that are not to.

use std::time::Duration;

use otaria_core::push::{Event, PushState};
use reqwest::Method;
use rstest::rstest;

use crate::APPLICATION;
use crate::scratch::Engine;
use crate::world::World;

#[rstest]
#[tokio::test]
async fn a_device_does_not_flash_itself_to_death(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.publish("1.1").await;
    for _ in 0..5 {
        world.gets("old", "1.1").await;
        assert_eq!(world.state(&pushed).await, PushState::Downloading);
    }
    let head = world.asks_with(Method::HEAD, APPLICATION, &[]).await;
    assert_eq!((head.status().as_u16(), world.state(&pushed).await), (304, PushState::Downloading));
    world.rests("old").await;
    assert_eq!(world.state(&pushed).await, PushState::Failed);
    let told = world.told(&pushed).await;
    let again =
        |count: u8| format!("downloading: the device downloads it again ({count} of 5): it reports version old");
    let mut expected = vec!["offered".to_owned(), "downloading".to_owned()];
    expected.extend((2..=5).map(again));
    expected.push("failed: the device downloaded it 5 times and does not run it: it reports version old".to_owned());
    assert_eq!(told, expected);
    world.rests("old").await;
    assert_eq!(world.told(&pushed).await, expected, "that was the end");

    world.rests("1.1").await;
    assert_eq!(world.installed(APPLICATION).await, Some(pushed.number), "it got there after all");
    assert_eq!(world.state(&pushed).await, PushState::Failed, "ended is final");
}

#[rstest]
#[tokio::test]
async fn those_that_begin_at_once_are_no_more(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    for round in 0..5 {
        let version = format!("1.{round}");
        let pushed = world.publish(&version).await;
        let asking = futures::future::join_all((0..20).map(|_| world.asks(&[])));
        let statuses: Vec<_> = asking.await.iter().map(|answer| answer.status().as_u16()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 5, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 304, 404, 409].contains(status)), "{statuses:?}");
        world.asks_in_vain(&[]).await;
        assert_eq!(world.state(&pushed).await, PushState::Failed);
        let told = world.told(&pushed).await;
        assert_eq!(told.iter().filter(|line| line.starts_with("downloading")).count(), 5, "{told:?}");
    }
}

#[rstest]
#[tokio::test]
async fn several_ranges_count_as_a_whole(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.publish("1.1").await;
    for _ in 0..5 {
        assert_eq!(world.asks(&[("Range", "bytes=4-,0-2")]).await.status(), 206);
    }
    assert_eq!(world.asks(&[("Range", "bytes=4-,0-2")]).await.status(), 304);
    assert_eq!(world.state(&pushed).await, PushState::Failed);
}

#[rstest]
#[tokio::test]
async fn a_device_that_says_nothing_gets_it_as_often(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.publish("1.1").await;
    for _ in 0..5 {
        assert_eq!(world.asks(&[]).await.status(), 200);
    }
    world.asks_in_vain(&[]).await;
    let message = world.record(&pushed).await.message.unwrap();
    assert_eq!(message, "the device downloaded it 5 times and does not run it: it does not say what it runs");
    let again = world.publish("1.2").await;
    world.gets("1.0", "1.2").await;
    assert_eq!(world.state(&again).await, PushState::Downloading, "the next one counts anew");
}

#[rstest]
#[tokio::test]
async fn what_does_not_fit_is_not_sent_and_the_operator_hears_of_it_once(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let pushed = world.publish("1.1").await;
    let small = [("x-esp32-version", "1.0"), ("x-esp32-free-space", "99999")];
    assert_eq!(world.asks_with(Method::HEAD, APPLICATION, &small).await.status(), 304);
    assert_eq!(world.told(&pushed).await.len(), 1);
    for _ in 0..3 {
        world.asks_in_vain(&small).await;
    }
    world.asks_in_vain(&[("x-esp32-free-space", "5")]).await;
    let reason = "offered: the device has no room for the image: 99999 bytes are free, and it has 100000";
    assert_eq!(world.told(&pushed).await, ["offered", reason]);
    let room = [("x-esp32-version", "1.0"), ("x-esp32-free-space", "100000")];
    assert_eq!(world.asks(&room).await.status(), 200);
    assert_eq!(world.state(&pushed).await, PushState::Downloading);
    let enough = Some("the device has room for the image now");
    assert_eq!(world.record(&pushed).await.message.as_deref(), enough);

    world.asks_in_vain(&small).await;
    let part = [("x-esp32-version", "1.0"), ("x-esp32-free-space", "100000"), ("Range", "bytes=500-")];
    assert_eq!(world.asks(&part).await.status(), 206);
    assert_eq!(world.record(&pushed).await.message.as_deref(), enough, "a later part is as good");
}

#[rstest]
#[tokio::test]
async fn who_asks_again_has_let_go(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let first = world.publish("1.1").await;
    world.gets("1.0", "1.1").await;
    world.cancel(&first).await;
    assert_eq!(world.state(&first).await, PushState::Cancelling);
    assert_eq!(world.asks_with(Method::HEAD, APPLICATION, &[]).await.status(), 304);
    let other = world.asks_with(Method::GET, otaria_core::FirmwareType::HUB, &[]).await;
    assert_eq!((other.status().as_u16(), world.state(&first).await), (304, PushState::Cancelling), "of another type");
    world.rests("1.0").await;
    assert_eq!(world.state(&first).await, PushState::Cancelled);
    let message = world.latest(&first).await.message.unwrap();
    assert_eq!(message, "the device asked again, and has let go of it by that");

    let second = world.publish("1.2").await;
    world.gets("1.0", "1.2").await;
    let third = world.publish("1.3").await;
    assert_eq!(world.state(&second).await, PushState::Cancelling);
    world.gets("1.0", "1.3").await;
    assert_eq!(world.state(&second).await, PushState::Cancelled);
    world.cancel(&third).await;
    world.rests("1.3").await;
    assert_eq!(world.state(&third).await, PushState::Succeeded, "it was faster");
}

#[rstest]
#[tokio::test]
async fn what_was_taken_back_meanwhile_is_not_sent(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    for round in 0..25 {
        let pushed = world.push_bytes(APPLICATION, &round.to_string(), b"image").await;
        let taking_back = async {
            // The moment between asking and giving is nowhere to be seen: it is walked through in steps.
            tokio::time::sleep(Duration::from_micros(500 * round)).await;
            world.take_back(&pushed, Event::CancelRequested).await;
        };
        let (answer, ()) = tokio::join!(world.asks(&[]), taking_back);
        let push = world.record(&pushed).await;
        assert_eq!(answer.status() == 200, push.started.is_some(), "round {round}: {}", push.state);
        world.asks_in_vain(&[]).await;
        assert_eq!(world.state(&pushed).await, PushState::Cancelled);
    }
}
