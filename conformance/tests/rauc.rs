//! rauc-hawkbit-updater as the device: an imitation that is as strict as the program itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::time::Duration;

use otaria_conformance::publisher::{Publisher, messages, states};
use otaria_conformance::rauc::{Configuration, Rauc, Running, Updater};
use otaria_conformance::slow_link::Trouble;
use otaria_conformance::{Engine, Noise, until};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::json;

const HUB: i64 = 5;
const DEVICE: &str = "board-1";

/// How the updater is set up; its device is associated.
async fn configured(publisher: &Publisher) -> Configuration {
    Configuration {
        server: publisher.host(),
        tenant: "default".to_owned(),
        id: DEVICE.to_owned(),
        authorization: format!("TargetToken {}", publisher.device(DEVICE).await),
        resumes: false,
        streams: None,
        asks_while_working: Duration::from_millis(100),
        waits: Duration::from_millis(100),
    }
}

async fn resuming(publisher: &Publisher) -> Configuration {
    Configuration { resumes: true, ..configured(publisher).await }
}

fn requests(running: &Running, part: &str) -> Vec<String> {
    running.updater.seen().requests.into_iter().filter(|request| request.contains(part)).collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_installed(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let bundle = Noise::new(51).bytes(2_000_000);
    let (number, image) = publisher.publish(HUB, "2.0", bundle.clone()).await;
    let running = Updater::start(configured(&publisher).await, Rauc::Installs);
    until("it says what it is", || async { publisher.said(DEVICE).await["product"] == "bundle" }).await;

    let push = publisher.push(&image, DEVICE).await;
    let shown = push.reaches("succeeded").await;
    assert_eq!(states(&shown), ["offered", "fetched", "downloading", "downloaded", "installing", "succeeded"]);
    assert_eq!(shown["message"], "Software bundle installed successfully.");
    // All that it said within an instant is there, in its order.
    let said = messages(&shown);
    assert_eq!(said[..3], ["Download complete. 12.34 MB/s", "File checksum OK.", "installing"]);
    let lines: Vec<_> = (1..=20).map(|line| format!("{}% Checking bundle", line * 5)).collect();
    assert_eq!(said[3..23], lines);
    assert_eq!(said[23..], ["idle", "Software bundle installed successfully."]);
    let seen = running.updater.seen();
    assert!(seen.installed == [bundle]);
    assert_eq!((seen.complaints, seen.busy), (vec![], 0));
    assert_eq!(publisher.runs(DEVICE, HUB).await, Some(number));

    // It is asked again what it is, since it may have become another, and then left alone.
    until("it has said it again", || async { requests(&running, "PUT").len() == 2 }).await;
    let asked = || running.updater.seen().requests.len();
    let before = asked();
    until("it asks on", || async { asked() > before }).await;
    assert!(
        running.updater.seen().requests[before..]
            .iter()
            .all(|request| request == "GET /default/controller/v1/board-1")
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_rauc_does_not_take_fails_and_says_why(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let (_, image) = publisher.publish(HUB, "2.0", b"no bundle".to_vec()).await;
    let running = Updater::start(configured(&publisher).await, Rauc::Fails);
    let shown = publisher.push(&image, DEVICE).await.reaches("failed").await;
    assert_eq!(shown["message"], "LastError: signature verification failed");
    assert_eq!(publisher.runs(DEVICE, HUB).await, None);
    assert!(running.updater.seen().installed.is_empty());

    // The next attempt is another push.
    running.updater.rauc(Rauc::Installs);
    publisher.push(&image, DEVICE).await.reaches("succeeded").await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_during_the_download_is_answered_after_it(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    publisher.link.meets(Trouble::SlowAfter(20_000));
    let (_, image) = publisher.publish(HUB, "2.0", Noise::new(52).bytes(150_000)).await;
    let running = Updater::start(configured(&publisher).await, Rauc::Installs);
    let push = publisher.push(&image, DEVICE).await;
    until("the download is under way", || async { publisher.link.is_in_trouble() }).await;
    push.cancel().await;
    until("it was asked to stop", || async {
        !requests(&running, "GET /DEFAULT/controller/v1/board-1/cancelAction/").is_empty()
    })
    .await;
    let shown = push.reaches("cancelled").await;
    assert_eq!(shown["message"], "Action canceled.");
    assert_eq!(states(&shown), ["offered", "fetched", "downloading", "cancelling", "cancelled"]);
    assert!(messages(&shown).contains(&"File checksum OK."), "{shown}");
    assert!(running.updater.seen().installed.is_empty());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_rejected_once_the_installation_has_begun(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let (number, image) = publisher.publish(HUB, "2.0", b"bundle".to_vec()).await;
    let running = Updater::start(configured(&publisher).await, Rauc::Waits);
    let push = publisher.push(&image, DEVICE).await;
    push.reaches("installing").await;
    until("RAUC has begun", || async { running.updater.installs() }).await;
    push.cancel().await;
    // Taken back by the device's answer: it goes on as if nothing had been.
    until("the cancel is rejected", || async {
        !requests(&running, "POST /default/controller/v1/board-1/cancelAction/").is_empty()
    })
    .await;
    push.reaches("installing").await;
    running.updater.rauc(Rauc::Installs);
    let shown = push.reaches("succeeded").await;
    assert_eq!(
        states(&shown),
        ["offered", "fetched", "downloading", "downloaded", "installing", "cancelling", "installing", "succeeded"]
    );
    assert!(messages(&shown).contains(&"Deployment is installing already, cannot cancel."));
    assert_eq!(publisher.runs(DEVICE, HUB).await, Some(number));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_cut_is_resumed(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    publisher.link.meets(Trouble::CutAfter(900_000));
    let bundle = Noise::new(53).bytes(2_000_000);
    let (_, image) = publisher.publish(HUB, "2.0", bundle.clone()).await;
    let running = Updater::start(resuming(&publisher).await, Rauc::Installs);
    publisher.push(&image, DEVICE).await.reaches("succeeded").await;
    assert!(running.updater.seen().installed == [bundle]);
    let downloads = requests(&running, "/artifacts/");
    let [whole, rest] = downloads.as_slice() else { panic!("{downloads:?}") };
    assert!(!whole.contains("bytes=") && rest.ends_with('-') && rest.contains(" bytes="), "{downloads:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_cut_fails_where_it_is_not_to_be_resumed() {
    let publisher = Publisher::start(Engine::Sqlite).await;
    publisher.link.meets(Trouble::CutAfter(900_000));
    let (_, image) = publisher.publish(HUB, "2.0", Noise::new(54).bytes(2_000_000)).await;
    let running = Updater::start(configured(&publisher).await, Rauc::Installs);
    publisher.push(&image, DEVICE).await.reaches("failed").await;
    assert!(running.updater.seen().installed.is_empty());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_streamed_in_thousands_of_ranges(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let bundle = Noise::new(55).bytes(5_000_001);
    let (_, image) = publisher.publish(HUB, "2.0", bundle.clone()).await;
    let configuration = Configuration { streams: Some(2000), ..configured(&publisher).await };
    let running = Updater::start(configuration, Rauc::Installs);
    let shown = publisher.push(&image, DEVICE).await.reaches("succeeded").await;
    // Every one of them is the same download.
    assert_eq!(states(&shown), ["offered", "fetched", "downloading", "downloaded", "installing", "succeeded"]);
    assert_eq!(
        shown["history"].as_array().unwrap().iter().filter(|entry| entry["state"] == "downloading").count(),
        1
    );
    let seen = running.updater.seen();
    assert!(seen.installed == [bundle]);
    assert!(seen.streamed > 200_000_000, "{}", seen.streamed);
    assert!(requests(&running, " bytes=").len() > 2000);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_busy_server_did_not_take_is_said_again() {
    let publisher = Publisher::start(Engine::Sqlite).await;
    let (_, image) = publisher.publish(HUB, "2.0", b"bundle".to_vec()).await;
    let running = Updater::start(configured(&publisher).await, Rauc::Installs);
    until("it says what it is", || async { publisher.said(DEVICE).await["product"] == "bundle" }).await;
    // The server took it, and somebody on the way says that it did not.
    publisher.link.meets(Trouble::Says {
        instead_of: "HTTP/1.1 200 OK\r\ncontent-length: 0",
        says: "HTTP/1.1 429 OK\r\ncontent-length: 0",
        times: 5,
    });
    let shown = publisher.push(&image, DEVICE).await.reaches("succeeded").await;
    assert_eq!(running.updater.seen().busy, 5);
    let said = messages(&shown);
    assert_eq!(said.iter().filter(|said| said.starts_with("Download complete")).count(), 1, "{said:?}");
    assert_eq!(said.last(), Some(&"Software bundle installed successfully."));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_downloaded_ahead_and_installed_later(#[case] engine: Engine) {
    const FORCED: &str = r#""update":"forced""#;
    const SKIP: &str = r#""update":"skip"  "#;

    let publisher = Publisher::start(engine).await;
    let bundle = Noise::new(56).bytes(300_000);
    let (_, image) = publisher.publish(HUB, "2.0", bundle.clone()).await;
    publisher.link.meets(Trouble::Says { instead_of: FORCED, says: SKIP, times: usize::MAX });
    let running = Updater::start(resuming(&publisher).await, Rauc::Installs);
    let push = publisher.push(&image, DEVICE).await;
    let shown = push.reaches("downloaded").await;
    assert_eq!(states(&shown), ["offered", "fetched", "downloading", "downloaded"]);
    until("it asks again, and has all of it", || async { requests(&running, " bytes=300000-").len() > 1 }).await;
    assert!(running.updater.seen().installed.is_empty());
    assert_eq!(push.shown().await["state"], "downloaded");

    publisher.link.meets(Trouble::None);
    push.reaches("succeeded").await;
    assert!(running.updater.seen().installed == [bundle]);
    assert_eq!(requests(&running, "/artifacts/").iter().filter(|request| !request.contains("bytes=")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_token_does_as_well_and_a_wrong_one_does_not() {
    let publisher = Publisher::start(Engine::Sqlite).await;
    let body = json!({
        "name": "line 1", "mayRegister": true, "deviceTypeId": publisher.device_type,
        "accountId": publisher.server.account(),
    });
    let made = publisher.api.post(&format!("/v1/partners/{}/gatewayTokens", publisher.partner), body).await;
    let token = made.is(StatusCode::CREATED).body["token"].as_str().unwrap().to_owned();
    let known = configured(&publisher).await;
    let stranger = Configuration { authorization: format!("TargetToken {}", "0".repeat(32)), ..known.clone() };
    let stranger = Updater::start(stranger, Rauc::Installs);
    until("it was refused", || async { stranger.updater.seen().complaints.len() > 1 }).await;
    assert!(stranger.updater.seen().complaints.iter().all(|complaint| complaint == "HTTP request failed: 401"));
    drop(stranger);

    let id = "board-2".to_owned();
    let running =
        Updater::start(Configuration { id, authorization: format!("GatewayToken {token}"), ..known }, Rauc::Installs);
    until("it has asked", || async { !requests(&running, "PUT").is_empty() }).await;
    let (_, image) = publisher.publish(HUB, "2.0", b"bundle".to_vec()).await;
    publisher.push(&image, "board-2").await.reaches("succeeded").await;
}
