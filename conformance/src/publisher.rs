//! Somebody who publishes images and pushes them to devices, on a server of their own behind a link.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::slow_link::{Link, Trouble};
use crate::{Answer, Api, Engine, Server, now_millis, until};

const APPLICATION: i64 = 3;

/// Whether devices may install now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaintenanceWindow {
    Open,
    Closed,
}

impl MaintenanceWindow {
    /// What a device type wants that has such a window, before which devices may download.
    pub fn policy(self) -> Value {
        let now = now_millis() / 1000 / 60;
        let away = match self {
            Self::Open => 0,
            Self::Closed => 12 * 60,
        };
        // Ten hours around this minute, or around the one that is farthest from it.
        let opens = (now + away - 5 * 60).rem_euclid(24 * 60);
        let window = json!({ "opens": format!("{:02}:{:02}", opens / 60, opens % 60), "minutes": 10 * 60 });
        json!({ "maintenance": { "timeZone": "UTC", "windows": [window], "outside": "download" } })
    }
}

/// A server, the link that devices reach it over, and one device type.
pub struct Publisher {
    pub link: Link,
    pub server: Server,
    pub api: Api,
    pub partner: String,
    pub device_type: String,
}

impl Publisher {
    /// A fresh one, where devices are to ask every second.
    pub async fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[]).await
    }

    /// The same with more settings.
    pub async fn start_with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let mut link = Link::lay(Trouble::None).await;
        let url = link.url().to_owned();
        let mut all = vec![
            ("OTARIA_PUBLIC_URL", url.as_str()),
            ("OTARIA_POLL_SECONDS", "1"),
            ("OTARIA_BUSY_POLL_SECONDS", "1"),
        ];
        all.extend(settings);
        let server = Server::start_with(engine, &all).await;
        link.lead_to(&server.url());
        let (api, partner) = (server.owner().await, server.partner());
        let device_type = api.device_type(&partner, "lamp").await;
        Self { link, server, api, partner, device_type }
    }

    /// Changes what the device type's pushes are held to.
    pub async fn wants(&self, mut policy: Value) {
        policy["name"] = "lamp".into();
        let path = format!("/v1/partners/{}/deviceTypes/{}", self.partner, self.device_type);
        let changed = self.api.put(&path, policy).await;
        assert!(changed.status.is_success(), "{}", changed.text);
    }

    /// The same: a maintenance window that is open now, or one that is not, before which devices may download.
    pub async fn maintains(&self, window: MaintenanceWindow) {
        self.wants(window.policy()).await;
    }

    /// Where devices find the server: host and port.
    pub fn host(&self) -> String {
        self.link.url().strip_prefix("http://").unwrap().to_owned()
    }

    /// Associates a device; its token.
    pub async fn device(&self, id: &str) -> String {
        self.api.device(&self.server.account(), &self.device_type, id).await
    }

    /// Publishes an image; its version number, and the association's id.
    pub async fn publish(&self, firmware_type: i64, version: &str, bytes: Vec<u8>) -> (i64, String) {
        let (image, id) = self.api.publish(&self.partner, &self.device_type, firmware_type, version, bytes).await;
        (image["versionNumber"].as_str().unwrap().parse().unwrap(), id)
    }

    /// Pushes an image to a device.
    pub async fn push(&self, image: &str, device: &str) -> Push<'_> {
        let pushed = self.api.push(&self.partner, &self.device_type, image, device).await;
        let location = pushed.is(StatusCode::ACCEPTED).headers["location"].to_str().unwrap().to_owned();
        Push { publisher: self, location }
    }

    /// Pushes a file under its name to a new device; the link to it that the device gets, and the header that the
    /// device shows.
    pub async fn artifact(&self, device: &str, name: &str, bytes: Vec<u8>) -> (String, String) {
        let header = format!("Authorization: TargetToken {}", self.device(device).await);
        let url = self.api.publish_file(&self.partner, name, bytes).await;
        let (_, image) = self.api.publish_url(&self.partner, &self.device_type, APPLICATION, name, &url).await;
        self.push(&image, device).await;
        let (name, value) = header.split_once(": ").unwrap();
        let base = format!("{}/default/controller/v1/{device}", self.link.url());
        let mut answer = Value::Null;
        for url in [base.clone(), format!("{base}/deploymentBase/1")] {
            let request = self.api.http.get(url).header(name, value);
            answer = Answer::of(request).await.ok().body;
        }
        let artifact = &answer["deployment"]["chunks"][0]["artifacts"][0];
        (artifact["_links"]["download-http"]["href"].as_str().unwrap().to_owned(), header)
    }

    /// What a device has said about itself.
    pub async fn said(&self, device: &str) -> Value {
        self.api.get(&format!("/v1/partners/{}/devices/{device}", self.partner)).await.ok().body["configData"].clone()
    }

    /// The version number that a device is known to run of a type.
    pub async fn runs(&self, device: &str, firmware_type: i64) -> Option<i64> {
        let path = format!("/v1/partners/{}/devices/{device}", self.partner);
        let shown = self.api.get(&path).await.ok().body;
        let versions = shown["versions"].as_array().cloned().unwrap_or_default();
        let found = versions.into_iter().find(|version| version["type"] == firmware_type)?;
        Some(found["versionNumber"].as_str().unwrap().parse().unwrap())
    }
}

/// A push, by its address.
pub struct Push<'p> {
    publisher: &'p Publisher,
    location: String,
}

impl Push<'_> {
    /// The push as it is now.
    pub async fn shown(&self) -> Value {
        self.publisher.api.get(&self.location).await.ok().body
    }

    /// The push when it has reached this state.
    pub async fn reaches(&self, state: &str) -> Value {
        until(&format!("the push is {state}"), || async { self.shown().await["state"] == state }).await;
        self.shown().await
    }

    pub async fn cancel(&self) {
        self.publisher.api.delete(&self.location).await.is(StatusCode::NO_CONTENT);
    }
}

/// The states that a push went through, oldest first.
pub fn states(push: &Value) -> Vec<&str> {
    let mut states: Vec<_> =
        push["history"].as_array().unwrap().iter().rev().map(|entry| entry["state"].as_str().unwrap()).collect();
    states.dedup();
    states
}

/// The headline of every entry of a push's history, oldest first.
pub fn messages(push: &Value) -> Vec<&str> {
    push["history"].as_array().unwrap().iter().rev().filter_map(|entry| entry["message"].as_str()).collect()
}
