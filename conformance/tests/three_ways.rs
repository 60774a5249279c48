//! The three ways in which a pipeline publishes (partner-api.md, section 5), by HTTP alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "this is all test code")]

use otaria_conformance::{Answer, Api, Engine, Server};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

const HUB: i64 = 5;

/// A pipeline with its credentials, and the hub in the lab that it tries its images on.
struct Pipeline {
    _server: Server,
    api: Api,
    ota: String,
    partner: String,
    device_type: String,
}

impl Pipeline {
    async fn start(engine: Engine) -> Self {
        let server = Server::start(engine).await;
        let (api, partner) = (server.client().await, server.partner());
        let device_type = api.device_type(&partner, "Hub").await;
        api.device(&server.account(), &device_type, "hub-in-the-lab").await;
        Self { ota: format!("/v1/ota/partners/{partner}"), _server: server, api, partner, device_type }
    }

    /// Uploads what was built and moves it to the repository; the url.
    async fn upload(&self, built: Vec<u8>) -> String {
        let uploaded = self.api.upload(&self.partner, built).await.ok().body;
        let moved = self.api.post(&format!("{}/binaries/moveToRepository", self.ota), uploaded).await.ok().body;
        moved["value"].as_str().unwrap().to_owned()
    }

    fn images(&self) -> String {
        format!("{}/deviceTypes/{}/firmwareImages", self.ota, self.device_type)
    }

    /// Pushes an associated image to the lab, and reads the push.
    async fn push(&self, image: &Value) -> Value {
        let path = format!("{}/{}/push", self.images(), image["id"].as_str().unwrap());
        let pushed = self.api.put(&path, json!({ "value": "hub-in-the-lab" })).await.is(StatusCode::ACCEPTED);
        self.api.get(pushed.headers["location"].to_str().unwrap()).await.ok().body
    }

    /// Downloads what an image's url names.
    async fn download(&self, image: &Value) -> Vec<u8> {
        let url = image["url"].as_str().unwrap();
        let request = self.api.http.get(url).bearer_auth(self.api.token.as_ref().unwrap());
        request.send().await.unwrap().error_for_status().unwrap().bytes().await.unwrap().to_vec()
    }

    /// The versions in the pool that carry a tag, oldest first.
    async fn tagged(&self, tag: &str) -> Vec<Value> {
        let page =
            self.api.get(&format!("{}/pool/types/{HUB}?sort=versionNumber&tags={tag}", self.ota)).await.ok().body;
        page["content"].as_array().unwrap().iter().map(|image| image["version"].clone()).collect()
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn record_first(#[case] engine: Engine) {
    let ci = Pipeline::start(engine).await;
    // The record, whose version number goes into the image that is built now.
    let body = json!({ "name": "hub-os", "type": HUB, "version": "2.4.0", "url": "" });
    let record = ci.api.post(&format!("{}/pool", ci.ota), body).await.is(StatusCode::CREATED).body;
    let number = record["versionNumber"].as_str().unwrap();
    let built = format!("an image that calls itself {number}").into_bytes();
    let url = ci.upload(built.clone()).await;
    // The whole record goes back with the url in it, and then to the device type.
    let mut record = record.clone();
    record["url"] = json!(url);
    let path = format!("{}/pool/types/{HUB}/versionNumbers/{number}", ci.ota);
    ci.api.put(&path, record.clone()).await.is(StatusCode::NO_CONTENT);
    let image = ci.api.post(&ci.images(), record).await.is(StatusCode::CREATED).body;
    assert_eq!(ci.download(&image).await, built);
    let push = ci.push(&image).await;
    assert_eq!((&push["versionNumber"], &push["state"]), (&json!(number), &json!("offered")));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn binary_first(#[case] engine: Engine) {
    let ci = Pipeline::start(engine).await;
    // Uploaded as a browser would, and moved.
    let built = b"an image that does not know its number".to_vec();
    let form = reqwest::multipart::Part::bytes(built.clone()).file_name("hub-os-2.4.0.swu");
    let request = ci.api.request(Method::POST, &format!("{}/binaries", ci.ota));
    let uploaded = Answer::of(request.multipart(reqwest::multipart::Form::new().part("file", form))).await.ok().body;
    let moved = ci.api.post(&format!("{}/binaries/moveToRepository", ci.ota), uploaded).await.ok().body;
    // One call makes the record and its association.
    let body = json!({
        "name": "hub-os", "type": HUB, "version": "2.4.0", "url": moved["value"],
        "associations": { &ci.partner: [ci.device_type] },
    });
    let record = ci.api.post(&format!("{}/pool", ci.ota), body).await.is(StatusCode::CREATED).body;
    let number = record["versionNumber"].as_str().unwrap();
    let associations =
        ci.api.get(&format!("{}/pool/types/{HUB}/versionNumbers/{number}/associations", ci.ota)).await.ok();
    let image = ci.api.get(&format!("{}/types/{HUB}/versionNumbers/{number}", ci.images())).await.ok().body;
    assert_eq!(associations.body[0]["firmwareImageId"], image["id"]);
    assert_eq!(ci.download(&image).await, built);
    let push = ci.push(&image).await;
    assert_eq!((&push["versionNumber"], &push["state"]), (&record["versionNumber"], &json!("offered")));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn by_tags_through_the_stages(#[case] engine: Engine) {
    let ci = Pipeline::start(engine).await;
    for version in ["2.4.0", "2.5.0"] {
        // Nothing is published twice.
        let exists = format!("{}/pool/types/{HUB}/names/hub%2Fos%20EU/versions/{version}/exists", ci.ota);
        assert_eq!(ci.api.get(&exists).await.ok().body, json!({ "value": false }));
        let url = ci.upload(version.into()).await;
        let body = json!({
            "name": "hub/os EU", "type": HUB, "version": version, "url": url, "tags": ["qa"],
            "associations": { &ci.partner: [ci.device_type] },
        });
        ci.api.post(&format!("{}/pool", ci.ota), body.clone()).await.is(StatusCode::CREATED);
        assert_eq!(ci.api.get(&exists).await.ok().body, json!({ "value": true }));
        ci.api.post(&format!("{}/pool", ci.ota), body).await.is_error(409, "firmware_image_exists");
    }
    assert_eq!(ci.tagged("qa").await, ["2.4.0", "2.5.0"]);
    assert_eq!(ci.tagged("release").await, Vec::<Value>::new());

    // QA lets the older one pass: another tag on the same record, which its device type shows too.
    let passed = ci.api.get(&format!("{}/pool?tags=qa&sort=version", ci.ota)).await.ok().body["content"][0].clone();
    let path = format!("{}/pool/types/{HUB}/versionNumbers/{}", ci.ota, passed["versionNumber"].as_str().unwrap());
    let mut released = passed;
    released["tags"] = json!(["release"]);
    ci.api.put(&path, released).await.is(StatusCode::NO_CONTENT);
    assert_eq!(ci.tagged("qa").await, ["2.5.0"]);
    assert_eq!(ci.tagged("release").await, ["2.4.0"]);
    assert_eq!(ci.tagged("qa,release").await, ["2.4.0", "2.5.0"]);
    assert_eq!(ci.api.get(&format!("{}/tags", ci.ota)).await.ok().body, json!(["qa", "release"]));
    let images = ci.api.get(&format!("{}/types/{HUB}?tags=release", ci.images())).await.ok().body;
    let image = &images["content"][0];
    assert_eq!((&images["totalElements"], &image["version"]), (&json!(1), &json!("2.4.0")));
    assert_eq!(ci.push(image).await["version"], "2.4.0");
}
