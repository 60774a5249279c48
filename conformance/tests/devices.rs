//! The public `hawkbit` crate as the device: a client that we did not write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::time::Duration;

use data_encoding::HEXLOWER;
use hawkbit::ddi::{Client, ClientAuthorization, Error, Execution, Finished, Mode, Type, Update};
use otaria_conformance::{Api, Engine, Noise, Server, until, written};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

const APPLICATION: i64 = 3;
const HUB: i64 = 5;
const DEVICE: &str = "0011223344556677";

/// A server with a device, and what it is called there.
struct Scene {
    server: Server,
    api: Api,
    partner: String,
    device_type: String,
    token: String,
}

impl Scene {
    async fn set(engine: Engine) -> Self {
        let server = Server::start_with(engine, &[("OTARIA_CHORE_SECONDS", "1")]).await;
        let (api, partner) = (server.owner().await, server.partner());
        let device_type = api.device_type(&partner, "thermostat").await;
        let token = api.device(&server.account(), &device_type, DEVICE).await;
        Self { server, api, partner, device_type, token }
    }

    /// The device itself.
    fn device(&self) -> Client {
        self.client(&self.partner, DEVICE, ClientAuthorization::TargetToken(self.token.clone()))
    }

    fn client(&self, tenant: &str, id: &str, authorization: ClientAuthorization) -> Client {
        let timeout = Some(Duration::from_secs(30));
        Client::new(&self.server.url(), tenant, id, authorization, None, None, timeout).unwrap()
    }

    /// Publishes an image; the pool's record and the association's id.
    async fn publish(&self, firmware_type: i64, version: &str) -> (Value, String) {
        let bytes = version.as_bytes().to_vec();
        self.api.publish(&self.partner, &self.device_type, firmware_type, version, bytes).await
    }

    /// Pushes an image; the push.
    async fn push(&self, image: &str) -> Push<'_> {
        let pushed = self.api.push(&self.partner, &self.device_type, image, DEVICE).await;
        let location = pushed.is(StatusCode::ACCEPTED).headers["location"].to_str().unwrap().to_owned();
        Push { scene: self, location }
    }

    /// The same, published on the way.
    async fn push_new(&self, firmware_type: i64, version: &str) -> Push<'_> {
        self.push(&self.publish(firmware_type, version).await.1).await
    }

    /// The device as its account sees it.
    async fn shown(&self) -> Value {
        let path = format!("/v1/accounts/{}/devices/{DEVICE}?expansions=state,attributes", self.server.account());
        self.api.get(&path).await.ok().body
    }
}

/// A push, by its address.
struct Push<'s> {
    scene: &'s Scene,
    location: String,
}

impl Push<'_> {
    async fn shown(&self) -> Value {
        self.scene.api.get(&self.location).await.ok().body
    }

    async fn state(&self) -> String {
        text(&self.shown().await["state"]).to_owned()
    }

    async fn cancel(&self) {
        self.scene.api.delete(&self.location).await.is(StatusCode::NO_CONTENT);
    }
}

/// Polls and fetches the update that must be there.
async fn fetch(device: &Client) -> Update {
    let poll = device.poll().await.unwrap();
    assert!(poll.cancel_action().is_none());
    poll.update().expect("no update is offered").fetch().await.unwrap()
}

/// Asserts that the device has nothing to do.
async fn rests(device: &Client) {
    let poll = device.poll().await.unwrap();
    assert!(poll.update().is_none() && poll.cancel_action().is_none() && poll.confirmation_base().is_none());
}

