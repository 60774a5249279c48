//! SWUpdate as the device: the program that many devices update themselves with, as Debian has it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use data_encoding::HEXLOWER;
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
        let mut link = Link::lay(trouble).await;
        let settings =
            [("OTARIA_PUBLIC_URL", link.url()), ("OTARIA_POLL_SECONDS", "1"), ("OTARIA_BUSY_POLL_SECONDS", "1")];
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
    eprintln!("{shown:#}");
    eprintln!("{}", String::from_utf8_lossy(&scene.link.sent()));
    let expected = ["offered", "fetched", "installing", "installed", "succeeded"];
    assert_eq!(states(&shown), expected);
    let words = words(&shown);
    assert!(words.iter().any(|line| line == "Installing Update Chunk Artifacts."), "{words:?}");
    assert_eq!(words.last().unwrap(), "Update Installed.");
    let seen = scene.shown(DEVICE).await;
    assert_eq!(seen["updating"], false);
    assert_eq!(seen["attributes"][0]["data"], HEXLOWER.encode(&number.to_le_bytes()));
}
