//! Devices that download directly: a strict imitation of the Arduino libraries, through the whole life of updates.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use otaria_conformance::arduino::{Arduino, Chip, Outcome, Wants, program};
use otaria_conformance::s3::S3Server;
use otaria_conformance::{Api, Engine, Noise, Server};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

const APPLICATION: i64 = 3;
const FILES: i64 = 101;
/// As makers name their devices, with the colons that HTTP Basic has a use of its own for.
const DEVICE: &str = "24:0A:C4:A3:15:3C";

/// A server with a device type.
struct Scene {
    server: Server,
    api: Api,
    partner: String,
    device_type: String,
    token: String,
}

impl Scene {
    async fn set(engine: Engine) -> Self {
        Self::with(engine, &[]).await
    }

    async fn with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let server = Server::start_with(engine, settings).await;
        let (api, partner) = (server.owner().await, server.partner());
        let device_type = api.device_type(&partner, "plug").await;
        let token = api.device(&server.account(), &device_type, DEVICE).await;
        Self { server, api, partner, device_type, token }
    }

    /// The device, which runs a program of this version that nobody has published.
    fn device(&self, chip: Chip, version: &str) -> Arduino {
        let path = path(APPLICATION);
        let credential = (DEVICE, self.token.as_str());
        Arduino::new(chip, &self.server.url(), &path, credential, version, program(version.as_bytes()))
    }

    /// Publishes a program and pushes it; the push's address.
    async fn push(&self, firmware_type: i64, version: &str, bytes: Vec<u8>) -> String {
        let (_, image) = self.api.publish(&self.partner, &self.device_type, firmware_type, version, bytes).await;
        let pushed = self.api.push(&self.partner, &self.device_type, &image, DEVICE).await;
        pushed.is(StatusCode::ACCEPTED).headers["location"].to_str().unwrap().to_owned()
    }

    async fn shown(&self, push: &str) -> Value {
        self.api.get(push).await.ok().body
    }

    async fn state(&self, push: &str) -> String {
        self.shown(push).await["state"].as_str().unwrap().to_owned()
    }

    /// The friendly version that the device runs of a type, as its partner sees it.
    async fn runs(&self, firmware_type: i64) -> Value {
        let seen = self.api.get(&format!("/v1/partners/{}/devices/{DEVICE}", self.partner)).await.ok().body;
        let versions = seen["versions"].as_array().unwrap();
        versions.iter().find(|one| one["type"] == firmware_type).map_or(Value::Null, |one| one["version"].clone())
    }
}

/// What the sketches on the page of the ESP32 and the ESP8266 ask for, for this device and type.
fn path(firmware_type: i64) -> String {
    let page = include_str!("../../docs/devices/esp.md");
    let mut addresses =
        page.lines().filter(|line| line.contains("UPDATE_URL[]")).map(|line| line.split('"').nth(1).unwrap());
    let address = addresses.next().unwrap();
    assert_eq!(addresses.collect::<Vec<_>>(), [address], "one sketch for each chip");
    let path = address.strip_prefix("https://ota.example.com").unwrap();
    path.replace("lamp-1", DEVICE).replace("types/3", &format!("types/{firmware_type}"))
}

fn states(push: &Value) -> Vec<&str> {
    push["history"].as_array().unwrap().iter().rev().map(|entry| entry["state"].as_str().unwrap()).collect()
}

