//! Two requests at once: exactly one effect, and for the other the contract's answer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use otaria_conformance::people::privileges;
use otaria_conformance::{Answer, Api, Engine, Noise, Server, how_many, until};
use reqwest::{Method, RequestBuilder, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

/// How many rounds are under way at the same time, each on a device of its own.
const LANES: u64 = 4;

fn rounds() -> u64 {
    how_many("OTARIA_RACES", 200)
}

/// Sends a request twice at once; the answers, the lower status first.
async fn twice(request: RequestBuilder) -> [Answer; 2] {
    at_once(request.try_clone().unwrap(), request).await.sorted()
}

/// Sends two requests at once, the first named a moment earlier; their answers in this order.
async fn at_once(first: RequestBuilder, second: RequestBuilder) -> [Answer; 2] {
    let (first, second) = (tokio::spawn(Answer::of(first)), tokio::spawn(Answer::of(second)));
    [first.await.unwrap(), second.await.unwrap()]
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl Sorted for [Answer; 2] {
    fn sorted(mut self) -> Self {
        self.sort_by_key(|answer| answer.status);
        self
    }
}

/// Runs every round of a race, in lanes; the answers of all.
async fn race<T: Send + 'static, F>(one: impl Fn(u64, u64) -> F + Clone + Send + 'static) -> Vec<T>
where
    F: Future<Output = T> + Send,
{
    let lanes = (0..LANES).map(|lane| {
        let one = one.clone();
        tokio::spawn(async move {
            let mut results = Vec::new();
            for round in (lane..rounds()).step_by(LANES as usize) {
                results.push(one(lane, round).await);
            }
            results
        })
    });
    join_all(lanes).await.into_iter().flat_map(Result::unwrap).collect()
}

/// A partner with two device types and, of the second, a device for each lane.
struct Scene {
    server: Server,
    api: Api,
    partner: String,
    types: [String; 2],
}

impl Scene {
    async fn set(engine: Engine) -> Arc<Self> {
        let server = Server::start(engine).await;
        let (api, owner, partner) = (server.client().await, server.owner().await, server.partner());
        let types = [owner.device_type(&partner, "first").await, owner.device_type(&partner, "second").await];
        for lane in 0..LANES {
            owner.device(&server.account(), &types[1], &device(lane)).await;
        }
        Arc::new(Self { server, api, partner, types })
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/ota/partners/{}/{rest}", self.partner)
    }

    fn push(&self, image: &str, lane: u64) -> RequestBuilder {
        let path = self.path(&format!("deviceTypes/{}/firmwareImages/{image}/push", self.types[1]));
        self.api.request(Method::PUT, &path).json(&json!({ "value": device(lane) }))
    }

    /// Puts an image of the pool among those of the second device type.
    fn associate(&self, image: &Value) -> RequestBuilder {
        let path = self.path(&format!("deviceTypes/{}/firmwareImages", self.types[1]));
        self.api.request(Method::POST, &path).json(image)
    }

    /// The newest pushes to a lane's device, and the states they are in.
    async fn newest_pushes(&self, lane: u64) -> Vec<Value> {
        let path = self.path(&format!("pushes?deviceId={}&sort=createdTimestamp,desc&size=10", device(lane)));
        self.api.get(&path).await.ok().body["content"].as_array().unwrap().clone()
    }

    /// The version numbers of the live pushes among the newest.
    async fn live(&self, lane: u64) -> Vec<String> {
        let pushes = self.newest_pushes(lane).await;
        let live = pushes.iter().filter(|push| ["offered", "fetched"].contains(&text(&push["state"])));
        live.map(|push| text(&push["versionNumber"]).to_owned()).collect()
    }

    async fn image(&self, version: &str) -> Value {
        let url = self.api.publish_bytes(&self.partner, version.to_owned()).await;
        let body = json!({ "name": "race", "type": 3, "version": version, "url": url });
        self.api.post(&self.path("pool"), body).await.is(StatusCode::CREATED).body
    }
}

fn device(lane: u64) -> String {
    format!("device-{lane}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn distinct(records: &[Value], field: &str) -> usize {
    records.iter().map(|record| record[field].to_string()).collect::<BTreeSet<_>>().len()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_identical_requests_one_takes_effect(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let rounds = rounds();
    race({
        let scene = Arc::clone(&scene);
        move |lane, round| publication(Arc::clone(&scene), lane, round)
    })
    .await;

    let pool = scene.api.all(&scene.path("pool")).await;
    assert_eq!(pool.len() as u64, rounds);
    assert_eq!((distinct(&pool, "version"), distinct(&pool, "versionNumber")), (pool.len(), pool.len()));
    for device_type in &scene.types {
        let images = scene.api.all(&scene.path(&format!("deviceTypes/{device_type}/firmwareImages"))).await;
        assert_eq!((images.len(), distinct(&images, "versionNumber")), (pool.len(), pool.len()));
    }
    let pushes = scene.api.all(&scene.path("pushes")).await;
    assert_eq!((pushes.len(), distinct(&pushes, "versionNumber")), (pool.len(), pool.len()));
    assert!(pushes.iter().all(|push| push["state"] == "cancelled"));
    until("each binary is stored once", || async { scene.server.repository_files().len() as u64 == rounds }).await;
}

/// One round: the same binary, image, association, push and cancel, twice each.
async fn publication(scene: Arc<Scene>, lane: u64, round: u64) {
    let Scene { api, partner, types, .. } = &*scene;

    let bytes = Noise::new(round).bytes(10_000);
    let [url, again] = {
        let publish = || {
            let (api, partner, bytes) = (api.clone(), partner.clone(), bytes.clone());
            tokio::spawn(async move { api.publish_bytes(&partner, bytes).await })
        };
        [publish(), publish()]
    };
    let (url, again) = (url.await.unwrap(), again.await.unwrap());
    assert_eq!(url, again);
    let stored = api.http.get(&url).bearer_auth(api.token.as_ref().unwrap()).send().await.unwrap();
    assert!(stored.bytes().await.unwrap() == bytes);

    let image = json!({
        "name": "race", "type": 3, "version": format!("1.{round}"), "url": url,
        "associations": { partner.as_str(): [types[0]] },
    });
    let [made, refused] = twice(api.request(Method::POST, &scene.path("pool")).json(&image)).await;
    let image = made.is(StatusCode::CREATED).body;
    refused.is_error(409, "firmware_image_exists");

    let [made, refused] = twice(scene.associate(&image)).await;
    let associated = made.is(StatusCode::CREATED).body;
    refused.is_error(409, "already_associated");

    let pushed = twice(scene.push(text(&associated["id"]), lane)).await;
    let [push, again] = pushed.map(|answer| answer.is(StatusCode::ACCEPTED).headers["location"].clone());
    assert_eq!(push, again);

    let push = push.to_str().unwrap();
    let [cancelled, refused] = twice(api.request(Method::DELETE, push)).await;
    cancelled.is(StatusCode::NO_CONTENT);
    refused.is_error(409, "push_has_ended");
    let push = api.get(push).await.ok().body;
    let history: Vec<_> = push["history"].as_array().unwrap().iter().map(|entry| text(&entry["state"])).collect();
    assert_eq!(history, ["cancelled", "offered"]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_firmware_types_of_a_number_one_is_made(#[case] engine: Engine) {
    // A partner has a hundred numbers.
    const NUMBERS: u64 = 100;

    let server = Server::start(engine).await;
    let owner = server.owner().await;
    let mut partners = Vec::new();
    for number in 0..rounds().div_ceil(NUMBERS) {
        let made = owner.post("/v1/partners", json!({ "name": format!("maker {number}") })).await;
        let made = made.is(StatusCode::CREATED).body;
        let api = server.client_of(text(&made["clientId"]), text(&made["clientSecret"])).await;
        partners.push((api, format!("/v1/ota/partners/{}/types", text(&made["partnerId"]))));
    }
    let partners = Arc::new(partners);
    race({
        let partners = Arc::clone(&partners);
        move |_, round| {
            let (api, path) = partners[(round / NUMBERS) as usize].clone();
            async move {
                let body = json!({ "name": "data", "type": 101 + round % NUMBERS });
                let [made, refused] = twice(api.request(Method::POST, &path).json(&body)).await;
                made.is(StatusCode::CREATED);
                assert_eq!(refused.status, StatusCode::CONFLICT, "{}", refused.text);
            }
        }
    })
    .await;
    let mut made = 0;
    for (api, path) in partners.iter() {
        let types = api.get(path).await.ok().body;
        let types = types.as_array().unwrap();
        assert_eq!(distinct(types, "type"), types.len());
        made += types.len() as u64;
    }
    assert_eq!(made, rounds());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_dissociated_image_is_on_its_way_to_nobody(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let mut images = Vec::new();
    for lane in 0..LANES {
        images.push(scene.image(&format!("1.{lane}")).await);
    }
    let images = Arc::new(images);
    let pushed: Vec<bool> = race({
        let scene = Arc::clone(&scene);
        move |lane, round| {
            let (scene, images) = (Arc::clone(&scene), Arc::clone(&images));
            async move { push_and_dissociate(&scene, &images[lane as usize], lane, round).await }
        }
    })
    .await;
    let first = pushed.iter().filter(|pushed| **pushed).count();
    eprintln!("the push came first in {first} of {} rounds", pushed.len());
}

/// Pushes an image while it is dissociated; whether the push came first.
async fn push_and_dissociate(scene: &Scene, image: &Value, lane: u64, round: u64) -> bool {
    let associated = Answer::of(scene.associate(image)).await.is(StatusCode::CREATED).body;
    let rest = format!("types/3/versionNumbers/{}", text(&image["versionNumber"]));
    let path = scene.path(&format!("deviceTypes/{}/firmwareImages/{rest}", scene.types[1]));
    let push = scene.push(text(&associated["id"]), lane);
    let dissociate = scene.api.request(Method::DELETE, &path);
    let [pushed, dissociated] = if round.is_multiple_of(2) {
        at_once(push, dissociate).await
    } else {
        let [dissociated, pushed] = at_once(dissociate, push).await;
        [pushed, dissociated]
    };
    dissociated.is(StatusCode::NO_CONTENT);
    let came_first = pushed.status == StatusCode::ACCEPTED;
    if came_first {
        let push = scene.api.get(pushed.headers["location"].to_str().unwrap()).await.ok().body;
        assert_eq!(push["state"], "cancelled", "{push}");
    } else {
        pushed.is_error(404, "not_found");
    }
    assert_eq!(scene.live(lane).await, [""; 0]);
    came_first
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_versions_at_once_the_newer_is_on_its_way(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let mut images = Vec::new();
    for version in ["1", "2"] {
        let image = scene.image(version).await;
        images.push(Answer::of(scene.associate(&image)).await.is(StatusCode::CREATED).body);
    }
    let images = Arc::new(images);
    let superseded: Vec<bool> = race({
        let scene = Arc::clone(&scene);
        move |lane, round| {
            let (scene, images) = (Arc::clone(&scene), Arc::clone(&images));
            async move { push_both(&scene, &images[0], &images[1], lane, round).await }
        }
    })
    .await;
    let first = superseded.iter().filter(|superseded| **superseded).count();
    eprintln!("the older came first in {first} of {} rounds", superseded.len());
}

/// Pushes an older and a newer image at once; whether the older came first.
async fn push_both(scene: &Scene, older: &Value, newer: &Value, lane: u64, round: u64) -> bool {
    let (push_older, push_newer) = (scene.push(text(&older["id"]), lane), scene.push(text(&newer["id"]), lane));
    let pushing = async {
        if round.is_multiple_of(2) {
            at_once(push_older, push_newer).await
        } else {
            let [newer, older] = at_once(push_newer, push_older).await;
            [older, newer]
        }
    };
    let watching = async {
        for _ in 0..2 {
            let live = scene.live(lane).await;
            assert!(live.len() <= 1, "two at once: {live:?}");
        }
    };
    let ([pushed_older, pushed_newer], ()) = futures::join!(pushing, watching);
    let push = pushed_newer.is(StatusCode::ACCEPTED).headers["location"].to_str().unwrap().to_owned();
    let came_first = pushed_older.status == StatusCode::ACCEPTED;
    if came_first {
        let push = scene.api.get(pushed_older.headers["location"].to_str().unwrap()).await.ok().body;
        assert_eq!(push["state"], "superseded", "{push}");
    } else {
        pushed_older.is_error(409, "newer_under_way");
    }
    assert_eq!(scene.live(lane).await, [text(&newer["versionNumber"])]);
    scene.api.delete(&push).await.is(StatusCode::NO_CONTENT);
    came_first
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_change_a_record_as_they_know_it_one_does(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    race({
        let scene = Arc::clone(&scene);
        move |lane, round| change_both(Arc::clone(&scene), lane, round)
    })
    .await;
}

/// One round: two change an image, a device type, and what somebody may do, each as they read it.
async fn change_both(scene: Arc<Scene>, lane: u64, round: u64) {
    let image = scene.image(&format!("1.{round}")).await;
    let path = scene.path(&format!("pool/types/3/versionNumbers/{}", text(&image["versionNumber"])));
    let with_url = |url: &str| json!({ "name": "race", "version": format!("1.{round}"), "url": url });
    one_changes(&scene, &path, [with_url("one"), with_url("other")]).await;

    let own = format!("/v1/partners/{}", scene.partner);
    let device_type = scene.api.device_type(&scene.partner, "race").await;
    let path = format!("{own}/deviceTypes/{device_type}");
    one_changes(&scene, &path, ["one", "other"].map(|name| json!({ "name": name }))).await;

    let email = format!("race-{lane}-{round}@example.com");
    let guest = scene.server.invite(&scene.api, &scene.partner, &email, &["viewDeviceInfo"]).await;
    let path = format!("{own}/users/{}", text(&guest.is(StatusCode::CREATED).body["userId"]));
    let may = ["inviteUsers", "manageDeviceProfiles"].map(|name| json!({ "privileges": privileges(&[name]) }));
    one_changes(&scene, &path, may).await;
}

/// That of two who replace what both have read, one does, and the other is told.
async fn one_changes(scene: &Scene, path: &str, bodies: [Value; 2]) {
    let read = scene.api.get(path).await.ok();
    let change =
        |body: &Value| scene.api.request(Method::PUT, path).header("if-match", &read.headers["etag"]).json(body);
    let answers = at_once(change(&bodies[0]), change(&bodies[1])).await;
    let [changed, outdated] = answers.sorted();
    assert!(changed.status.is_success(), "{path}: {}", changed.text);
    outdated.is_error(412, "precondition_failed");
}