/// The version of the one chunk of an update.
fn version(update: &Update) -> String {
    let versions: Vec<_> = update.chunks().map(|chunk| chunk.version().to_owned()).collect();
    assert_eq!(versions.len(), 1);
    versions[0].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn states(push: &Value) -> Vec<&str> {
    push["history"].as_array().unwrap().iter().map(|entry| text(&entry["state"])).collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn an_update_from_the_push_to_the_new_version(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let device = scene.device();
    let bytes = Noise::new(3).bytes(300_000);
    let (api, partner, device_type) = (&scene.api, &scene.partner, &scene.device_type);
    let (_, older) = scene.publish(APPLICATION, "1.0").await;
    let (image, newer) = api.publish(partner, device_type, APPLICATION, "1.1", bytes.clone()).await;
    let number: i64 = text(&image["versionNumber"]).parse().unwrap();
    assert_eq!(scene.shown().await["updating"], false);

    let push = scene.push(&newer).await;
    assert_eq!(push.state().await, "offered");
    assert_eq!(scene.shown().await["updating"], true);

    let update = fetch(&device).await;
    assert_eq!(push.state().await, "fetched");
    assert!(update.action_id().parse::<i32>().unwrap() > 0);
    assert_eq!((update.download_type(), update.update_type()), (Type::Forced, Type::Forced));
    assert_eq!(update.maintenance_window(), None);
    assert_eq!(version(&update), "1.1");
    for chunk in update.chunks() {
        assert_eq!((chunk.part(), chunk.name()), ("bApp", "app"));
        let number = number.to_string();
        assert!(chunk.metadata().any(|pair| pair == ("versionNumber", &number)));
        let sizes: Vec<_> = chunk.artifacts().map(|artifact| artifact.size() as usize).collect();
        assert_eq!(sizes, [bytes.len()]);
    }

    update.send_feedback(Execution::Download, Finished::None, vec!["reading it"]).await.unwrap();
    assert_eq!(push.state().await, "downloading");
    let folder = tempfile::tempdir().unwrap();
    let files = update.download(folder.path()).await.unwrap();
    assert_eq!(files.len(), 1);
    written(files[0].file(), bytes.len()).await;
    assert!(std::fs::read(files[0].file()).unwrap() == bytes);
    files[0].check_md5().await.unwrap();
    files[0].check_sha1().await.unwrap();
    files[0].check_sha256().await.unwrap();
    update.send_feedback(Execution::Downloaded, Finished::None, vec![]).await.unwrap();
    assert_eq!(push.state().await, "downloaded");

    let progress = json!({ "cnt": 2, "of": 5 });
    let writing = vec!["erasing <slot b>", "writing slot b"];
    update.send_feedback_with_progress(Execution::Proceeding, Finished::None, progress, writing).await.unwrap();
    let shown = push.shown().await;
    assert_eq!((&shown["state"], &shown["progress"]), (&json!("installing"), &json!(40)));
    assert_eq!(scene.shown().await["updating"], true);

    // The second time as after a lost answer.
    for _ in 0..2 {
        update.send_feedback(Execution::Closed, Finished::Success, vec!["runs"]).await.unwrap();
    }
    let shown = push.shown().await;
    assert_eq!(shown["state"], "succeeded");
    let history = shown["history"].as_array().unwrap();
    let mut went_through = states(&shown);
    went_through.dedup();
    assert_eq!(went_through, ["succeeded", "installing", "downloaded", "downloading", "fetched", "offered"]);
    assert!(history.is_sorted_by(|newer, older| newer["timestamp"].as_i64() >= older["timestamp"].as_i64()));
    let installing = history.iter().find(|entry| entry["state"] == "installing").unwrap();
    assert_eq!(installing["details"], json!(["erasing <slot b>", "writing slot b"]));
    assert!(shown["startedTimestamp"].as_i64() <= shown["finishedTimestamp"].as_i64());

    rests(&device).await;
    let shown = scene.shown().await;
    assert_eq!(shown["updating"], false);
    let [attribute] = shown["attributes"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!(attribute["id"], 2000 + APPLICATION);
    assert_eq!(attribute["data"], HEXLOWER.encode(&number.to_le_bytes()));
    for image in [&newer, &older] {
        api.push(partner, device_type, image, DEVICE).await.is(StatusCode::CONFLICT);
    }
    rests(&device).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_polls_is_there_and_says_what_it_is(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    assert_eq!(scene.shown().await["deviceState"]["available"], false);

    // The first partner is the default one, whose name is read without case.
    let token = ClientAuthorization::TargetToken(scene.token.clone());
    let device = scene.client("default", DEVICE, token);
    let poll = device.poll().await.unwrap();
    let sleep = poll.polling_sleep().unwrap();
    assert!((1..24 * 60 * 60).contains(&sleep.as_secs()), "{sleep:?}");
    until("the device is available", || async { scene.shown().await["deviceState"]["available"] == true }).await;

    let request = poll.config_data_request().expect("the server does not ask what a new device is");
    let said = json!({ "hwRevision": "3", "serial": "A <1>" });
    request.upload(Execution::Closed, Finished::Success, Some(Mode::Merge), &said, vec![]).await.unwrap();
    assert!(device.poll().await.unwrap().config_data_request().is_none());
    let path = format!("/v1/partners/{}/devices/{DEVICE}", scene.partner);
    assert_eq!(scene.api.get(&path).await.ok().body["configData"], said);

    // After a success it may have become another.
    let push = scene.push_new(HUB, "2.0").await;
    let busy = device.poll().await.unwrap();
    assert!(busy.polling_sleep().unwrap() < sleep && busy.config_data_request().is_none());
    fetch(&device).await.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    assert_eq!(push.state().await, "succeeded");
    let request = device.poll().await.unwrap().config_data_request().expect("the server does not ask again");
    let said = json!({ "hwRevision": "4" });
    request.upload(Execution::Closed, Finished::Success, Some(Mode::Replace), &said, vec![]).await.unwrap();
    assert_eq!(scene.api.get(&path).await.ok().body["configData"], said);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_fails_is_quoted(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let device = scene.device();
    let (_, image) = scene.publish(APPLICATION, "1.0").await;
    let push = scene.push(&image).await;
    let update = fetch(&device).await;
    let words = vec!["revision 2 of the board is wanted", "no suitable image found"];
    update.send_feedback(Execution::Closed, Finished::Failure, words.clone()).await.unwrap();
    let shown = push.shown().await;
    assert_eq!(shown["state"], "failed");
    assert!(words.iter().any(|words| shown["message"] == *words), "{shown}");
    assert_eq!(shown["history"][0]["details"], json!(words));
    let seen = scene.shown().await;
    assert_eq!((&seen["updating"], &seen["attributes"]), (&json!(false), &json!([])));
    rests(&device).await;

    // Late words change nothing; the next attempt is another push.
    update.send_feedback(Execution::Closed, Finished::Failure, vec!["again"]).await.unwrap();
    assert_eq!(push.state().await, "failed");
    let again = scene.push(&image).await;
    assert_ne!(again.location, push.location);
    assert_ne!(fetch(&device).await.action_id(), update.action_id());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_asked_before_its_update_is_cancelled(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let device = scene.device();
    let (_, image) = scene.publish(APPLICATION, "1.0").await;

    // What it never fetched, it never hears of.
    let push = scene.push(&image).await;
    push.cancel().await;
    assert_eq!(push.state().await, "cancelled");
    rests(&device).await;

    let push = scene.push(&image).await;
    let update = fetch(&device).await;
    push.cancel().await;
    assert_eq!(push.state().await, "cancelling");
    let poll = device.poll().await.unwrap();
    assert!(poll.update().is_none());
    let cancel = poll.cancel_action().expect("the device is not asked to stop");
    assert_eq!(cancel.id().await.unwrap(), update.action_id());
    assert_eq!(push.state().await, "cancelling");
    cancel.send_feedback(Execution::Closed, Finished::Success, vec!["stopped"]).await.unwrap();
    let shown = push.shown().await;
    assert_eq!(states(&shown), ["cancelled", "cancelling", "fetched", "offered"]);
    rests(&device).await;

    // It may also say that it is too late.
    let push = scene.push(&image).await;
    let update = fetch(&device).await;
    push.cancel().await;
    let cancel = device.poll().await.unwrap().cancel_action().unwrap();
    cancel.send_feedback(Execution::Rejected, Finished::None, vec!["too late"]).await.unwrap();
    assert_eq!(push.state().await, "fetched");
    assert_eq!(fetch(&device).await.action_id(), update.action_id());
    update.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    assert_eq!(push.state().await, "succeeded");
    scene.api.delete(&push.location).await.is(StatusCode::CONFLICT);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn updates_of_different_types_come_one_after_the_other(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let device = scene.device();
    let hub = scene.push_new(HUB, "2.0").await;
    let application = scene.push_new(APPLICATION, "1.0").await;
    let update = fetch(&device).await;
    assert_eq!(version(&update), "2.0");
    assert!(update.chunks().all(|chunk| chunk.part() == "os"));
    assert_eq!(version(&fetch(&device).await), "2.0");
    assert_eq!((hub.state().await, application.state().await), ("fetched".to_owned(), "offered".to_owned()));
    update.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    let update = fetch(&device).await;
    assert_eq!(version(&update), "1.0");
    assert!(update.chunks().all(|chunk| chunk.part() == "bApp"));
    assert_eq!(scene.shown().await["updating"], true);
    update.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    assert_eq!((hub.state().await, application.state().await), ("succeeded".to_owned(), "succeeded".to_owned()));
    rests(&device).await;
    assert_eq!(scene.shown().await["updating"], false);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_newer_push_replaces_one_that_waits_and_waits_for_one_that_was_fetched(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let device = scene.device();
    let first = scene.push_new(APPLICATION, "1.0").await;
    let second = scene.push_new(APPLICATION, "1.1").await;
    assert_eq!((first.state().await, second.state().await), ("superseded".to_owned(), "offered".to_owned()));
    let update = fetch(&device).await;
    assert_eq!(version(&update), "1.1");

    let third = scene.push_new(APPLICATION, "1.2").await;
    assert_eq!((second.state().await, third.state().await), ("cancelling".to_owned(), "offered".to_owned()));
    let poll = device.poll().await.unwrap();
    assert!(poll.update().is_none());
    let cancel = poll.cancel_action().expect("the device is not asked to stop");
    assert_eq!(cancel.id().await.unwrap(), update.action_id());
    cancel.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    assert_eq!((second.state().await, third.state().await), ("cancelled".to_owned(), "offered".to_owned()));
    let update = fetch(&device).await;
    assert_eq!(version(&update), "1.2");
    update.send_feedback(Execution::Closed, Finished::Success, vec![]).await.unwrap();
    assert_eq!(third.state().await, "succeeded");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn only_its_own_token_opens_a_device(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let other = scene.api.device(&scene.server.account(), &scene.device_type, "other").await;
    let push = scene.push_new(APPLICATION, "1.0").await;
    let target = ClientAuthorization::TargetToken;
    let strangers = [
        scene.client(&scene.partner, DEVICE, target("0".repeat(32))),
        scene.client(&scene.partner, DEVICE, target(scene.token.to_uppercase() + "x")),
        scene.client(&scene.partner, DEVICE, target(other)),
        scene.client(&scene.partner, DEVICE, target(scene.api.token.clone().unwrap())),
        scene.client(&scene.partner, DEVICE, ClientAuthorization::GatewayToken(scene.token.clone())),
        scene.client(&scene.partner, DEVICE, ClientAuthorization::None),
        scene.client(&scene.partner, "nobody", target(scene.token.clone())),
        scene.client("nowhere", DEVICE, target(scene.token.clone())),
    ];
    for stranger in strangers {
        match stranger.poll().await {
            Err(Error::ReqwestError(error)) => assert_eq!(error.status(), Some(StatusCode::UNAUTHORIZED)),
            answer => panic!("{stranger:?} gets {answer:?}"),
        }
    }
    assert_eq!(push.state().await, "offered");
    assert_eq!(version(&fetch(&scene.device()).await), "1.0");
}
