//! Success that counts only once the device reports, after its restart, that it runs the version.

use std::time::Duration;

use otaria_core::FirmwareType;
use otaria_core::policy::Policy;
use otaria_core::push::{PushState, Success};
use rstest::rstest;
use serde_json::json;

use crate::scratch::Engine;
use crate::world::{Pushed, World};

const WITHIN: Duration = Duration::from_secs(600);

async fn installed(engine: Engine) -> (World, Pushed) {
    let world = World::on(engine).await;
    world.wants(Policy { success: Success::VersionReported { within: WITHIN }, ..Policy::default() }).await;
    assert_eq!(world.configures(json!({"data": {"hw": "3"}})).await, 200);
    let pushed = world.push("1.0").await;
    assert_eq!(world.says(1, "closed", "success", &["Update Installed."]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Installed);
    assert_eq!(world.installed(FirmwareType::HUB).await, None, "a device's word does not count");
    (world, pushed)
}

#[rstest]
#[tokio::test]
async fn the_version_that_a_device_reports_is_its_success(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let (world, pushed) = installed(engine).await;
    assert!(world.poll().await["_links"].is_null(), "what it has done it would do again");
    assert_eq!(world.get("/deploymentBase/1").send().await.unwrap().status(), 200, "it can be looked at");
    let asked = async || !world.poll().await["_links"]["configData"].is_null();
    assert!(!asked().await, "a device that has not restarted would tell the old version");
    world.wants_to_know().await;
    assert!(!asked().await, "whatever else it is to tell");
    world.wait(Duration::from_secs(60));
    assert!(asked().await);
    let version = json!({"data": {"otaria.version.5": pushed.number.to_string()}});
    assert_eq!(world.configures(version).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(pushed.number));
}

#[rstest]
#[tokio::test]
async fn a_device_that_boots_the_old_image_has_failed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let (world, pushed) = installed(engine).await;
    assert_eq!(world.configures(json!({"data": {"otaria.version.5": "0"}})).await, 200);
    let push = world.record(&pushed).await;
    assert_eq!(push.state, PushState::Failed);
    assert!(push.message.unwrap().contains("booted the old image"));
}

#[rstest]
#[case::that_polls(true, PushState::TimedOut)]
#[case::that_is_gone(false, PushState::Lost)]
#[tokio::test]
async fn a_device_that_does_not_report_it_in_time_has_not_succeeded(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] polls: bool,
    #[case] end: PushState,
) {
    let (world, pushed) = installed(engine).await;
    let started = world.now();
    world.wait(WITHIN - Duration::from_secs(1));
    if polls {
        assert_eq!(world.says(1, "closed", "success", &["Update Installed."]).await, 200);
    }
    world.service.flush_sightings().await.unwrap();
    world.service.run_timers(started).await.unwrap();
    assert_eq!(world.state(&pushed).await, PushState::Installed);
    world.wait(Duration::from_secs(1));
    world.service.run_timers(started).await.unwrap();
    assert_eq!(world.state(&pushed).await, end, "no repetition puts it off");
}
