//! What the public `hawkbit` crate can do, function by function: all that tests/devices.rs does not show on the way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::collections::BTreeMap;
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use hawkbit::ddi::{Client, ClientAuthorization, Error, Execution, Finished, MaintenanceWindow, Mode, Type, Update};
use otaria_conformance::authority::{Authority, Pair};
use otaria_conformance::publisher::{self, Publisher, Push, messages, states};
use otaria_conformance::slow_link::Trouble;
use otaria_conformance::{Engine, Noise, until, written};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const APPLICATION: i64 = 3;
const DEVICE: &str = "0011223344556677";
const FILE: &str = "firmware one.bin";

async fn device(publisher: &Publisher) -> Client {
    let token = publisher.device(DEVICE).await;
    let timeout = Some(Duration::from_secs(30));
    let token = ClientAuthorization::TargetToken(token);
    Client::new(publisher.link.url(), "default", DEVICE, token, None, None, timeout).unwrap()
}

/// Publishes a file under a name with a space in it, and pushes it.
async fn push<'p>(publisher: &'p Publisher, version: &str, bytes: Vec<u8>) -> Push<'p> {
    let url = publisher.api.publish_file(&publisher.partner, FILE, bytes).await;
    let (_, image) =
        publisher.api.publish_url(&publisher.partner, &publisher.device_type, APPLICATION, version, &url).await;
    publisher.push(&image, DEVICE).await
}

async fn fetch(device: &Client) -> Update {
    device.poll().await.unwrap().update().expect("no update is offered").fetch().await.unwrap()
}

