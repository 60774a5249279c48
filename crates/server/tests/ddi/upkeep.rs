//! What happens without anybody asking.

use std::time::Duration;

use otaria_core::push::PushState;
use otaria_server::{RawSettings, chores};
use rstest::rstest;

use crate::scratch::Engine;
use crate::world::World;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Where a device is lost after two hours of silence, and has half a day for what it fetched: less than by default.
async fn impatient_world(engine: Engine) -> World {
    let set = |raw: &mut RawSettings| {
        raw.silence_seconds = Some(2 * 60 * 60);
        raw.fetched_seconds = Some(12 * 60 * 60);
        raw.downloaded_seconds = Some(5 * 24 * 60 * 60);
    };
    World::with(engine, set).await
}

#[rstest]
#[tokio::test]
async fn a_device_that_falls_silent_is_lost(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = impatient_world(engine).await;
    let listening_since = world.now();
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    world.service.flush_sightings().await.unwrap();
    world.wait(HOUR);
    assert_eq!(world.service.run_timers(listening_since).await.unwrap(), 0);
    world.wait(HOUR);
    assert_eq!(world.service.run_timers(listening_since).await.unwrap(), 1);
    assert_eq!(world.state(&pushed).await, PushState::Lost);
    assert_eq!(world.service.run_timers(listening_since).await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn a_device_that_keeps_polling_runs_out_of_time(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = impatient_world(engine).await;
    let listening_since = world.now();
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    for _ in 0..13 {
        world.wait(HOUR);
        world.poll().await;
        world.service.flush_sightings().await.unwrap();
        world.service.run_timers(listening_since).await.unwrap();
    }
    assert_eq!(world.state(&pushed).await, PushState::TimedOut);
    assert!(world.poll().await["_links"]["deploymentBase"].is_null());
}

#[rstest]
#[tokio::test]
async fn nobody_is_lost_while_nobody_listens(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = impatient_world(engine).await;
    let pushed = world.push("1.0").await;
    world.says(1, "downloaded", "none", &[]).await;
    world.service.flush_sightings().await.unwrap();
    world.wait(48 * HOUR);
    let restarted = world.now();
    assert_eq!(world.service.run_timers(restarted).await.unwrap(), 1);
    assert_eq!(world.state(&pushed).await, PushState::Downloaded);
    world.wait(3 * HOUR);
    assert_eq!(world.service.run_timers(restarted).await.unwrap(), 1);
    assert_eq!(world.state(&pushed).await, PushState::Lost);
}

#[rstest]
#[tokio::test]
async fn time_in_which_nobody_listens_is_not_the_devices(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = impatient_world(engine).await;
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    world.wait(48 * HOUR);
    let restarted = world.now();
    world.service.run_timers(restarted).await.unwrap();
    assert_eq!(world.state(&pushed).await, PushState::Fetched, "it had half a day, and nobody was there");
    assert_eq!(world.says(1, "closed", "success", &[]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
}

#[rstest]
#[tokio::test]
async fn the_chores_run_at_once_and_write_down_the_rest_at_the_end(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::with(engine, |raw| raw.chore_seconds = Some(3600)).await;
    let pushed = world.push("1.0").await;
    world.wait(31 * 24 * HOUR);
    let overdue = world.record(&pushed).await;
    let (stop, stopped) = tokio::sync::watch::channel(());
    let chores = tokio::spawn(chores::run(world.service.clone(), stopped));
    let timer_runs = async {
        while world.record(&pushed).await == overdue {
            // What a chore wrote tells nobody: it is looked for until it is there.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), timer_runs).await.unwrap();
    assert_eq!(world.state(&pushed).await, PushState::Offered, "nobody listened until now");
    world.poll().await;
    assert_ne!(world.shown().await.last_seen, Some(world.now()));
    drop(stop);
    chores.await.unwrap();
    assert_eq!(world.shown().await.last_seen, Some(world.now()));
}

#[rstest]
#[tokio::test]
async fn the_sweep_keeps_what_is_named(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    world.push("2.0").await;
    // The second copy of the same bytes is named by no row.
    world.set_to_system_time();
    assert_eq!(world.service.sweep_repository().await.unwrap().unnamed, 0, "its row may be on its way");
    world.wait(25 * HOUR);
    let swept = world.service.sweep_repository().await.unwrap();
    assert_eq!((swept.temporary, swept.unnamed, swept.unfinished), (0, 1, 0));
    let response = world.get("/softwaremodules/2/artifacts/a").send().await.unwrap();
    assert_eq!(response.bytes().await.unwrap(), world.bytes);
}
