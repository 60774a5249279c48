//! Maintenance windows.

use std::time::Duration;

use otaria_core::maintenance::{Maintenance, Outside, Window, WindowClock};
use otaria_core::policy::Policy;
use otaria_core::push::PushState;
use rstest::rstest;
use serde_json::{Value, json};

use crate::scratch::Engine;
use crate::world::World;

/// The clock of a new world shows 22:13:20 UTC.
async fn nightly(engine: Engine, clock: WindowClock, outside: Outside) -> Option<World> {
    let world = World::with(engine, |raw| raw.busy_poll_seconds = Some(10)).await?;
    let windows = vec![Window { days: vec![], opens: "23:00".parse().unwrap(), minutes: 60 }];
    let maintenance = Some(Maintenance { clock, windows, outside });
    world.wants(Policy { maintenance, ..Policy::default() }).await;
    assert_eq!(world.configures(json!({"data": {"hw": "3"}})).await, 200);
    Some(world)
}

fn utc() -> WindowClock {
    WindowClock::Fixed("UTC".parse().unwrap())
}

const FORTY_SEVEN_MINUTES: Duration = Duration::from_secs(47 * 60);

#[rstest]
#[tokio::test]
async fn the_link_is_there_in_the_window_alone(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = nightly(engine, utc(), Outside::Withhold).await else { return };
    let pushed = world.push("1.0").await;
    assert!(world.poll().await["_links"].is_null());
    assert_eq!(world.get("/deploymentBase/1").send().await.unwrap().status(), 404);
    assert_eq!(world.get("/softwaremodules/1/artifacts/a").send().await.unwrap().status(), 404);
    assert_eq!(world.state(&pushed).await, PushState::Offered);

    world.wait(FORTY_SEVEN_MINUTES);
    let links = world.poll().await["_links"].clone();
    let shown: Value = world.get(world.path(&links, "deploymentBase")).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["deployment"]["update"], "forced");
    assert_eq!(shown["deployment"]["maintenanceWindow"], "available");

    world.wait(Duration::from_secs(60 * 60));
    assert_eq!(world.state(&pushed).await, PushState::Fetched);
    assert!(world.poll().await["_links"].is_null(), "it has not begun");
    world.wait(Duration::from_secs(23 * 60 * 60));
    world.says(1, "proceeding", "none", &["writing"]).await;
    world.wait(Duration::from_secs(60 * 60));
    assert!(!world.poll().await["_links"]["deploymentBase"].is_null(), "what it began, it finishes");
}

#[rstest]
#[tokio::test]
async fn a_device_asks_a_few_times_until_its_window_opens(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let Some(world) = nightly(engine, utc(), Outside::Withhold).await else { return };
    world.push("1.0").await;
    let sleep = async || world.poll().await["config"]["polling"]["sleep"].as_str().unwrap().to_owned();
    let far = sleep().await;
    assert!(("00:04:45"..="00:05:15").contains(&far.as_str()), "{far}");
    world.wait(Duration::from_secs(45 * 60));
    let near = sleep().await;
    assert!(("00:00:31"..="00:00:36").contains(&near.as_str()), "a third of 100 s: {near}");
    world.wait(Duration::from_secs(95));
    assert_eq!(sleep().await, "00:00:10");
}

#[rstest]
#[tokio::test]
async fn a_device_goes_by_its_own_clock(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = nightly(engine, WindowClock::OfDevice, Outside::Withhold).await else { return };
    world.push("1.0").await;
    assert!(world.poll().await["_links"].is_null(), "nobody knows what time it is there");
    assert_eq!(world.configures(json!({"data": {"otaria.timeZone": "Europe/Berlin"}})).await, 200);
    assert!(!world.poll().await["_links"]["deploymentBase"].is_null(), "it is 23:13 in Berlin");
    assert_eq!(world.configures(json!({"data": {"otaria.timeZone": "-03:00"}})).await, 200);
    assert!(world.poll().await["_links"].is_null());
}

#[rstest]
#[tokio::test]
async fn a_client_that_understands_it_downloads_ahead(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = nightly(engine, utc(), Outside::DownloadAhead).await else { return };
    let pushed = world.push("1.0").await;
    let misled = world.get("").header("User-Agent", "libcurl-agent/1.0").send().await.unwrap();
    assert!(misled.json::<Value>().await.unwrap()["_links"].is_null(), "SWUpdate would take it for done");
    let misled = world.get("/deploymentBase/1").header("User-Agent", "libcurl-agent/1.0").send().await.unwrap();
    assert_eq!(misled.status(), 404);

    let links = world.poll().await["_links"].clone();
    let before = world.path(&links, "deploymentBase").to_owned();
    let shown: Value = world.get(&before).send().await.unwrap().json().await.unwrap();
    let handling = |shown: &Value| {
        let deployment = &shown["deployment"];
        [&deployment["download"], &deployment["update"], &deployment["maintenanceWindow"]].map(Value::clone)
    };
    assert_eq!(handling(&shown), ["forced", "skip", "unavailable"]);
    let artifact =
        world.path(&shown["deployment"]["chunks"][0]["artifacts"][0]["_links"], "download-http").to_owned();
    assert_eq!(world.get(&artifact).send().await.unwrap().status(), 200);
    let shown: Value = world.get(&before).send().await.unwrap().json().await.unwrap();
    assert_eq!(handling(&shown), ["forced", "skip", "unavailable"], "downloading is not installing");
    assert_eq!(world.says(1, "downloaded", "success", &["File checksum OK."]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Downloaded);

    world.wait(FORTY_SEVEN_MINUTES);
    let links = world.poll().await["_links"].clone();
    let after = world.path(&links, "deploymentBase");
    assert_ne!(after, before, "the link is another one once it may be installed");
    let shown: Value = world.get(after).send().await.unwrap().json().await.unwrap();
    assert_eq!(handling(&shown), ["forced", "forced", "available"]);
}