async fn whole<B: AsRef<[u8]>>(stream: impl Stream<Item = Result<B, Error>>) -> Result<Vec<u8>, Error> {
    stream
        .try_fold(Vec::new(), async |mut all, piece| {
            all.extend_from_slice(piece.as_ref());
            Ok(all)
        })
        .await
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_comes_as_a_file_or_as_a_stream(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let (device, bytes) = (device(&publisher).await, Noise::new(91).bytes(500_000));
    push(&publisher, "1.0", bytes.clone()).await;
    let update = fetch(&device).await;
    let chunk = update.chunks().next().unwrap();
    let artifact = chunk.artifacts().next().unwrap();
    assert_eq!((artifact.filename(), artifact.size()), (FILE, 500_000));

    assert!(whole(artifact.download_stream().await.unwrap()).await.unwrap() == bytes);
    assert!(whole(artifact.download_stream_with_md5_check().await.unwrap()).await.unwrap() == bytes);
    assert!(whole(artifact.download_stream_with_sha1_check().await.unwrap()).await.unwrap() == bytes);
    assert!(whole(artifact.download_stream_with_sha256_check().await.unwrap()).await.unwrap() == bytes);

    let folder = tempfile::tempdir().unwrap();
    let file = artifact.download(folder.path()).await.unwrap();
    assert_eq!(file.file(), &folder.path().join(FILE));
    written(file.file(), bytes.len()).await;
    assert!(std::fs::read(file.file()).unwrap() == bytes);
    assert_eq!(file.sha256().await, HEXLOWER.encode(&Sha256::digest(&bytes)));
    assert_eq!((file.md5().await.len(), file.sha1().await.len()), (32, 40));
    file.check_md5().await.unwrap();
    file.check_sha1().await.unwrap();
    file.check_sha256().await.unwrap();
    let downloads = || String::from_utf8(publisher.link.sent()).unwrap().matches("/artifacts/").count();
    let before = downloads();
    artifact.download(folder.path()).await.unwrap();
    assert_eq!(downloads(), before, "what is there is not downloaded again");
    let files = chunk.download(folder.path()).await.unwrap();
    assert_eq!(files[0].file(), &folder.path().join("app").join(FILE));
    assert_eq!(update.download(folder.path()).await.unwrap().len(), 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_cut_is_resumed_from_its_part(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let (device, bytes) = (device(&publisher).await, Noise::new(92).bytes(2_000_000));
    push(&publisher, "1.0", bytes.clone()).await;
    let update = fetch(&device).await;
    let folder = tempfile::tempdir().unwrap();
    publisher.link.meets(Trouble::CutAfter(700_000));
    update.download(folder.path()).await.unwrap_err();
    let part = folder.path().join("app").join(format!("{FILE}.part"));
    // Its last write goes on for a moment.
    let mut sizes = Vec::new();
    until("nothing more is written", || {
        sizes.push(std::fs::metadata(&part).unwrap().len());
        let is_still = sizes.len() > 5 && sizes.iter().rev().take(5).all(|size| size == sizes.last().unwrap());
        async move { is_still }
    })
    .await;

    let files = update.download(folder.path()).await.unwrap();
    written(files[0].file(), bytes.len()).await;
    files[0].check_sha256().await.unwrap();
    assert!(std::fs::read(files[0].file()).unwrap() == bytes);
    let sent = String::from_utf8(publisher.link.sent()).unwrap();
    let resumed: Vec<_> = sent.lines().filter_map(|line| line.strip_prefix("range: bytes=")).collect();
    let [from] = resumed.as_slice() else { panic!("{sent}") };
    assert!((1..2_000_000).contains(&from.strip_suffix('-').unwrap().parse().unwrap()), "{from}");
    assert!(!part.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_changed_on_the_way_are_noticed() {
    let publisher = Publisher::start(Engine::Sqlite).await;
    let device = device(&publisher).await;
    push(&publisher, "1.0", b"the quick brown fox".to_vec()).await;
    let update = fetch(&device).await;
    publisher.link.meets(Trouble::Says { instead_of: "quick brown", says: "brown quick", times: usize::MAX });
    let chunk = update.chunks().next().unwrap();
    let artifact = chunk.artifacts().next().unwrap();
    let md5 = whole(artifact.download_stream_with_md5_check().await.unwrap()).await;
    let sha1 = whole(artifact.download_stream_with_sha1_check().await.unwrap()).await;
    let sha256 = whole(artifact.download_stream_with_sha256_check().await.unwrap()).await;
    for checked in [md5, sha1, sha256] {
        assert!(matches!(checked, Err(Error::ChecksumError(_))), "{checked:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let files = update.download(folder.path()).await.unwrap();
    assert!(matches!(files[0].check_md5().await, Err(Error::ChecksumError(_))));
    assert!(matches!(files[0].check_sha1().await, Err(Error::ChecksumError(_))));
    assert!(matches!(files[0].check_sha256().await, Err(Error::ChecksumError(_))));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn every_word_is_understood(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let device = device(&publisher).await;
    let first = push(&publisher, "1.0", b"1.0".to_vec()).await;
    let update = fetch(&device).await;
    let words = [
        (Execution::Scheduled, "scheduled", "fetched"),
        (Execution::Rejected, "rejected", "fetched"),
        (Execution::Canceled, "canceled", "fetched"),
        (Execution::Resumed, "resumed", "fetched"),
        (Execution::Download, "download", "downloading"),
        (Execution::Downloaded, "downloaded", "downloaded"),
        (Execution::Proceeding, "proceeding", "installing"),
    ];
    let mut said = Vec::new();
    for (execution, word, state) in words {
        update.send_feedback(execution, Finished::None, vec![word]).await.unwrap();
        said.push(word);
        let shown = first.shown().await;
        assert_eq!((&shown["state"], messages(&shown)), (&json!(state), said.clone()), "{word}");
    }
    // A device that says closed and nothing more has done it.
    update.send_feedback(Execution::Closed, Finished::None, vec![]).await.unwrap();
    assert_eq!(first.shown().await["state"], "succeeded");

    let second = push(&publisher, "1.1", b"1.1".to_vec()).await;
    let update = fetch(&device).await;
    for finished in [Finished::Success, Finished::Failure] {
        // Not the end, because it is not closed.
        update.send_feedback(Execution::Proceeding, finished, vec![]).await.unwrap();
    }
    for (progress, shown) in
        [(json!({ "cnt": 1, "of": 4 }), json!(25)), (json!("half"), json!(25)), (json!(null), json!(25))]
    {
        update.send_feedback_with_progress(Execution::Proceeding, Finished::None, &progress, vec![]).await.unwrap();
        assert_eq!(second.shown().await["progress"], shown, "{progress}");
    }
    assert_eq!(second.shown().await["state"], "installing");
    update.send_feedback(Execution::Closed, Finished::Failure, vec!["no"]).await.unwrap();
    assert_eq!(second.shown().await["state"], "failed");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn every_answer_to_a_cancel_is_understood(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let device = device(&publisher).await;
    let push = push(&publisher, "1.0", b"1.0".to_vec()).await;
    let update = fetch(&device).await;
    push.cancel().await;
    let cancel = device.poll().await.unwrap().cancel_action().unwrap();
    assert_eq!(cancel.id().await.unwrap(), update.action_id());
    // Words, but no answer, whatever they sound like.
    for execution in [Execution::Canceled, Execution::Proceeding, Execution::Scheduled, Execution::Resumed] {
        cancel.send_feedback(execution, Finished::None, vec!["wait"]).await.unwrap();
        assert_eq!(push.shown().await["state"], "cancelling");
    }
    for execution in [Execution::Closed, Execution::Rejected] {
        cancel.send_feedback(execution, Finished::Failure, vec!["too late"]).await.unwrap();
        assert_eq!(push.shown().await["state"], "fetched");
        push.cancel().await;
    }
    cancel.send_feedback(Execution::Closed, Finished::None, vec!["gone"]).await.unwrap();
    let shown = push.shown().await;
    assert_eq!(shown["state"], "cancelled");
    assert_eq!(
        states(&shown),
        ["offered", "fetched", "cancelling", "fetched", "cancelling", "fetched", "cancelling", "cancelled"]
    );
    assert!(device.poll().await.unwrap().cancel_action().is_none());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_is_can_be_merged_replaced_and_removed(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let device = device(&publisher).await;
    let request = device.poll().await.unwrap().config_data_request().unwrap();
    let steps: [(Option<Mode>, Value, Value); 5] = [
        (None, json!({ "a": "1", "b": "2" }), json!({ "a": "1", "b": "2" })),
        (Some(Mode::Merge), json!({ "b": "3", "c": "4" }), json!({ "a": "1", "b": "3", "c": "4" })),
        (Some(Mode::Merge), json!({ "c": null }), json!({ "a": "1", "b": "3" })),
        (Some(Mode::Remove), json!({ "b": "" }), json!({ "a": "1" })),
        (Some(Mode::Replace), json!({ "d": "5" }), json!({ "d": "5" })),
    ];
    for (mode, data, expected) in steps {
        request.upload(Execution::Closed, Finished::Success, mode, &data, vec!["so"]).await.unwrap();
        assert_eq!(publisher.said(DEVICE).await, expected, "{data}");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_token_registers_a_device_and_updates_it(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let body = json!({
        "name": "line 1", "mayRegister": true, "deviceTypeId": publisher.device_type,
        "accountId": publisher.server.account(),
    });
    let made = publisher.api.post(&format!("/v1/partners/{}/gatewayTokens", publisher.partner), body).await;
    let token = made.is(StatusCode::CREATED).body["token"].as_str().unwrap().to_owned();
    // Made from a builder, as where the program has settings of its own.
    let builder = reqwest::Client::builder().user_agent("lamp/1.0");
    let token = ClientAuthorization::GatewayToken(token);
    let device = Client::new_from_client_builder(publisher.link.url(), "default", DEVICE, token, builder).unwrap();
    assert!(device.poll().await.unwrap().config_data_request().is_some());
    let push = push(&publisher, "1.0", b"1.0".to_vec()).await;
    let update = fetch(&device).await;
    let chunk = update.chunks().next().unwrap();
    let artifact = chunk.artifacts().next().unwrap();
    let mut stream = Box::pin(artifact.download_stream().await.unwrap());
    assert_eq!(stream.next().await.unwrap().unwrap().as_ref(), b"1.0");
    update.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    assert_eq!(push.shown().await["state"], "succeeded");
    until("it is asked again what it is", || async { device.poll().await.unwrap().config_data_request().is_some() })
        .await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_declined_and_confirmed(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    publisher.wants(json!({ "confirmationRequired": true })).await;
    let device = device(&publisher).await;
    let push = push(&publisher, "1.0", b"1.0".to_vec()).await;
    let asked = async || {
        let poll = device.poll().await.unwrap();
        assert!(poll.update().is_none());
        poll.confirmation_base().expect("nobody is asked")
    };
    let info = asked().await.update_info().await.unwrap();
    let metadata =
        vec![("versionNumber".to_owned(), push.shown().await["versionNumber"].as_str().unwrap().to_owned())];
    assert_eq!((info.action_id(), info.metadata()), ("1", metadata.clone()));
    assert_eq!(asked().await.metadata().await.unwrap(), metadata);
    asked().await.decline().await.unwrap();
    // Asked again, as long as the push waits.
    asked().await.confirm().await.unwrap();
    let poll = device.poll().await.unwrap();
    assert!(poll.confirmation_base().is_none());
    let update = poll.update().unwrap().fetch().await.unwrap();
    assert_eq!(update.action_id(), "1");
    update.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    assert_eq!(push.shown().await["state"], "succeeded");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_maintenance_window_is_shown(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let device = device(&publisher).await;
    publisher.maintains(publisher::MaintenanceWindow::Closed).await;
    push(&publisher, "1.0", b"1.0".to_vec()).await;
    let poll = device.poll().await.unwrap();
    assert!(poll.update().is_none(), "nobody knows that it would not install it");
    let ahead = BTreeMap::from([("otaria.downloadAhead", "true")]);
    let request = poll.config_data_request().unwrap();
    request.upload(Execution::Closed, Finished::Success, Some(Mode::Merge), ahead, vec![]).await.unwrap();
    let update = fetch(&device).await;
    assert_eq!(update.maintenance_window(), Some(MaintenanceWindow::Unavailable));
    assert_eq!((update.download_type(), update.update_type()), (Type::Forced, Type::Skip));
    publisher.maintains(publisher::MaintenanceWindow::Open).await;
    let update = fetch(&device).await;
    assert_eq!(update.maintenance_window(), Some(MaintenanceWindow::Available));
    assert_eq!((update.download_type(), update.update_type()), (Type::Forced, Type::Forced));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_opens_its_device(#[case] engine: Engine) {
    let (folder, root) = (tempfile::tempdir().unwrap(), Authority::new("The server's authority"));
    let server = root.start_server(engine, folder.path()).await;
    let (api, partner) = (server.owner_over(root.client()).await, server.partner());
    let device_type = api.device_type(&partner, "lamp").await;
    api.device(&server.account(), &device_type, DEVICE).await;
    let lamps = Authority::new("The lamps' authority");
    let path = format!("/v1/partners/{partner}/deviceAuthentication");
    api.put(&path, json!({ "certificate": true, "caBundle": lamps.pem() })).await.ok();

    let root_file = folder.path().join("root.pem");
    std::fs::write(&root_file, root.pem()).unwrap();
    let client = |id: &str, Pair { certificate, key, .. }: &Pair| {
        // One file with both is what it takes.
        let file = folder.path().join(format!("{}.pem", uuid::Uuid::now_v7()));
        std::fs::write(&file, format!("{certificate}{key}")).unwrap();
        let (root_file, file) = (root_file.to_str(), file.to_str());
        let timeout = Some(Duration::from_secs(30));
        Client::new(&server.url(), "default", id, ClientAuthorization::None, root_file, file, timeout).unwrap()
    };
    let device = client(DEVICE, &lamps.device(DEVICE));
    device.poll().await.unwrap().config_data_request().expect("it is asked what it is");

    let bytes = Noise::new(93).bytes(200_000);
    let (_, image) = api.publish(&partner, &device_type, APPLICATION, "1.0", bytes.clone()).await;
    let pushed = api.push(&partner, &device_type, &image, DEVICE).await.is(StatusCode::ACCEPTED);
    let update = fetch(&device).await;
    let chunk = update.chunks().next().unwrap();
    let artifact = chunk.artifacts().next().unwrap();
    assert!(whole(artifact.download_stream_with_sha256_check().await.unwrap()).await.unwrap() == bytes);
    update.send_feedback(Execution::Closed, Finished::Success, vec!["done"]).await.unwrap();
    let push = api.get(pushed.headers["location"].to_str().unwrap()).await.ok().body;
    assert_eq!(push["state"], "succeeded");

    let others = Authority::new("Somebody else's authority");
    for (id, pair) in
        [(DEVICE, others.device(DEVICE)), (DEVICE, lamps.device("lamp-2")), ("lamp-2", lamps.device(DEVICE))]
    {
        let Err(Error::ReqwestError(refused)) = client(id, &pair).poll().await else { panic!("{id} was let in") };
        assert_eq!(refused.status(), Some(StatusCode::UNAUTHORIZED));
    }
}
