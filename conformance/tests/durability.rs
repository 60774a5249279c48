//! Killed at any moment, the server comes back by itself with every write that it acknowledged, and nothing
//! half-made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::HEXLOWER;
use otaria_conformance::{Answer, Api, Engine, Noise, Server, how_many};
use reqwest::{Method, RequestBuilder, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::task::JoinSet;

const WRITERS: usize = 5;
const DEVICE_TYPES: usize = 3;
/// Of the binaries that more than one writer uploads, how many there are.
const SHARED: u64 = 3;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acknowledged_survives_every_kill(#[case] engine: Engine) {
    let mut noise = Noise::of_environment();
    let mut server = Server::start(engine).await;
    let scene = Arc::new(Scene::set(&server).await);
    let (up, is_up) = watch::channel(Some(0));
    let (done, mut acknowledged) = watch::channel(0);
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let noise = Noise::new(noise.number());
        let writer = Writer::new(&scene, number, noise, is_up.clone(), done.clone());
        writers.spawn(writer.write_on());
    }
    for kill in 1..=how_many("OTARIA_KILLS", 15) {
        // So many writes later, whatever else is under way then.
        let moment = *acknowledged.borrow() + 1 + noise.below(60);
        tokio::select! {
            reached = acknowledged.wait_for(|count| *count >= moment) => drop(reached.unwrap()),
            failed = writers.join_next() => failed.unwrap().unwrap(),
        }
        up.send(None).unwrap();
        tokio::task::block_in_place(|| {
            server.kill();
            server.launch();
        });
        scene.check().await;
        up.send(Some(kill)).unwrap();
    }
    writers.shutdown().await;
    scene.check_everything().await;
    scene.ledger.lock().unwrap().tell(*acknowledged.borrow());
}

/// What the writers write to, and what they have been told.
struct Scene {
    api: Api,
    partner: String,
    device_types: Vec<String>,
    ledger: Mutex<Ledger>,
}

/// Everything that was asked for, and of that what was acknowledged.
#[derive(Default)]
struct Ledger {
    /// By SHA-256.
    binaries: BTreeMap<String, Binary>,
    /// By version.
    images: BTreeMap<String, Image>,
    /// Which image each push was to bring to which device.
    pushes_asked: BTreeSet<(String, String)>,
    /// The same of those that were acknowledged, by id.
    pushes: BTreeMap<String, (String, String)>,
    /// The pushes that were to be cancelled; whether that was acknowledged.
    cancels: BTreeMap<String, bool>,
}

#[derive(Clone)]
struct Binary {
    content: Content,
    /// Once its move was acknowledged.
    url: Option<String>,
    /// Whether its bytes were compared.
    seen: bool,
}

struct Image {
    request: Value,
    /// The answer, once it was acknowledged.
    record: Option<Value>,
}

/// A file, by what it is made from.
#[derive(Clone, Copy)]
struct Content {
    seed: u64,
    size: usize,
}

impl Content {
    fn bytes(self) -> Vec<u8> {
        Noise::new(self.seed).bytes(self.size)
    }
}

impl Ledger {
    fn tell(&self, acknowledged: u64) {
        let moved = self.binaries.values().filter(|binary| binary.url.is_some()).count();
        let images = self.images.values().filter(|image| image.record.is_some()).count();
        let cancels = self.cancels.values().filter(|cancelled| **cancelled).count();
        eprintln!(
            "{acknowledged} writes were acknowledged: {moved} of {} binaries, {images} of {} images, {} of {} pushes, \
             {cancels} of {} cancels",
            self.binaries.len(),
            self.images.len(),
            self.pushes.len(),
            self.pushes_asked.len(),
            self.cancels.len(),
        );
    }
}

/// The connection broke because the server was killed.
struct Killed;

/// Somebody who publishes images to a device, one after the other.
struct Writer {
    scene: Arc<Scene>,
    number: usize,
    noise: Noise,
    api: Api,
    /// After how many kills the server is up, if it is.
    is_up: watch::Receiver<Option<u64>>,
    kills: Option<u64>,
    done: watch::Sender<u64>,
}

impl Writer {
    fn new(
        scene: &Arc<Scene>,
        number: usize,
        noise: Noise,
        is_up: watch::Receiver<Option<u64>>,
        done: watch::Sender<u64>,
    ) -> Self {
        Self { scene: Arc::clone(scene), number, noise, api: scene.api.clone(), is_up, kills: None, done }
    }

    async fn write_on(mut self) {
        for number in 0.. {
            // A publication that was interrupted is left as it is.
            let (Ok(()) | Err(Killed)) = self.publish(number).await;
        }
    }

