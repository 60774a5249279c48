//! A fleet through several publications, over bad connections and restarts of the server: every push ends once and
//! for good, what the server says that a device runs is what it runs, and nobody is ever offered a downgrade.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures::StreamExt as _;
use futures::stream;
use otaria_conformance::fleet::{Credential, Device, Fleet, Outcome};
use otaria_conformance::{Answer, Api, Engine, Noise, Server, how_many};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const APPLICATION: i64 = 3;
/// How many images there are: what the fleet runs, one that comes only when it is too late for it, and those that the
/// fleet is to go through, one after the other.
const IMAGES: usize = 4;
const LATE: usize = 1;
const FIRST: usize = 2;
/// How large they are, in bytes.
const SIZE: usize = 12_000;
/// How often a device is awake, on average, from one image to the next.
const VISITS: u64 = 3;
/// How many requests of people are under way at the same time.
const PEOPLE: usize = 4;
const ENDS: [&str; 6] = ["succeeded", "failed", "timed_out", "lost", "cancelled", "superseded"];

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_ends_every_push_once_and_runs_what_it_is_said_to_run(#[case] engine: Engine) {
    goes_through_it(engine, how_many("OTARIA_FLEET", 1000), 4).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes and the machine for itself: scripts/soak runs it"]
async fn a_large_fleet_ends_every_push_once_and_runs_what_it_is_said_to_run(#[case] engine: Engine) {
    goes_through_it(engine, how_many("OTARIA_LARGE_FLEET", 10_000), 10).await;
}

async fn goes_through_it(engine: Engine, devices: u64, restarts: u64) {
    let mut noise = Noise::of_environment();
    let began = Instant::now();
    let mut server = Server::start(engine).await;
    let scene = Arc::new(Scene::set(&server).await);
    let fleet = scene.fleet(&server, devices, &mut noise).await;
    let made = began.elapsed();
    let host = server.url().strip_prefix("http://").unwrap().to_owned();
    let mut fleet = Fleet::start(&host, fleet, &mut noise);
    let publishing = tokio::spawn(publish_all(Arc::clone(&scene), devices, fleet.visits(), noise.clone()));

    let mut memory = 0;
    for restart in 0..restarts {
        // In the middle of whatever is under way then.
        let moments = devices * VISITS * (IMAGES - FIRST) as u64 / restarts;
        fleet.visited(restart * moments + 1 + noise.below(moments)).await;
        memory = memory.max(server.peak_memory());
        tokio::task::block_in_place(|| {
            if restart % 2 == 0 {
                server.kill();
            } else {
                server.terminate();
            }
            server.launch();
        });
    }
    fleet.until(publishing).await.unwrap();
    let visits = *fleet.visits().borrow();
    let (fleet, polls) = fleet.comes_to_rest().await;
    let went = began.elapsed();
    assert_eq!(fleet.len() as u64, devices);
    let ends = scene.check(&server, &fleet).await;
    memory = memory.max(server.peak_memory());
    let at = |share: f64| polls[(polls.len() as f64 * share) as usize];
    eprintln!(
        "{devices} devices, {visits} visits until the last publication, {} polls: median {:?}, 99 % {:?}, worst {:?}; \
         the server had {} MiB at most; {ends:?}; made in {made:.1?}, all in {went:.1?}, checked in {:.1?}",
        polls.len(),
        at(0.5),
        at(0.99),
        polls.last().unwrap(),
        memory / 1024 / 1024,
        began.elapsed() - went,
    );
    for end in ["succeeded", "failed", "cancelled", "superseded"] {
        assert!(ends.contains_key(end), "no push was {end}");
    }
    let log = server.log();
    assert!(!log.contains("ERROR") && !log.contains("panicked"), "{log}");
}

/// What the fleet is to run, and who wants that.
struct Scene {
    client: Api,
    owner: Api,
    partner: String,
    account: String,
    device_type: String,
    /// The version numbers, ascending, and the associations.
    images: Vec<(i64, String)>,
    /// The pushes that were acknowledged, and their devices.
    pushes: Mutex<BTreeMap<String, String>>,
}

impl Scene {
    async fn set(server: &Server) -> Self {
        let (owner, partner) = (server.owner().await, server.partner());
        let client = server.client().await;
        let device_type = owner.device_type(&partner, "lamp").await;
        let mut images = Vec::new();
        for number in 0..IMAGES {
            let bytes = Noise::new(number as u64).bytes(SIZE);
            let (image, association) =
                client.publish(&partner, &device_type, APPLICATION, &format!("1.{number}"), bytes).await;
            images.push((text(&image["versionNumber"]).parse().unwrap(), association));
        }
        let account = server.account();
        Self { client, owner, partner, account, device_type, images, pushes: Mutex::default() }
    }

    /// Devices that run the first image. Every second one has a token of its own, the others come by a gateway.
    async fn fleet(&self, server: &Server, devices: u64, noise: &mut Noise) -> Vec<Device> {
        let body = json!({
            "name": "line", "mayRegister": true, "deviceTypeId": self.device_type, "accountId": server.account(),
        });
        let made = self.owner.post(&format!("/v1/partners/{}/gatewayTokens", self.partner), body).await;
        let gateway = text(&made.is(StatusCode::CREATED).body["token"]).to_owned();
        let seeds: Vec<u64> = (0..devices).map(|_| noise.number()).collect();
        let devices = stream::iter(seeds.into_iter().enumerate()).map(|(number, seed)| {
            let (gateway, account) = (gateway.clone(), server.account());
            async move {
                let id = device(number as u64);
                let credential = if number.is_multiple_of(2) {
                    Credential::Target(self.owner.device(&account, &self.device_type, &id).await)
                } else {
                    Credential::Gateway(gateway)
                };
                Device::new("default", &id, &credential, self.images[0].0, Noise::new(seed))
            }
        });
        devices.buffer_unordered(PEOPLE).collect().await
    }

    /// Pushes an image to a device; the push, unless that is refused.
    async fn push(&self, image: usize, device: &str) -> Option<String> {
        let path = format!(
            "/v1/ota/partners/{}/deviceTypes/{}/firmwareImages/{}/push",
            self.partner, self.device_type, self.images[image].1
        );
        loop {
            let body = json!({ "value": device });
            let answer = patiently(&self.client, Method::PUT, &path, &body).await;
            match answer.status {
                StatusCode::ACCEPTED => {
                    let location = answer.headers["location"].to_str().unwrap().to_owned();
                    self.pushes.lock().unwrap().insert(location.clone(), device.to_owned());
                    return Some(location);
                }
                // One that comes by the gateway may not have come yet.
                StatusCode::NOT_FOUND => sleep(Duration::from_millis(20)).await,
                status => {
                    assert_eq!(status, StatusCode::CONFLICT, "{}", answer.text);
                    return None;
                }
            }
        }
    }

    async fn cancel(&self, push: &str) {
        let answer = patiently(&self.client, Method::DELETE, push, &Value::Null).await;
        assert!([StatusCode::NO_CONTENT, StatusCode::CONFLICT].contains(&answer.status), "{}", answer.text);
    }

    /// Compares what the server says with what the devices know. How many pushes came to which end.
    async fn check(&self, server: &Server, fleet: &[Device]) -> BTreeMap<String, usize> {
        // The connections of before the restarts are gone.
        let (client, owner) = (server.client().await, server.owner().await);
        let path = format!("/v1/accounts/{}/devices?expansions=attributes", self.account);
        let shown = owner.get(&path).await.ok().body;
        let shown: BTreeMap<_, _> =
            shown.as_array().unwrap().iter().map(|device| (text(&device["deviceId"]), device)).collect();
        let pushes = client.all(&format!("/v1/ota/partners/{}/pushes", self.partner)).await;
        let mut by_device: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        let mut ends = BTreeMap::new();
        for push in &pushes {
            by_device.entry(text(&push["deviceId"])).or_default().push(push);
            *ends.entry(text(&push["state"]).to_owned()).or_default() += 1;
        }
        for (location, device) in &*self.pushes.lock().unwrap() {
            let id = location.rsplit('/').next().unwrap();
            assert!(by_device[device.as_str()].iter().any(|push| push["id"] == id), "{location} is lost");
        }
        for device in fleet {
            let shown = shown[device.id.as_str()];
            assert_eq!(shown["updating"], false, "{shown}");
            let data = HEXLOWER.encode(&device.runs.to_le_bytes());
            assert_eq!(shown["attributes"][0]["data"], data, "{shown} is {device:?}");
            let pushes = by_device.remove(device.id.as_str()).unwrap_or_default();
            for (index, push) in pushes.into_iter().enumerate() {
                let action = index as i64 + 1;
                check_end(push, device, action);
            }
        }
        assert!(by_device.is_empty());
        stream::iter(&pushes)
            .for_each_concurrent(PEOPLE, |push| {
                let path = format!("/v1/ota/partners/{}/pushes/{}", self.partner, text(&push["id"]));
                let client = &client;
                async move { check_history(&client.get(&path).await.ok().body) }
            })
            .await;
        ends
    }
}

/// The end of a push is the one that its device knows of.
fn check_end(push: &Value, device: &Device, action: i64) {
    let state = text(&push["state"]);
    assert!(ENDS.contains(&state), "it has not ended: {push}, {device:?}");
    let number: i64 = text(&push["versionNumber"]).parse().unwrap();
    let Some(deed) = device.deeds.get(&action) else {
        assert!(["cancelled", "superseded"].contains(&state), "nobody told the device: {push}, {device:?}");
        return;
    };
    assert_eq!(deed.number, number, "{push}, {device:?}");
    let is_so = match deed.outcome {
        Outcome::Installed => state == "succeeded" || (deed.let_go && state == "cancelled"),
        // One that was being cancelled ends as that.
        Outcome::Failed => ["failed", "cancelled"].contains(&state),
        Outcome::Open => ["cancelled", "superseded"].contains(&state),
    };
    assert!(is_so, "{deed:?}: {push}, {device:?}");
}

/// A push ends once, and what comes later changes nothing.
fn check_history(push: &Value) {
    let history = push["history"].as_array().unwrap();
    let states: Vec<_> = history.iter().rev().map(|entry| text(&entry["state"])).collect();
    assert_eq!(states.first(), Some(&"offered"), "{push}");
    let end = states.iter().position(|state| ENDS.contains(state)).unwrap_or_else(|| panic!("no end: {push}"));
    assert!(states[end..].iter().all(|state| push["state"] == *state), "it ended twice: {push}");
    let times: Vec<_> = history.iter().rev().map(|entry| entry["timestamp"].as_i64().unwrap()).collect();
    assert!(times.is_sorted(), "{push}");
    assert_eq!(push["finishedTimestamp"].as_i64(), Some(times[end]), "{push}");
}

/// Publishes one image after the other to the whole fleet, at the pace of its devices, and changes its mind here and
/// there.
async fn publish_all(scene: Arc<Scene>, devices: u64, visits: watch::Receiver<u64>, mut noise: Noise) {
    let mut people = JoinSet::new();
    for person in 0..PEOPLE as u64 {
        let (scene, mut visits, mut noise) = (Arc::clone(&scene), visits.clone(), Noise::new(noise.number()));
        people.spawn(async move {
            for (image, round) in (FIRST..IMAGES).zip(0..) {
                for number in (person..devices).step_by(PEOPLE) {
                    let pace = (round * devices + number) * VISITS;
                    drop(visits.wait_for(|visits| *visits >= pace).await.unwrap());
                    publish(&scene, image, &device(number), &mut noise).await;
                }
            }
        });
    }
    people.join_all().await;
}

async fn publish(scene: &Scene, image: usize, device: &str, noise: &mut Noise) {
    // Refused, unless nothing newer stands in the way.
    if image > FIRST && noise.below(4) == 0 {
        scene.push(LATE, device).await;
    }
    if noise.below(10) == 0 {
        return;
    }
    let push = scene.push(image, device).await;
    match (noise.below(20), push) {
        (0..2, _) if image + 1 < IMAGES => drop(scene.push(image + 1, device).await),
        (2..5, Some(push)) => scene.cancel(&push).await,
        _ => {}
    }
}

/// Sends a request until it is answered, also by a server that was started again.
async fn patiently(api: &Api, method: Method, path: &str, body: &Value) -> Answer {
    let asking = async {
        loop {
            let request = api.request(method.clone(), path);
            let request = if body.is_null() { request } else { request.json(body) };
            match Answer::try_of(request).await {
                Ok(answer) => return answer,
                // The server was stopped, and is being started again.
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    timeout(Duration::from_secs(60), asking).await.expect("the server stays away")
}

fn device(number: u64) -> String {
    format!("lamp-{number}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
