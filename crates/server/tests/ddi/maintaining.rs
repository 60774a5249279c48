//! Maintenance windows.

use std::time::Duration;

use otaria_core::maintenance::{Maintenance, Outside, Window, WindowClock};
use otaria_core::policy::Policy;
use otaria_core::push::PushState;
use otaria_server::RawSettings;
use rstest::rstest;
use serde_json::{Value, json};

use crate::scratch::Engine;
use crate::world::World;

/// The clock of a new world shows 22:13:20 UTC.
async fn nightly(engine: Engine, clock: WindowClock, outside: Outside) -> World {
    nightly_with(engine, clock, outside, |raw| raw.busy_poll_seconds = Some(10)).await
}

async fn nightly_with(
    engine: Engine,
    clock: WindowClock,
    outside: Outside,
    set: impl FnOnce(&mut RawSettings),
) -> World {
    let world = World::with(engine, set).await;
    let windows = vec![Window { days: vec![], opens: "23:00".parse().unwrap(), minutes: 60 }];
    let maintenance = Some(Maintenance { clock, windows, outside });
    world.wants(Policy { maintenance, ..Policy::default() }).await;
    assert_eq!(world.configures(json!({"data": {"hw": "3"}})).await, 200);
    world
}

fn utc() -> WindowClock {
    WindowClock::Fixed("UTC".parse().unwrap())
}

const FORTY_SEVEN_MINUTES: Duration = Duration::from_secs(47 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const RAUC: &str = "rauc-hawkbit-c-agent/1.0";
const SWUPDATE: &str = "libcurl-agent/1.0";
const CURL: &str = "curl/8.0";

impl World {
    async fn polls_as(&self, client: &str) -> Value {
        self.get("").header("User-Agent", client).send().await.unwrap().json().await.unwrap()
    }

    /// What a client is told to do with its first push; none if it is told of none.
    async fn order_for(&self, client: &str) -> Option<[Value; 3]> {
        let is_linked = !self.polls_as(client).await["_links"]["deploymentBase"].is_null();
        let shown = self.get("/deploymentBase/1").header("User-Agent", client).send().await.unwrap();
        assert_eq!(shown.status().as_u16(), if is_linked { 200 } else { 404 }, "{client}");
        let shown: Value = if is_linked { shown.json().await.unwrap() } else { return None };
        Some(["download", "update", "maintenanceWindow"].map(|name| shown["deployment"][name].clone()))
    }

    async fn reads(&self) -> u16 {
        self.get("/softwaremodules/1/artifacts/a").send().await.unwrap().status().as_u16()
    }

    /// The codes of what is said about why the device is, or is not, offered something.
    async fn why(&self) -> Vec<&'static str> {
        let situation = self.service.situation(&self.partner, &self.device()).await.unwrap();
        situation.types.iter().flat_map(|about| situation.of_type(about)).map(|why| why.code.as_str()).collect()
    }

    /// The device polls once in an hour, and the timers run.
    async fn polls_for(&self, hours: u32, client: &str) {
        let listening_since = self.now();
        for _ in 0..hours {
            self.wait(HOUR);
            self.polls_as(client).await;
            self.service.flush_sightings().await.unwrap();
            self.service.run_timers(listening_since).await.unwrap();
        }
    }
}

const SKIP: [&str; 3] = ["forced", "skip", "unavailable"];
const FORCED: [&str; 3] = ["forced", "forced", "available"];