    /// One publication, from the upload to the push, and sometimes to its cancel.
    async fn publish(&mut self, number: u64) -> Result<(), Killed> {
        let scene = Arc::clone(&self.scene);
        let url = self.upload().await?;
        let (version, device) = (format!("{}.{number}", self.number), device(self.number));
        let request = json!({
            "name": "app", "type": 3, "version": version, "url": url,
            "description": format!("of writer {}\nthe number {number}", self.number),
            "tags": ["all", format!("writer {}", self.number)],
            "associations": { scene.partner.as_str(): scene.device_types },
        });
        let image = Image { request: request.clone(), record: None };
        scene.ledger().images.insert(version.clone(), image);
        let post = self.api.request(Method::POST, &scene.path("pool")).json(&request);
        let record = self.write(post, StatusCode::CREATED).await?.body;
        scene.ledger().images.get_mut(&version).unwrap().record = Some(record.clone());

        let device_type = &scene.device_types[self.number % DEVICE_TYPES];
        let images = scene.path(&format!("deviceTypes/{device_type}/firmwareImages"));
        let path = format!("{images}/types/3/versionNumbers/{}", text(&record["versionNumber"]));
        let image = self.send(self.api.request(Method::GET, &path), StatusCode::OK).await?.body;
        let image = text(&image["id"]).to_owned();
        scene.ledger().pushes_asked.insert((image.clone(), device.clone()));
        let push = self.api.request(Method::PUT, &format!("{images}/{image}/push")).json(&json!({ "value": device }));
        let pushed = self.write(push, StatusCode::ACCEPTED).await?;
        let location = pushed.headers["location"].to_str().unwrap();
        let push = location.rsplit('/').next().unwrap().to_owned();
        scene.ledger().pushes.insert(push.clone(), (image, device));

        if self.noise.below(3) == 0 {
            scene.ledger().cancels.insert(push.clone(), false);
            self.write(self.api.request(Method::DELETE, location), StatusCode::NO_CONTENT).await?;
            scene.ledger().cancels.insert(push, true);
        }
        Ok(())
    }

    /// Uploads a file and moves it to the repository; the url.
    async fn upload(&mut self) -> Result<String, Killed> {
        let seed = if self.noise.below(4) == 0 { self.noise.below(SHARED) } else { self.noise.number() };
        let size = 4 * 1024 + Noise::new(seed).below(2 * 1024 * 1024 - 4 * 1024) as usize;
        let content = Content { seed, size };
        let bytes = content.bytes();
        let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
        let binary = Binary { content, url: None, seen: false };
        self.scene.ledger().binaries.entry(sha256.clone()).or_insert(binary);
        let upload = self.api.request(Method::POST, &self.scene.path("binaries"));
        let upload = upload.header("content-type", "application/octet-stream").body(bytes);
        let uploaded = self.write(upload, StatusCode::OK).await?;
        assert_eq!(uploaded.body, json!({ "value": sha256 }));
        let path = self.scene.path("binaries/moveToRepository");
        let moved = self.write(self.api.request(Method::POST, &path).json(&uploaded.body), StatusCode::OK).await?;
        let url = text(&moved.body["value"]).to_owned();
        self.scene.ledger().binaries.get_mut(&sha256).unwrap().url = Some(url.clone());
        Ok(url)
    }

    /// Sends a request that writes something, and counts it once it is acknowledged.
    async fn write(&mut self, request: RequestBuilder, expected: StatusCode) -> Result<Answer, Killed> {
        let answer = self.send(request, expected).await?;
        self.done.send_modify(|done| *done += 1);
        Ok(answer)
    }

    /// Sends a request once the server is up. If the connection breaks, the server must have been killed.
    async fn send(&mut self, request: RequestBuilder, expected: StatusCode) -> Result<Answer, Killed> {
        let kills = *self.is_up.wait_for(Option::is_some).await.unwrap();
        let (_, request) = request.build_split();
        if self.kills != kills {
            // No connection of before the kill.
            self.api.http = reqwest::Client::new();
            self.kills = kills;
        }
        let request = RequestBuilder::from_parts(self.api.http.clone(), request.unwrap());
        match Answer::try_of(request).await {
            Ok(answer) => Ok(answer.is(expected)),
            Err(error) => {
                let killed = self.is_up.wait_for(|now| *now != kills);
                let killed = tokio::time::timeout(Duration::from_secs(10), killed).await;
                drop(killed.unwrap_or_else(|_| panic!("nobody killed the server, and yet: {error:?}")));
                Err(Killed)
            }
        }
    }
}