/// A program of a usual size.
fn sketch(version: &str) -> Vec<u8> {
    let mut inside = Noise::new(version.bytes().map(u64::from).sum()).bytes(900_000);
    inside.extend_from_slice(version.as_bytes());
    program(&inside)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_updates_itself(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(Chip::Esp32, Chip::Esp8266, Chip::OldEsp8266)] chip: Chip,
) {
    let scene = Scene::set(engine).await;
    let mut device = scene.device(chip, "1.0");
    assert_eq!(device.update(Wants::Sketch).await, Outcome::NoUpdates);
    let push = scene.push(APPLICATION, "1.1", sketch("1.1")).await;
    assert_eq!(scene.state(&push).await, "offered");
    assert_eq!(device.update(Wants::Sketch).await, Outcome::Ok);
    assert_eq!(device.written.as_ref(), Some(&sketch("1.1")));
    assert_eq!(scene.state(&push).await, "downloading");
    device.boots("1.1");
    assert_eq!(device.update(Wants::Sketch).await, Outcome::NoUpdates);
    let shown = scene.shown(&push).await;
    assert_eq!(states(&shown), ["offered", "downloading", "succeeded"]);
    assert_eq!((&shown["progress"], scene.runs(APPLICATION).await), (&json!(100), json!("1.1")));

    let push = scene.push(APPLICATION, "1.2", sketch("1.2")).await;
    assert_eq!(device.update(Wants::Sketch).await, Outcome::Ok);
    device.boots("1.2");
    assert_eq!(device.update(Wants::Sketch).await, Outcome::NoUpdates);
    assert_eq!((scene.state(&push).await, scene.runs(APPLICATION).await), ("succeeded".to_owned(), json!("1.2")));
    assert_eq!(device.update(Wants::Sketch).await, Outcome::NoUpdates);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_knows_no_version_is_known_by_its_program(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[values(Chip::Esp32, Chip::OldEsp32, Chip::Esp8266)] chip: Chip,
) {
    let scene = Scene::set(engine).await;
    let mut device = scene.device(chip, "");
    device.version = None;
    for version in ["a", "b"] {
        let push = scene.push(APPLICATION, version, sketch(version)).await;
        assert_eq!(device.update(Wants::Sketch).await, Outcome::Ok);
        device.boots("");
        device.version = None;
        assert_eq!(device.update(Wants::Sketch).await, Outcome::NoUpdates);
        assert_eq!(
            (scene.state(&push).await, scene.runs(APPLICATION).await),
            ("succeeded".to_owned(), json!(version))
        );
    }
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_never_gets_there_stops_trying(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let scene = Scene::set(engine).await;
    let mut device = scene.device(Chip::Esp32, "1.0");
    let push = scene.push(APPLICATION, "1.1", sketch("1.1")).await;
    for _ in 0..5 {
        assert_eq!(device.update(Wants::Sketch).await, Outcome::Ok);
        assert_eq!(scene.state(&push).await, "downloading");
    }
    for _ in 0..2 {
        assert_eq!(device.update(Wants::Sketch).await, Outcome::NoUpdates);
    }
    let shown = scene.shown(&push).await;
    assert_eq!(shown["state"], "failed");
    let message = "the device downloaded it 5 times and does not run it: it reports version 1.0";
    assert_eq!(shown["message"], message);
    assert_eq!(scene.runs(APPLICATION).await, Value::Null);

    let push = scene.push(APPLICATION, "1.2", sketch("1.2")).await;
    assert_eq!(device.update(Wants::Sketch).await, Outcome::Ok);
    device.boots("1.2");
    assert_eq!(device.update(Wants::Sketch).await, Outcome::NoUpdates);
    assert_eq!(scene.state(&push).await, "succeeded");
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_waits(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let scene = Scene::set(engine).await;
    let mut device = scene.device(Chip::Esp8266, "1.0");
    device.free_space = 500_000;
    let push = scene.push(APPLICATION, "1.1", sketch("1.1")).await;
    assert_eq!(device.update(Wants::Sketch).await, Outcome::NoUpdates);
    let shown = scene.shown(&push).await;
    assert_eq!(states(&shown), ["offered", "offered"]);
    let message = "the device has no room for the image: 500000 bytes are free, and it has 900036";
    assert_eq!(shown["message"], message);
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_no_way_in(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let scene = Scene::set(engine).await;
    let push = scene.push(APPLICATION, "1.1", sketch("1.1")).await;
    let mut device = scene.device(Chip::Esp32, "1.1");
    for (user, password) in [(DEVICE, "0".repeat(32)), ("other", scene.token.clone()), ("", String::new())] {
        device.credential = (user.to_owned(), password);
        assert_eq!(device.update(Wants::Sketch).await, Outcome::Failed("HTTP 401".to_owned()));
    }
    assert_eq!((scene.state(&push).await.as_str(), scene.runs(APPLICATION).await), ("offered", Value::Null));
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_program_and_its_files_come_one_after_the_other(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let scene = Scene::set(engine).await;
    let types = format!("/v1/ota/partners/{}/types", scene.partner);
    scene.api.post(&types, json!({"type": FILES, "name": "FILES"})).await.is(StatusCode::CREATED);
    let pages = Noise::new(3).bytes(2_000_000);
    let files_push = scene.push(FILES, "5", pages.clone()).await;
    let sketch_push = scene.push(APPLICATION, "1.1", sketch("1.1")).await;
    let mut program = scene.device(Chip::Esp32, "1.0");
    let mut files = Arduino { path: path(FILES), version: Some("4".to_owned()), ..program.clone() };
    assert_eq!(program.update(Wants::Sketch).await, Outcome::NoUpdates, "the files are older and come first");
    assert_eq!(files.update(Wants::Spiffs).await, Outcome::Ok);
    assert_eq!(files.written, Some(pages), "larger than the room for a program");
    files.version = Some("5".to_owned());
    assert_eq!(files.update(Wants::Spiffs).await, Outcome::NoUpdates);
    assert_eq!(program.update(Wants::Sketch).await, Outcome::Ok);
    program.boots("1.1");
    assert_eq!(program.update(Wants::Sketch).await, Outcome::NoUpdates);
    for push in [files_push, sketch_push] {
        assert_eq!(scene.state(&push).await, "succeeded");
    }
    assert_eq!((scene.runs(FILES).await, scene.runs(APPLICATION).await), (json!("5"), json!("1.1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_to_the_bucket() {
    let s3 = S3Server::start();
    let mut settings = s3.settings("ota");
    settings.push(("OTARIA_DOWNLOADS", "redirected".to_owned()));
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let scene = Scene::with(Engine::Sqlite, &settings).await;
    let mut device = scene.device(Chip::Esp32, "1.0");
    let push = scene.push(APPLICATION, "1.1", sketch("1.1")).await;
    assert_eq!(device.update(Wants::Sketch).await, Outcome::Ok);
    device.boots("1.1");
    device.version = None;
    assert_eq!(device.update(Wants::Sketch).await, Outcome::NoUpdates);
    assert_eq!(scene.state(&push).await, "succeeded");
}