#[rstest]
#[tokio::test]
async fn the_link_is_there_in_the_window_alone(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = nightly(engine, utc(), Outside::Withhold).await;
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
    let world = nightly(engine, utc(), Outside::Withhold).await;
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
    let world = nightly(engine, WindowClock::OfDevice, Outside::Withhold).await;
    world.push("1.0").await;
    let poll = world.poll().await;
    assert!(poll["_links"].is_null(), "nobody knows what time it is there");
    assert!(poll["config"]["polling"]["sleep"].as_str().unwrap() > "00:04", "{poll}");
    assert_eq!(world.configures(json!({"data": {"otaria.timeZone": "Etc/Unknown"}})).await, 200);
    assert!(world.poll().await["_links"].is_null(), "the device does not know either");
    assert!(world.unreadable().await[0].reason.contains("is no time zone"));
    assert_eq!(world.configures(json!({"data": {"otaria.timeZone": "Europe/Berlin"}})).await, 200);
    assert!(!world.poll().await["_links"]["deploymentBase"].is_null(), "it is 23:13 in Berlin");
    assert_eq!(world.configures(json!({"data": {"otaria.timeZone": "-03:00"}})).await, 200);
    assert!(world.poll().await["_links"].is_null());
}

#[rstest]
#[tokio::test]
async fn a_client_that_understands_it_downloads_ahead(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = nightly(engine, utc(), Outside::DownloadAhead).await;
    let pushed = world.push("1.0").await;
    let links = world.polls_as(RAUC).await["_links"].clone();
    let before = world.path(&links, "deploymentBase").to_owned();
    assert_eq!(world.order_for(RAUC).await.unwrap(), SKIP);
    assert_eq!(world.reads().await, 200);
    assert_eq!(world.order_for(RAUC).await.unwrap(), SKIP, "downloading is not installing");
    assert_eq!(world.says(1, "downloaded", "success", &["File checksum OK."]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Downloaded);

    world.wait(FORTY_SEVEN_MINUTES);
    let links = world.polls_as(RAUC).await["_links"].clone();
    assert_ne!(world.path(&links, "deploymentBase"), before, "the link is another one once it may be installed");
    assert_eq!(world.order_for(RAUC).await.unwrap(), FORCED);
}

#[rstest]
#[tokio::test]
async fn whoever_is_not_known_to_download_ahead_is_told_nothing_before_its_window(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = nightly(engine, utc(), Outside::DownloadAhead).await;
    let pushed = world.push("1.0").await;
    for client in [SWUPDATE, "SWUpdate/2025.05", CURL, ""] {
        assert_eq!(world.order_for(client).await, None, "{client}");
        assert_eq!(world.why().await, ["waiting_for_window"], "{client}");
        assert_eq!(world.reads().await, 404);
    }
    assert_eq!(world.state(&pushed).await, PushState::Offered);

    assert_eq!(world.order_for(RAUC).await.unwrap(), SKIP);
    assert_eq!(world.why().await, ["download_ahead"]);
    assert_eq!(world.order_for(CURL).await, None, "another client, after the same device downloaded ahead");
    assert_eq!(world.why().await, ["waiting_for_window"]);

    assert_eq!(world.configures(json!({"data": {"otaria.downloadAhead": "true"}})).await, 200);
    assert_eq!(world.order_for(CURL).await.unwrap(), SKIP);
    assert_eq!(world.why().await, ["download_ahead"]);
    assert_eq!(world.order_for(SWUPDATE).await, None, "it would take it for done, whatever it says");
    assert_eq!(world.why().await, ["waiting_for_window"]);
    assert_eq!(world.configures(json!({"data": {"otaria.downloadAhead": "false"}})).await, 200);
    assert_eq!(world.order_for(RAUC).await, None, "who says no is believed");

    world.wait(FORTY_SEVEN_MINUTES);
    for client in [SWUPDATE, CURL, ""] {
        assert_eq!(world.order_for(client).await.unwrap(), FORCED, "{client}");
    }
}

#[rstest]
#[tokio::test]
async fn the_client_that_said_what_the_device_is_is_remembered(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = nightly(engine, utc(), Outside::DownloadAhead).await;
    world.push("1.0").await;
    assert_eq!(world.why().await, ["waiting_for_window"], "nobody knows what it can do");
    let said = world.put("/configData").header("User-Agent", RAUC).json(&json!({"data": {"hw": "3"}}));
    assert_eq!(said.send().await.unwrap().status(), 200);
    assert_eq!(world.config().await, json!({"hw": "3", "otaria.client": RAUC}));
    assert_eq!(world.why().await, ["download_ahead"], "before it polls");
    assert_eq!(world.configures(json!({"mode": "replace", "data": {"hw": "4"}})).await, 200);
    assert_eq!(world.config().await, json!({"hw": "4"}));
}

#[rstest]
#[tokio::test]
async fn a_word_opens_no_window(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = nightly(engine, utc(), Outside::DownloadAhead).await;
    let pushed = world.push("1.0").await;
    assert_eq!(world.order_for(RAUC).await.unwrap(), SKIP);
    let waits = ["waiting for the maintenance window"];
    assert_eq!(world.says(1, "proceeding", "none", &waits).await, 200);
    assert_eq!(world.record(&pushed).await.message.as_deref(), Some(waits[0]));
    assert_eq!(world.state(&pushed).await, PushState::Fetched);
    assert_eq!(world.order_for(RAUC).await.unwrap(), SKIP);
    assert_eq!(world.says(1, "downloaded", "success", &["File checksum OK."]).await, 200);
    assert_eq!(world.says(1, "proceeding", "none", &["All Chunks Installed."]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Downloaded);
    assert_eq!(world.order_for(RAUC).await.unwrap(), SKIP);

    world.wait(FORTY_SEVEN_MINUTES);
    assert_eq!(world.says(1, "proceeding", "none", &["writing"]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Installing);
    world.wait(HOUR);
    assert_eq!(world.order_for(RAUC).await.unwrap(), FORCED, "what it began, it finishes");
}

#[rstest]
#[tokio::test]
async fn what_a_device_did_all_the_same_counts(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    for outside in [Outside::Withhold, Outside::DownloadAhead] {
        let world = nightly(engine, utc(), outside).await;
        let pushed = world.push("1.0").await;
        world.wait(FORTY_SEVEN_MINUTES);
        assert_eq!(world.order_for(CURL).await.unwrap(), FORCED);
        world.wait(HOUR);
        assert_eq!(world.reads().await, 200, "what it was told of it may have");
        assert_eq!(world.says(1, "proceeding", "none", &["writing"]).await, 200);
        assert_eq!(world.state(&pushed).await, PushState::Fetched, "{outside:?}: it had not begun in its window");
        assert_eq!(world.order_for(CURL).await, None);
        assert_eq!(world.says(1, "closed", "success", &[]).await, 200);
        assert_eq!(world.state(&pushed).await, PushState::Succeeded);
    }
}

#[rstest]
#[tokio::test]
async fn time_that_a_device_waits_for_its_window_is_not_its_own(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(Outside::Withhold, Outside::DownloadAhead)] outside: Outside,
) {
    let set = |raw: &mut RawSettings| {
        (raw.offered_seconds, raw.fetched_seconds, raw.downloaded_seconds) = (Some(7200), Some(7200), Some(7200));
        raw.silence_seconds = Some(4 * 60 * 60);
    };
    let world = nightly_with(engine, utc(), outside, set).await;
    let pushed = world.push("1.0").await;
    if outside == Outside::Withhold {
        world.polls_for(20, CURL).await;
        assert_eq!(world.state(&pushed).await, PushState::Offered);
        world.wait(5 * HOUR);
        assert_eq!(world.order_for(CURL).await.unwrap(), FORCED);
        world.polls_for(20, CURL).await;
        assert_eq!(world.state(&pushed).await, PushState::Fetched);
    } else {
        world.wait(2 * HOUR);
        assert_eq!(world.order_for(RAUC).await.unwrap(), SKIP);
        world.polls_for(20, RAUC).await;
        assert_eq!(world.state(&pushed).await, PushState::Fetched);
        assert_eq!(world.says(1, "downloaded", "success", &[]).await, 200);
        world.polls_for(20, RAUC).await;
        assert_eq!(world.state(&pushed).await, PushState::Downloaded);
    }
    let listening_since = world.now();
    world.wait(5 * HOUR);
    world.service.run_timers(listening_since).await.unwrap();
    assert_eq!(world.state(&pushed).await, PushState::Lost, "who falls silent is lost all the same");
}