impl Scene {
    async fn set(server: &Server) -> Self {
        let (owner, partner) = (server.owner().await, server.partner());
        let mut device_types = Vec::new();
        for number in 0..DEVICE_TYPES {
            device_types.push(owner.device_type(&partner, &format!("type {number}")).await);
        }
        for number in 0..WRITERS {
            owner.device(&server.account(), &device_types[number % DEVICE_TYPES], &device(number)).await;
        }
        Self { api: server.client().await, partner, device_types, ledger: Mutex::default() }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/ota/partners/{}/{rest}", self.partner)
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// Checks everything, also the bytes that were compared before.
    async fn check_everything(&self) {
        self.ledger().binaries.values_mut().for_each(|binary| binary.seen = false);
        self.check().await;
    }

    async fn check(&self) {
        // The connections of before the kill are gone.
        let api = Api { http: reqwest::Client::new(), ..self.api.clone() };
        api.get("/readyz").await.ok();
        self.check_binaries(&api).await;
        self.check_images(&api).await;
        self.check_pushes(&api).await;
    }

    /// A binary whose move was acknowledged is there, any other is there or not, and none is there in part.
    async fn check_binaries(&self, api: &Api) {
        let unseen: Vec<_> = {
            let ledger = self.ledger();
            let unseen = ledger.binaries.iter().filter(|(_, binary)| !binary.seen);
            unseen.map(|(sha256, binary)| (sha256.clone(), binary.clone())).collect()
        };
        for (sha256, binary) in unseen {
            let path = self.path(&format!("binaries/{sha256}"));
            let status = self.compare(api, &path, binary.content).await;
            match &binary.url {
                Some(url) => {
                    assert_eq!((url, status), (&format!("{}{path}", api.url), StatusCode::OK));
                    self.ledger().binaries.get_mut(&sha256).unwrap().seen = true;
                }
                // Perhaps it was uploaded: then all of it.
                None => {
                    let moved = api.post(&self.path("binaries/moveToRepository"), json!({ "value": sha256 })).await;
                    let status = self.compare(api, &path, binary.content).await;
                    assert_eq!(moved.status, status, "{}", moved.text);
                }
            }
        }
    }

    /// Whether the repository has the binary; if so, it must be byte for byte what was uploaded.
    async fn compare(&self, api: &Api, path: &str, content: Content) -> StatusCode {
        let response = api.request(Method::GET, path).send().await.unwrap();
        let status = response.status();
        if status == StatusCode::OK {
            assert!(response.bytes().await.unwrap() == content.bytes(), "{path} has other bytes");
        } else {
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        }
        status
    }

    /// Every image that was acknowledged is there as it was, and each that is there has all of its associations.
    async fn check_images(&self, api: &Api) {
        let pool = api.all(&self.path("pool")).await;
        let mut associated = Vec::new();
        for device_type in &self.device_types {
            let images = api.all(&self.path(&format!("deviceTypes/{device_type}/firmwareImages"))).await;
            associated.push(by(images, "version"));
        }
        let numbers: BTreeSet<_> = pool.iter().map(|image| text(&image["versionNumber"])).collect();
        assert_eq!(numbers.len(), pool.len(), "a version number was given twice");
        let pool = by(pool, "version");
        let ledger = self.ledger();
        for (version, image) in &pool {
            let asked = ledger.images.get(version).unwrap_or_else(|| panic!("nobody asked for {image}"));
            for field in ["name", "type", "url", "description", "tags"] {
                assert_eq!(image[field], asked.request[field], "{image}");
            }
            for associated in &associated {
                let associated = associated.get(version).unwrap_or_else(|| panic!("an association lacks: {image}"));
                for field in ["versionNumber", "name", "url", "description", "tags"] {
                    assert_eq!(associated[field], image[field], "{associated}");
                }
            }
        }
        for (version, image) in &ledger.images {
            if let Some(mut record) = image.record.clone() {
                record.as_object_mut().unwrap().remove("versionAttributeId");
                assert_eq!(pool.get(version), Some(&record));
            }
        }
    }

    /// Every push that was acknowledged is there and, if that was acknowledged, cancelled; of each device at most
    /// one is on its way.
    async fn check_pushes(&self, api: &Api) {
        let pushes = by(api.all(&self.path("pushes")).await, "id");
        let ledger = self.ledger();
        let mut on_their_way = BTreeSet::new();
        for push in pushes.values() {
            let (image, device) = (text(&push["firmwareImageId"]), text(&push["deviceId"]));
            let asked = (image.to_owned(), device.to_owned());
            assert!(ledger.pushes_asked.contains(&asked), "nobody asked for {push}");
            match text(&push["state"]) {
                "offered" => assert!(on_their_way.insert(device), "another one is on its way: {push}"),
                "cancelled" => assert!(ledger.cancels.contains_key(text(&push["id"])), "nobody cancelled {push}"),
                state => assert_eq!(state, "superseded"),
            }
        }
        for (id, (image, device)) in &ledger.pushes {
            let push = pushes.get(id).unwrap_or_else(|| panic!("the push {id} is lost"));
            assert_eq!((text(&push["firmwareImageId"]), text(&push["deviceId"])), (image.as_str(), device.as_str()));
            if ledger.cancels.get(id) == Some(&true) {
                assert_eq!(push["state"], "cancelled", "{push}");
            }
        }
    }
}

fn device(number: usize) -> String {
    format!("device-{number}")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Records by a field that no two have in common.
fn by(records: Vec<Value>, field: &str) -> BTreeMap<String, Value> {
    let count = records.len();
    let records: BTreeMap<_, _> =
        records.into_iter().map(|record| (text(&record[field]).to_owned(), record)).collect();
    assert_eq!(records.len(), count, "two have the same {field}");
    records
}
