//! Zephyr's updater as the device: an imitation with the small buffers and the short patience of the original.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use otaria_conformance::publisher::{Publisher, messages, states};
use otaria_conformance::zephyr::{Device, Probe, Trouble};
use otaria_conformance::{Engine, Noise};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::json;

const APPLICATION: i64 = 3;
const HUB: i64 = 5;
/// What it calls itself: the hardware's id in hexadecimal digits.
const DEVICE: &str = "0123456789abcdef0123456789abcdef";

async fn device(publisher: &Publisher) -> Device {
    let token = publisher.device(DEVICE).await;
    Device::new(&publisher.host(), DEVICE, &format!("TargetToken {token}"))
}

fn count(device: &Device, part: &str) -> usize {
    device.requests.iter().filter(|request| request.contains(part)).count()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_installed_and_reported_after_the_restart(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let mut device = device(&publisher).await;
    assert_eq!(device.probe().await.unwrap(), Probe::NoUpdate);
    assert_eq!(publisher.said(DEVICE).await["VIN"], DEVICE);

    let image = Noise::new(61).bytes(200_000);
    let (number, association) = publisher.publish(APPLICATION, "1.1", image.clone()).await;
    let push = publisher.push(&association, DEVICE).await;
    assert_eq!(device.probe().await.unwrap(), Probe::UpdateInstalled);
    assert_eq!(states(&push.shown().await), ["offered", "fetched", "downloading"]);
    // As long as it does not run, nothing is said about it, however often it asks.
    assert_eq!(device.probe().await.unwrap(), Probe::UpdateInstalled);
    assert_eq!(push.shown().await["state"], "downloading");

    device.reboot();
    assert_eq!(device.probe().await.unwrap(), Probe::NoUpdate);
    assert!(device.runs == image);
    let shown = push.shown().await;
    assert_eq!(states(&shown), ["offered", "fetched", "downloading", "succeeded"]);
    assert_eq!(publisher.runs(DEVICE, APPLICATION).await, Some(number));
    assert_eq!((count(&device, "/artifacts/"), count(&device, "PUT ")), (1, 2));
    let before = device.requests.len();
    assert_eq!(device.probe().await.unwrap(), Probe::NoUpdate);
    assert_eq!(device.requests[before..], [format!("GET /default/controller/v1/{DEVICE}")]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_installed_yet_is_cancelled(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let mut device = device(&publisher).await;
    let (_, association) = publisher.publish(APPLICATION, "1.1", Noise::new(62).bytes(100_000)).await;
    let push = publisher.push(&association, DEVICE).await;
    // It has fetched, and then loses its connection.
    device.breaks_after = Some(50_000);
    assert!(matches!(device.probe().await, Err(Trouble::Network(_))));
    push.cancel().await;
    assert_eq!(device.probe().await.unwrap(), Probe::NoUpdate);
    let shown = push.shown().await;
    assert_eq!(states(&shown), ["offered", "fetched", "downloading", "cancelling", "cancelled"]);
    assert_eq!(device.runs, b"factory");
    assert_eq!(count(&device, "/artifacts/"), 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_installed_already_is_not_cancelled(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let mut device = device(&publisher).await;
    let (number, association) = publisher.publish(APPLICATION, "1.1", b"new".to_vec()).await;
    let push = publisher.push(&association, DEVICE).await;
    assert_eq!(device.probe().await.unwrap(), Probe::UpdateInstalled);
    push.cancel().await;
    assert_eq!(push.shown().await["state"], "cancelling");
    // Closed with failure: the cancel has failed, not the update.
    assert_eq!(device.probe().await.unwrap(), Probe::UpdateInstalled);
    assert_eq!(push.shown().await["state"], "downloading");
    device.reboot();
    assert_eq!(device.probe().await.unwrap(), Probe::NoUpdate);
    assert_eq!(push.shown().await["state"], "succeeded");
    assert_eq!(publisher.runs(DEVICE, APPLICATION).await, Some(number));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_cut_begins_again_or_is_resumed(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let image = Noise::new(63).bytes(300_000);
    let (_, association) = publisher.publish(APPLICATION, "1.1", image.clone()).await;
    let mut plain = device(&publisher).await;
    let token = publisher.device("second").await;
    let mut saving = Device::new(&publisher.host(), "second", &format!("TargetToken {token}")).that_saves_progress();
    for (device, id) in [(&mut plain, DEVICE), (&mut saving, "second")] {
        let push = publisher.push(&association, id).await;
        for _ in 0..2 {
            device.breaks_after = Some(60_000);
            assert!(matches!(device.probe().await, Err(Trouble::Network(_))));
        }
        assert_eq!(device.probe().await.unwrap(), Probe::UpdateInstalled);
        device.reboot();
        assert!(device.runs == image);
        assert_eq!(device.probe().await.unwrap(), Probe::NoUpdate);
        assert_eq!(states(&push.shown().await), ["offered", "fetched", "downloading", "succeeded"]);
    }
    assert_eq!((count(&plain, " bytes="), count(&saving, " bytes=")), (0, 2));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_image_comes_after_one_that_was_let_go(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let mut device = device(&publisher).await;
    let (_, older) = publisher.publish(APPLICATION, "1.1", Noise::new(64).bytes(100_000)).await;
    let (number, newer) = publisher.publish(APPLICATION, "1.2", b"newer".to_vec()).await;
    let first = publisher.push(&older, DEVICE).await;
    device.breaks_after = Some(50_000);
    assert!(matches!(device.probe().await, Err(Trouble::Network(_))));
    let second = publisher.push(&newer, DEVICE).await;
    // In one go: the cancel, and the update after it.
    assert_eq!(device.probe().await.unwrap(), Probe::UpdateInstalled);
    assert_eq!(first.shown().await["state"], "cancelled");
    device.reboot();
    assert_eq!(device.runs, b"newer");
    assert_eq!(device.probe().await.unwrap(), Probe::NoUpdate);
    assert_eq!(second.shown().await["state"], "succeeded");
    assert_eq!(publisher.runs(DEVICE, APPLICATION).await, Some(number));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_application_is_nothing_for_it() {
    let publisher = Publisher::start(Engine::Sqlite).await;
    let mut device = device(&publisher).await;
    let (_, association) = publisher.publish(HUB, "2.0", b"system".to_vec()).await;
    let push = publisher.push(&association, DEVICE).await;
    let refused = device.probe().await;
    assert!(matches!(&refused, Err(Trouble::Metadata(why)) if why.ends_with("got os")), "{refused:?}");
    assert_eq!(push.shown().await["state"], "fetched");
    assert_eq!(messages(&push.shown().await), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_a_permission_error() {
    let publisher = Publisher::start(Engine::Sqlite).await;
    drop(device(&publisher).await);
    let mut stranger = Device::new(&publisher.host(), DEVICE, &format!("TargetToken {}", "0".repeat(32)));
    assert!(matches!(stranger.probe().await, Err(Trouble::Permission)));
}

/// Everything as long as it can be: its name, its file's name, the version, the number of its action.
#[tokio::test(flavor = "multi_thread")]
async fn long_names_fit_into_its_buffers() {
    let publisher = Publisher::start(Engine::Sqlite).await;
    let mut device = device(&publisher).await;
    let url = publisher.api.publish_bytes(&publisher.partner, b"new".to_vec()).await;
    let body = json!({
        "name": "n".repeat(255), "type": APPLICATION, "version": "9".repeat(64), "url": url,
        "associations": { publisher.partner.as_str(): [publisher.device_type] },
    });
    let path = format!("/v1/ota/partners/{}", publisher.partner);
    publisher.api.post(&format!("{path}/pool"), body).await.is(StatusCode::CREATED);
    let images = format!("{path}/deviceTypes/{}/firmwareImages", publisher.device_type);
    let association = publisher.api.all(&images).await[0]["id"].as_str().unwrap().to_owned();
    // The largest number that an action can have comes next.
    publisher.server.sql("UPDATE devices SET last_action = 2147483646").await;
    publisher.push(&association, DEVICE).await;
    assert_eq!(device.probe().await.unwrap(), Probe::UpdateInstalled);
    device.reboot();
    assert_eq!(device.probe().await.unwrap(), Probe::NoUpdate);
    assert!(count(&device, "/deploymentBase/2147483647?c=") > 0, "{:?}", device.requests);
}
