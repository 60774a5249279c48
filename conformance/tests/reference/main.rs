//! The reference, endpoint by endpoint: what every answer looks like, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "this is all test code")]

mod binaries;
mod bodies;
mod firmware_images;
mod firmware_types;
mod house;
mod lists;
mod pool;
mod pushes;
mod revisions;
mod tokens;

use otaria_conformance::{Answer, Api, Engine, Server};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

const TYPE: &[&str] =
    &["id", "name", "type", "partnerId", "createdTimestamp", "updatedTimestamp", "versionAttributeId"];
const IMAGE: &[&str] = &[
    "id",
    "name",
    "type",
    "versionNumber",
    "version",
    "url",
    "tags",
    "createdTimestamp",
    "updatedTimestamp",
    "partnerId",
];
const PAGE: &[&str] = &["number", "size", "totalPages", "numberOfElements", "totalElements", "content", "sort"];

/// `fields` and more.
fn and(fields: &[&'static str], more: &[&'static str]) -> Vec<&'static str> {
    [fields, more].concat()
}

/// A server with the default partner's client.
struct Here {
    server: Server,
    api: Api,
    partner: String,
}

impl Here {
    async fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[]).await
    }

    async fn start_with(engine: Engine, settings: &[(&str, &str)]) -> Self {
        let server = Server::start_with(engine, settings).await;
        let (api, partner) = (server.client().await, server.partner());
        Self { server, api, partner }
    }

    /// A path under the partner's firmware.
    fn ota(&self, rest: &str) -> String {
        format!("/v1/ota/partners/{}/{rest}", self.partner)
    }

    /// A path under the partner itself.
    fn own(&self, rest: &str) -> String {
        format!("/v1/partners/{}/{rest}", self.partner)
    }

    /// A path under a device type's firmware images.
    fn images(&self, device_type: &str, rest: &str) -> String {
        self.ota(&format!("deviceTypes/{device_type}/firmwareImages{rest}"))
    }

    async fn create_image(&self, body: Value) -> Answer {
        self.api.post(&self.ota("pool"), body).await
    }

    /// A new image in the pool.
    async fn image(&self, body: Value) -> Value {
        self.create_image(body).await.is(StatusCode::CREATED).body
    }

    /// A small image of this type and version, without bytes.
    async fn plain_image(&self, firmware_type: i64, version: &str) -> Value {
        self.image(json!({ "name": "app", "type": firmware_type, "version": version })).await
    }

    /// The pool, as its list shows it.
    async fn pool(&self) -> Vec<Value> {
        self.api.all(&self.ota("pool")).await
    }
}

/// A record with some fields changed; null takes a field out.
fn with(record: &Value, changes: Value) -> Value {
    let mut fields: Map<String, Value> = record.as_object().unwrap().clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    Value::Object(fields)
}

/// A text field of a record.
#[track_caller]
fn text<'v>(record: &'v Value, name: &str) -> &'v str {
    record[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {record}"))
}

/// An integer that travels as a string of decimal digits.
#[track_caller]
fn integer(record: &Value, name: &str) -> i64 {
    let text = text(record, name);
    assert!(text.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    text.parse().unwrap()
}

/// Asserts that a field is a point in time of these years, in milliseconds since the Unix epoch.
#[track_caller]
fn is_millis(record: &Value, name: &str) {
    let millis = record[name].as_i64().unwrap_or_else(|| panic!("{name} is no number in {record}"));
    assert!((1_600_000_000_000..10_000_000_000_000).contains(&millis), "{name} is {millis}");
}

/// A text of so many characters, which are more bytes.
fn long(length: usize) -> String {
    "ü".repeat(length)
}
