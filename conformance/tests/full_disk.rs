//! The disk is full, at whatever write: a clear answer, nothing left over, and service again once there is room.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use otaria_conformance::small_disk::{PostgresOnDisk, SmallDisk};
use otaria_conformance::{Api, Engine, Noise, Server, files_in};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const DEVICE: &str = "0011223344556677";
/// How large the images are: a few pages, so that most of what a publication writes goes to the database.
const IMAGE_BYTES: usize = 20_000;

/// A partner with a device, and the publications of it.
struct Publisher {
    server: Server,
    api: Api,
    partner: String,
    device_type: String,
    token: String,
    noise: Noise,
    /// The URL of its SQLite file.
    database: String,
}

/// What became of one publication.
enum Outcome {
    /// The device runs it.
    Done,
    /// This step was refused.
    Refused(&'static str),
}

impl Publisher {
    async fn on(settings: &[(&str, &str)]) -> Self {
        let data = settings.iter().find(|(name, _)| *name == "OTARIA_DATA").map(|(_, data)| PathBuf::from(data));
        let server = Server::start_with(Engine::Sqlite, settings).await;
        let (api, partner) = (server.owner().await, server.partner());
        let device_type = api.device_type(&partner, "thermostat").await;
        let token = api.device(&server.account(), &device_type, DEVICE).await;
        let data = data.unwrap_or_else(|| server.data());
        let database = format!("sqlite:{}", data.join("otaria.db").display());
        Self { server, api, partner, device_type, token, noise: Noise::of_environment(), database }
    }

    async fn device(&self, method: Method, path: &str, body: Option<Value>) -> StatusCode {
        let url = format!("{}/default/controller/v1/{DEVICE}{path}", self.server.url());
        let mut request =
            self.api.http.request(method, url).header("authorization", format!("TargetToken {}", self.token));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        drop(answer.bytes().await);
        status
    }

    /// Publishes a new image and has the device install it, up to the first step that is refused for want of room.
    /// Whatever else goes wrong fails the test.
    async fn publish(&mut self, version: &str) -> Outcome {
        let ota = format!("/v1/ota/partners/{}", self.partner);
        let bytes = self.noise.bytes(IMAGE_BYTES);
        let uploaded = self.api.upload(&self.partner, bytes).await;
        let Some(sha256) = room(uploaded, 200) else { return Outcome::Refused("upload") };
        let moved = self.api.post(&format!("{ota}/binaries/moveToRepository"), sha256).await;
        let Some(url) = room(moved, 200) else { return Outcome::Refused("move") };
        let image = json!({
            "name": "app", "type": 5, "version": version, "url": url["value"],
            "associations": { &self.partner: [&self.device_type] },
        });
        let Some(image) = room(self.api.post(&format!("{ota}/pool"), image).await, 201) else {
            return Outcome::Refused("pool");
        };
        let number = image["versionNumber"].as_str().unwrap();
        let images = format!("{ota}/deviceTypes/{}/firmwareImages", self.device_type);
        let associated = self.api.get(&format!("{images}/types/5/versionNumbers/{number}")).await.ok().body;
        let id = associated["id"].as_str().unwrap();
        let pushed = self.api.push(&self.partner, &self.device_type, id, DEVICE).await;
        let location = pushed.headers.get("location").cloned();
        if room(pushed, 202).is_none() {
            return Outcome::Refused("push");
        }
        let location = location.unwrap().to_str().unwrap().to_owned();
        let action = self.offered().await.unwrap();
        for (method, path, body) in [
            (Method::GET, format!("/deploymentBase/{action}"), None),
            (Method::POST, format!("/deploymentBase/{action}/feedback"), Some(success(&action))),
        ] {
            match self.device(method, &path, body).await {
                StatusCode::OK => {}
                StatusCode::INSUFFICIENT_STORAGE => return Outcome::Refused("device"),
                other => panic!("{path} was answered {other}\n{}", self.server.log()),
            }
        }
        let push = self.api.get(&location).await.ok().body;
        assert_eq!(push["state"], "succeeded", "{push}");
        Outcome::Done
    }

    /// The device's number for the push that it is offered, if any.
    async fn offered(&self) -> Option<String> {
        let base = self.api.http.get(format!("{}/default/controller/v1/{DEVICE}", self.server.url()));
        let base = base.header("authorization", format!("TargetToken {}", self.token)).send().await.unwrap();
        let base: Value = base.json().await.unwrap();
        let link = base["_links"]["deploymentBase"]["href"].as_str()?;
        Some(link.rsplit('/').next().unwrap().split('?').next().unwrap().to_owned())
    }

