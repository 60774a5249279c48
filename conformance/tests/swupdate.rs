//! SWUpdate as the device: the program that many devices update themselves with, as Debian has it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use data_encoding::HEXLOWER;
use otaria_conformance::authority::Authority;
use otaria_conformance::slow_link::{Link, Trouble};
use otaria_conformance::swupdate::{Boot, Credential, Device, Image, Maker, Payload};
use otaria_conformance::{Api, Engine, Noise, Server, until};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

const APPLICATION: i64 = 3;
const DEVICE: &str = "lamp-1";

/// A server, and somebody who makes images for its devices.
struct Scene {
    link: Link,
    server: Server,
    api: Api,
    partner: String,
    device_type: String,
    maker: Maker,
}

impl Scene {
    async fn set(engine: Engine) -> Self {
        Self::behind(Trouble::None, engine).await
    }

    /// The same, where devices reach the server over a bad link.
    async fn behind(trouble: Trouble, engine: Engine) -> Self {
        Self::with(trouble, engine, "1").await
    }

    async fn with(trouble: Trouble, engine: Engine, poll_seconds: &str) -> Self {
        let mut link = Link::lay(trouble).await;
        let settings = [
            ("OTARIA_PUBLIC_URL", link.url()),
            ("OTARIA_POLL_SECONDS", poll_seconds),
            ("OTARIA_BUSY_POLL_SECONDS", poll_seconds),
        ];
        let server = Server::start_with(engine, &settings).await;
        link.lead_to(&server.url());
        let (api, partner) = (server.owner().await, server.partner());
        let device_type = api.device_type(&partner, "lamp").await;
        Self { link, server, api, partner, device_type, maker: Maker::new() }
    }

    /// A device that is off, associated under this id.
    async fn device(&self, id: &str) -> Device {
        let token = self.api.device(&self.server.account(), &self.device_type, id).await;
        self.device_with(id, Credential::Target(&token))
    }

    fn device_with(&self, id: &str, credential: Credential<'_>) -> Device {
        Device::new(&self.maker, self.link.url(), "default", id, credential)
    }

    /// Publishes an image; its version number, and the association's id.
    async fn publish(&self, version: &str, image: &Image<'_>) -> (i64, String) {
        let url = self.api.publish_file(&self.partner, "lamp.swu", self.maker.make(image)).await;
        let (record, id) = self.api.publish_url(&self.partner, &self.device_type, APPLICATION, version, &url).await;
        (record["versionNumber"].as_str().unwrap().parse().unwrap(), id)
    }

    async fn push(&self, image: &str, device: &str) -> Push<'_> {
        let pushed = self.api.push(&self.partner, &self.device_type, image, device).await;
        let location = pushed.is(StatusCode::ACCEPTED).headers["location"].to_str().unwrap().to_owned();
        Push { scene: self, location }
    }

    /// When a device polled last, in milliseconds since the Unix epoch.
    async fn last_poll(&self, device: &str) -> Option<i64> {
        let path = format!("/v1/partners/{}/devices/{device}", self.partner);
        self.api.get(&path).await.ok().body["lastPollTimestamp"].as_i64()
    }

    /// A device as its account sees it.
    async fn shown(&self, device: &str) -> Value {
        let path = format!("/v1/accounts/{}/devices/{device}?expansions=state,attributes", self.server.account());
        self.api.get(&path).await.ok().body
    }

    /// What a device has said about itself.
    async fn said(&self, device: &str) -> Value {
        self.api.get(&format!("/v1/partners/{}/devices/{device}", self.partner)).await.ok().body["configData"].clone()
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

    /// The push when it has reached this state.
    async fn reaches(&self, state: &str) -> Value {
        until(&format!("the push is {state}"), || async { self.shown().await["state"] == state }).await;
        self.shown().await
    }

    async fn cancel(&self) {
        self.scene.api.delete(&self.location).await.is(StatusCode::NO_CONTENT);
    }
}