    /// The device gets on with whatever it is still offered, so that nothing is under way.
    async fn settle(&self) {
        while let Some(action) = self.offered().await {
            let path = format!("/deploymentBase/{action}/feedback");
            assert_eq!(self.device(Method::POST, &path, Some(success(&action))).await, StatusCode::OK);
        }
    }
}

/// What a device says that has installed what it was offered.
fn success(action: &str) -> Value {
    json!({ "id": action, "status": { "execution": "closed", "result": { "finished": "success" } } })
}

/// What was answered, unless there was no room. A refusal is the one error body, and says so.
#[track_caller]
fn room(answer: otaria_conformance::Answer, expected: u16) -> Option<Value> {
    if answer.status == StatusCode::INSUFFICIENT_STORAGE {
        let answer = answer.is_error(507, "storage_full");
        assert!(answer.text.contains("Make room"), "{}", answer.text);
        return None;
    }
    assert_eq!(answer.status.as_u16(), expected, "{}", answer.text);
    Some(answer.body)
}

/// Publications with less and less missing: `pages` of room are left at each. How often each step was refused.
async fn squeeze(
    publisher: &mut Publisher,
    disk: &SmallDisk,
    rooms: impl Iterator<Item = u64>,
) -> BTreeMap<&'static str, u32> {
    let mut refused = BTreeMap::new();
    for pages in rooms {
        truncate_journal(publisher).await;
        disk.fill_but_for(pages);
        let outcome = publisher.publish(&format!("{pages} pages")).await;
        // What was there before can still be read.
        publisher.api.get(&format!("/v1/ota/partners/{}/pool?size=1", publisher.partner)).await.ok();
        publisher.server.anonymous().get("/livez").await.ok();
        disk.make_room();
        if let Outcome::Refused(step) = outcome {
            *refused.entry(step).or_default() += 1;
            publisher.settle().await;
            let again = publisher.publish(&format!("{pages} pages, with room")).await;
            assert!(matches!(again, Outcome::Done), "no service although there is room\n{}", publisher.server.log());
        }
    }
    refused
}

/// Empties SQLite's journal, which otherwise keeps the room that it once took, so that every write needs room again.
async fn truncate_journal(publisher: &Publisher) {
    use sqlx::{Connection as _, Executor as _};
    let mut connection = sqlx::SqliteConnection::connect(&publisher.database).await.unwrap();
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    connection.close().await.unwrap();
}

/// Every file of the repository is one that a row names, and none is half there.
async fn nothing_is_left_over(publisher: &Publisher, repository: &Path) {
    let check = publisher.server.command(&["check"]).output().unwrap();
    let said = String::from_utf8(check.stdout).unwrap();
    assert!(check.status.success(), "{said}{}", String::from_utf8_lossy(&check.stderr));
    let intact: usize = said
        .lines()
        .find_map(|line| line.strip_prefix("binaries: "))
        .and_then(|counts| counts.split_whitespace().next()?.parse().ok())
        .unwrap();
    assert_eq!(files_in(repository).len(), intact, "{said}");
}

#[tokio::test]
async fn a_disk_that_is_full_at_any_write_of_a_publication_costs_only_that_publication() {
    let disk = SmallDisk::mount(48 << 20);
    let data = disk.path().join("data");
    let mut publisher = Publisher::on(&[("OTARIA_DATA", data.to_str().unwrap())]).await;
    let refused = squeeze(&mut publisher, &disk, 0..120).await;
    eprintln!("refused: {refused:?}");
    for step in ["upload", "move", "pool", "push", "device"] {
        assert!(refused.contains_key(step), "no {step} ever met the full disk: {refused:?}");
    }
    nothing_is_left_over(&publisher, &data.join("repository")).await;
}

#[tokio::test]
async fn a_full_disk_of_the_repository_alone_costs_only_uploads() {
    let disk = SmallDisk::mount(4 << 20);
    let repository = disk.path().join("repository");
    let url = format!("file:{}", repository.display());
    let mut publisher = Publisher::on(&[("OTARIA_REPOSITORY_URL", &url)]).await;
    let refused = squeeze(&mut publisher, &disk, 0..10).await;
    assert_eq!(refused.keys().copied().collect::<Vec<_>>(), ["upload"]);
    nothing_is_left_over(&publisher, &repository).await;
}

#[tokio::test]
async fn a_full_disk_of_postgresql_costs_only_what_is_being_written() {
    let disk = SmallDisk::mount(96 << 20);
    let postgres = PostgresOnDisk::start(&disk);
    let mut publisher = Publisher::on(&[("OTARIA_DATABASE_URL", &postgres.url)]).await;
    let mut refused = BTreeMap::new();
    // A table grows only now and then: so again and again, with less and less room.
    for round in 0..60 {
        disk.fill_but_for(round % 4);
        let outcome = publisher.publish(&format!("round {round}")).await;
        if let Outcome::Refused(step) = outcome {
            *refused.entry(step).or_insert(0) += 1;
            disk.make_room();
            publisher.settle().await;
            let again = publisher.publish(&format!("round {round}, with room")).await;
            assert!(matches!(again, Outcome::Done), "no service although there is room");
        }
    }
    disk.make_room();
    eprintln!("refused: {refused:?}");
    assert!(!refused.is_empty(), "the disk was never full");
    nothing_is_left_over(&publisher, &publisher.server.data().join("repository")).await;
}