/// The bodies of everything that was sent.
fn bodies(sent: &[u8]) -> Vec<String> {
    let sent = String::from_utf8_lossy(sent);
    let requests = sent.match_indices("Content-Length: ").filter_map(|(at, name)| {
        let (length, _) = sent[at + name.len()..].split_once("\r\n")?;
        let (_, rest) = sent[at..].split_once("\r\n\r\n")?;
        rest.get(..length.parse().ok()?).map(str::to_owned)
    });
    requests.collect()
}

/// The states that a push went through, oldest first.
fn states(push: &Value) -> Vec<&str> {
    let mut states: Vec<_> =
        push["history"].as_array().unwrap().iter().rev().map(|entry| entry["state"].as_str().unwrap()).collect();
    states.dedup();
    states
}

/// Every word in a push's history, oldest first.
fn words(push: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let entries = push["history"].as_array().unwrap().iter().rev();
    entries
        .flat_map(|entry| {
            let details = entry["details"].as_array().cloned().unwrap_or_default();
            if details.is_empty() {
                text(&entry["message"]).into_iter().collect()
            } else {
                details.iter().filter_map(text).collect::<Vec<_>>()
            }
        })
        .collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_updates_itself(#[case] engine: Engine) {
    let scene = Scene::set(engine).await;
    let mut device = scene.device(DEVICE).await;
    let payload = Noise::new(21).bytes(300_000);
    let (number, image) = scene.publish("1.1", &Image { payload: &payload, ..Image::default() }).await;
    device.start(Boot::Usual);
    until("it says what it is", || async { scene.said(DEVICE).await["board"] == "lamp" }).await;
    assert_eq!(scene.said(DEVICE).await["serial"], DEVICE);

    let push = scene.push(&image, DEVICE).await;
    push.reaches("installed").await;
    assert!(device.installed().unwrap() == payload);
    assert_eq!(scene.shown(DEVICE).await["attributes"], json!([]));
    device.restart(Boot::Succeeded);
    let shown = push.reaches("succeeded").await;
    assert_eq!(states(&shown), ["offered", "fetched", "installing", "installed", "succeeded"]);
    let words = words(&shown);
    for said in ["Installing Update Chunk Artifacts.", "SWUPDATE successful !", "All Chunks Installed."] {
        assert!(words.iter().any(|line| line == said), "{said} is not in {words:#?}");
    }
    assert_eq!(shown["message"], "Update Installed.");
    let seen = scene.shown(DEVICE).await;
    assert_eq!((&seen["updating"], &seen["attributes"][0]["id"]), (&json!(false), &json!(2000 + APPLICATION)));
    assert_eq!(seen["attributes"][0]["data"], HEXLOWER.encode(&number.to_le_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn software_that_does_not_run_has_failed() {
    let scene = Scene::set(Engine::Sqlite).await;
    let mut device = scene.device(DEVICE).await;
    let (_, image) = scene.publish("1.1", &Image::default()).await;
    device.start(Boot::Usual);
    let push = scene.push(&image, DEVICE).await;
    push.reaches("installed").await;
    device.restart(Boot::Failed);
    let shown = push.reaches("failed").await;
    assert_eq!(shown["message"], "Update Failed.");
    assert_eq!(scene.shown(DEVICE).await["attributes"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_for_other_hardware_fails_and_the_device_says_why() {
    let scene = Scene::set(Engine::Sqlite).await;
    let mut device = scene.device(DEVICE).await;
    let (_, image) = scene.publish("1.1", &Image { hardware: "2.0", ..Image::default() }).await;
    device.start(Boot::Usual);
    let shown = scene.push(&image, DEVICE).await.reaches("failed").await;
    assert_eq!(shown["message"], "ERROR : SW not compatible with hardware");
    let words = words(&shown);
    assert_eq!(words.last().unwrap(), "No suitable .swu image found");
    assert_eq!(device.installed(), None);
}

/// Of a small image SWUpdate has everything when it finds that out; of others it then refuses the rest, and says so last.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_image_for_other_hardware_fails_and_the_device_says_why() {
    let scene = Scene::set(Engine::Sqlite).await;
    let mut device = scene.device(DEVICE).await;
    let payload = Noise::new(28).bytes(500_000);
    let (_, image) = scene.publish("1.1", &Image { hardware: "2.0", payload: &payload, ..Image::default() }).await;
    device.start(Boot::Usual);
    let shown = scene.push(&image, DEVICE).await.reaches("failed").await;
    let words = words(&shown);
    assert_eq!(shown["message"], "ERROR : SW not compatible with hardware", "{words:#?}");
    assert!(words.iter().any(|line| line.contains("Channel operation returned error")), "{words:#?}");
    assert_eq!(device.installed(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_image_fails_and_the_device_says_why() {
    let scene = Scene::set(Engine::Sqlite).await;
    let mut device = scene.device(DEVICE).await;
    let payload = Noise::new(22).bytes(300_000);
    let image = Image { payload: &payload, payload_is: Payload::Damaged, ..Image::default() };
    let (_, image) = scene.publish("1.1", &image).await;
    device.start(Boot::Usual);
    let shown = scene.push(&image, DEVICE).await.reaches("failed").await;
    let message = shown["message"].as_str().unwrap();
    assert!(message.contains("HASH mismatch"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_cancelled_before_its_download() {
    // Between asking and doing there is one interval, in which everything must happen.
    let scene = Scene::with(Trouble::None, Engine::Sqlite, "5").await;
    let mut device = scene.device(DEVICE).await;
    let (_, image) = scene.publish("1.1", &Image::default()).await;
    let push = scene.push(&image, DEVICE).await;
    device.start(Boot::Usual);
    push.reaches("fetched").await;
    push.cancel().await;
    let shown = push.reaches("cancelled").await;
    assert_eq!(states(&shown), ["offered", "fetched", "cancelling", "cancelled"]);
    assert_eq!(shown["message"], "cancellation acknowledged.");
    assert_eq!(device.installed(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_is_cancelled_during_its_download() {
    let scene = Scene::behind(Trouble::SlowAfter(100_000), Engine::Sqlite).await;
    let mut device = scene.device(DEVICE).await;
    let payload = Noise::new(23).bytes(4_000_000);
    let (_, image) = scene.publish("1.1", &Image { payload: &payload, ..Image::default() }).await;
    device.start(Boot::Usual);
    let push = scene.push(&image, DEVICE).await;
    until("the download is under way", || async { scene.link.is_in_trouble() }).await;
    push.cancel().await;
    let shown = push.reaches("cancelled").await;
    assert_eq!(states(&shown), ["offered", "fetched", "installing", "cancelling", "cancelled"]);
    assert!(device.installed().is_none_or(|bytes| bytes.len() < payload.len()));

    // It is free for the next one.
    let (_, image) = scene.publish("1.2", &Image::default()).await;
    scene.push(&image, DEVICE).await.reaches("installed").await;
    assert_eq!(device.installed().unwrap(), Image::default().payload);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_comes_too_late_leaves_the_device_free_for_the_next_update() {
    let scene = Scene::set(Engine::Sqlite).await;
    let mut device = scene.device(DEVICE).await;
    let (_, image) = scene.publish("1.1", &Image::default()).await;
    device.start(Boot::Usual);
    let push = scene.push(&image, DEVICE).await;
    push.reaches("installed").await;
    push.cancel().await;
    let shown = push.reaches("cancelled").await;
    assert_eq!(states(&shown), ["offered", "fetched", "installing", "installed", "cancelling", "cancelled"]);
    let before = scene.last_poll(DEVICE).await;
    device.restart(Boot::Succeeded);
    // What is offered at its first poll it takes for what it confirms.
    until("it is back", || async { scene.last_poll(DEVICE).await > before }).await;

    let (_, image) = scene.publish("1.2", &Image { payload: b"another", ..Image::default() }).await;
    let push = scene.push(&image, DEVICE).await;
    push.reaches("installed").await;
    assert_eq!(device.installed().unwrap(), b"another");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_is_cut_goes_on_where_it_was() {
    let scene = Scene::behind(Trouble::CutAfter(700_000), Engine::Sqlite).await;
    let mut device = scene.device(DEVICE).await;
    let payload = Noise::new(24).bytes(2_000_000);
    let (_, image) = scene.publish("1.1", &Image { payload: &payload, ..Image::default() }).await;
    device.start(Boot::Usual);
    let push = scene.push(&image, DEVICE).await;
    push.reaches("installed").await;
    assert!(device.installed().unwrap() == payload);
    assert!(scene.link.is_in_trouble());
    let sent = String::from_utf8_lossy(&scene.link.sent()).into_owned();
    let ranges: Vec<_> = sent.lines().filter(|line| line.starts_with("Range: bytes=")).collect();
    assert!(!ranges.is_empty() && ranges.iter().all(|range| range.ends_with('-')), "{ranges:?}");
    device.restart(Boot::Succeeded);
    push.reaches("succeeded").await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_download_survives_the_server(#[case] engine: Engine) {
    let mut scene = Scene::behind(Trouble::SlowAfter(100_000), engine).await;
    let mut device = scene.device(DEVICE).await;
    let payload = Noise::new(27).bytes(2_000_000);
    let (_, image) = scene.publish("1.1", &Image { payload: &payload, ..Image::default() }).await;
    let location = scene.push(&image, DEVICE).await.location;
    device.start(Boot::Usual);
    until("the download is under way", || async { scene.link.is_in_trouble() }).await;
    scene.server.kill();
    scene.link.meets(Trouble::None);
    scene.server.launch();
    // Connections of before are gone.
    scene.api = scene.server.anonymous().with_token(scene.api.token.as_ref().unwrap());
    let push = Push { scene: &scene, location };
    push.reaches("installed").await;
    assert!(device.installed().unwrap() == payload);
    let sent = String::from_utf8_lossy(&scene.link.sent()).into_owned();
    assert!(sent.lines().any(|line| line.starts_with("Range: bytes=")), "{sent}");
    device.restart(Boot::Succeeded);
    push.reaches("succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_a_wrong_token_gets_nothing_and_harms_nobody() {
    let scene = Scene::set(Engine::Sqlite).await;
    drop(scene.device(DEVICE).await);
    let mut stranger = scene.device_with(DEVICE, Credential::Target(&"0".repeat(32)));
    let (_, image) = scene.publish("1.1", &Image::default()).await;
    let push = scene.push(&image, DEVICE).await;
    stranger.start(Boot::Usual);
    let polls = || scene.link.sent().windows(4).filter(|window| window == b"GET ").count();
    until("it has asked some times", || async { polls() > 3 }).await;
    assert_eq!(push.shown().await["state"], "offered");
    assert_eq!(scene.said(DEVICE).await, Value::Null);
    assert_eq!(scene.shown(DEVICE).await["deviceState"]["available"], false);
    assert_eq!(stranger.installed(), None);
    let log = scene.server.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_json_is_understood_all_the_same() {
    let scene = Scene::set(Engine::Sqlite).await;
    let mut device = scene.device(DEVICE).await;
    let script = "#!/bin/sh\nprintf 'slot \\033[1m\\001<b> \\t\"quoted\" back\\\\slash\\n' >&2\n";
    let (_, image) = scene.publish("1.1", &Image { script: Some(script), ..Image::default() }).await;
    device.start(Boot::Usual);
    let push = scene.push(&image, DEVICE).await;
    let shown = push.reaches("installed").await;
    // Control characters as they are in a text: that is no JSON.
    let sent = scene.link.sent();
    assert!(sent.windows(10).any(|window| window == b"slot \x1b[1m\x01"), "{}", sent.escape_ascii());
    let words = words(&shown);
    assert!(words.iter().any(|line| line.contains("slot [1m<b>") && line.contains("quoted")), "{words:#?}");
}

/// Where something is missing, SWUpdate says so with a line feed in the middle of a text, which is no JSON.
#[rstest]
#[case::sha1("\"sha1\":", "\"sha9\":")]
#[case::size("\"size\":", "\"sixe\":")]
#[case::filename("\"filename\":", "\"filenane\":")]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_misses_something_fails_instead_of_trying_for_ever(
    #[case] instead_of: &'static str,
    #[case] says: &'static str,
) {
    let scene = Scene::behind(Trouble::Says { instead_of, says, times: usize::MAX }, Engine::Sqlite).await;
    let mut device = scene.device(DEVICE).await;
    let (_, image) = scene.publish("1.1", &Image::default()).await;
    device.start(Boot::Usual);
    let shown = scene.push(&image, DEVICE).await.reaches("failed").await;
    let closing: Vec<_> = bodies(&scene.link.sent()).into_iter().filter(|body| body.contains("closed")).collect();
    let is_raw = |body: &String| body.contains('\n') && serde_json::from_str::<Value>(body).is_err();
    assert!(closing.iter().any(is_raw), "{closing:#?}");
    assert!(!words(&shown).is_empty(), "{shown}");
    assert_eq!(device.installed(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_update_themselves_side_by_side() {
    let scene = Scene::set(Engine::Sqlite).await;
    let mut devices = [scene.device("lamp-1").await, scene.device("lamp-2").await];
    let payloads = [25, 26].map(|seed| Noise::new(seed).bytes(200_000));
    let mut pushes = Vec::new();
    for (number, payload) in payloads.iter().enumerate() {
        let (_, image) = scene.publish(&format!("1.{number}"), &Image { payload, ..Image::default() }).await;
        pushes.push(scene.push(&image, &format!("lamp-{}", number + 1)).await);
    }
    devices.iter_mut().for_each(|device| device.start(Boot::Usual));
    for ((push, device), payload) in pushes.iter().zip(&devices).zip(&payloads) {
        push.reaches("installed").await;
        assert!(device.installed().as_ref() == Some(payload));
    }
    devices.iter_mut().for_each(|device| device.restart(Boot::Succeeded));
    for push in &pushes {
        push.reaches("succeeded").await;
    }
    let [first, second] = ["lamp-1", "lamp-2"].map(|id| scene.shown(id));
    let (first, second) = (first.await, second.await);
    assert_ne!(first["attributes"][0]["data"], second["attributes"][0]["data"]);
    assert_eq!(scene.said("lamp-2").await["serial"], "lamp-2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_token_registers_a_device_and_updates_it() {
    let scene = Scene::set(Engine::Sqlite).await;
    let body = json!({
        "name": "line 1", "mayRegister": true, "deviceTypeId": scene.device_type, "accountId": scene.server.account(),
    });
    let made = scene.api.post(&format!("/v1/partners/{}/gatewayTokens", scene.partner), body).await;
    let token = made.is(StatusCode::CREATED).body["token"].as_str().unwrap().to_owned();
    let mut device = scene.device_with("lamp-9", Credential::Gateway(&token));
    device.start(Boot::Usual);
    let path = format!("/v1/partners/{}/devices/lamp-9", scene.partner);
    until("it is registered", || async { scene.api.get(&path).await.body["configData"]["serial"] == "lamp-9" }).await;

    let (_, image) = scene.publish("1.1", &Image::default()).await;
    let push = scene.push(&image, "lamp-9").await;
    push.reaches("installed").await;
    device.restart(Boot::Succeeded);
    push.reaches("succeeded").await;
}

/// A device with a certificate and no token: its authority's folder, and the server that trusts it.
struct Certified {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl Certified {
    fn new() -> Self {
        let (folder, server) = (tempfile::tempdir().unwrap(), Authority::new("The server's authority"));
        std::fs::write(folder.path().join("ca.pem"), server.pem()).unwrap();
        server.server().put(folder.path(), "server");
        Self { folder, authority: Authority::new("The lamps' authority") }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A server that speaks TLS and lets in whom the authority certified and did not revoke.
    async fn scene(&self, revocation_list: &str) -> Scene {
        let (certificate, key) = (self.path("server.pem"), self.path("server.key"));
        let settings = [
            ("OTARIA_TLS_CERTIFICATE", certificate.as_str()),
            ("OTARIA_TLS_KEY", key.as_str()),
            ("OTARIA_POLL_SECONDS", "1"),
            ("OTARIA_BUSY_POLL_SECONDS", "1"),
        ];
        let server = Server::start_with(Engine::Sqlite, &settings).await;
        let ca = reqwest::Certificate::from_pem(&std::fs::read(self.path("ca.pem")).unwrap()).unwrap();
        let api = server.owner_over(reqwest::Client::builder().tls_certs_only([ca]).build().unwrap()).await;
        let partner = server.partner();
        let device_type = api.device_type(&partner, "lamp").await;
        let said = json!({
            "certificate": true, "targetToken": false, "gatewayToken": false,
            "caBundle": self.authority.pem(), "revocationLists": revocation_list,
        });
        api.put(&format!("/v1/partners/{partner}/deviceAuthentication"), said).await.ok();
        let link = Link::lay(Trouble::None).await;
        Scene { link, server, api, partner, device_type, maker: Maker::new() }
    }

    fn device(&self, scene: &Scene, name: &str) -> Device {
        let credential = Credential::Certificate { folder: self.folder.path(), name };
        Device::new(&scene.maker, &scene.server.url(), "default", DEVICE, credential)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_updates_itself_with_a_certificate_in_place_of_a_token() {
    let certified = Certified::new();
    certified.authority.device(DEVICE).put(certified.folder.path(), "lamp");
    let scene = certified.scene("").await;
    scene.api.device(&scene.server.account(), &scene.device_type, DEVICE).await;
    let mut device = certified.device(&scene, "lamp");
    let payload = Noise::new(27).bytes(300_000);
    let (_, image) = scene.publish("1.1", &Image { payload: &payload, ..Image::default() }).await;
    device.start(Boot::Usual);
    until("it says what it is", || async { scene.said(DEVICE).await["serial"] == DEVICE }).await;
    let push = scene.push(&image, DEVICE).await;
    push.reaches("installed").await;
    assert!(device.installed().unwrap() == payload);
    device.restart(Boot::Succeeded);
    let shown = push.reaches("succeeded").await;
    assert_eq!(states(&shown), ["offered", "fetched", "installing", "installed", "succeeded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_certificate_was_revoked_gets_nothing() {
    let certified = Certified::new();
    let (lost, good) = (certified.authority.device(DEVICE), certified.authority.device(DEVICE));
    lost.put(certified.folder.path(), "lost");
    good.put(certified.folder.path(), "good");
    let scene = certified.scene(&certified.authority.revoking(&[&lost])).await;
    scene.api.device(&scene.server.account(), &scene.device_type, DEVICE).await;
    let (_, image) = scene.publish("1.1", &Image::default()).await;
    let push = scene.push(&image, DEVICE).await;
    let mut device = certified.device(&scene, "lost");
    device.start(Boot::Usual);
    until("it was refused", || async { device.log().matches("401").count() > 3 }).await;
    assert_eq!(push.shown().await["state"], "offered");
    assert_eq!(scene.said(DEVICE).await, Value::Null);
    assert_eq!(device.installed(), None);
    drop(device);

    // The same device with its new certificate gets all of it.
    let mut device = certified.device(&scene, "good");
    device.start(Boot::Usual);
    push.reaches("installed").await;
}
