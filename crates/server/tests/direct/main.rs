//! Direct download over HTTP, against a real listener, on both engines, in the world of the other device protocol.
//!
//! PostgreSQL is tested where `OTARIA_TEST_POSTGRES_URL` names one, as `scripts/with-postgres` does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod asking;
mod failing;
mod inferring;
mod letting_in;
#[path = "../../../store/tests/contract/scratch.rs"]
mod scratch;
#[path = "../ddi/world.rs"]
#[allow(dead_code, reason = "the other protocol needs the rest of it")]
mod world;

use data_encoding::{BASE64, HEXLOWER};
use otaria_core::FirmwareType;
use reqwest::{Method, Response};
use sha2::Digest as _;

use crate::world::{DEVICE, Pushed, TOKEN, World};

const APPLICATION: FirmwareType = FirmwareType::APPLICATION;

/// The image of this version: bytes that no other version has.
fn bytes(version: &str) -> Vec<u8> {
    version.bytes().cycle().take(100_000).collect()
}

fn md5(bytes: &[u8]) -> String {
    HEXLOWER.encode(&md5::Md5::digest(bytes))
}

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&sha2::Sha256::digest(bytes))
}

/// What the libraries send.
fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}").as_bytes()))
}

fn path(firmware_type: FirmwareType) -> String {
    format!("/DEFAULT/direct/v1/{DEVICE}/types/{firmware_type}")
}

impl World {
    async fn publish(&self, version: &str) -> Pushed {
        self.push_bytes(APPLICATION, version, &bytes(version)).await
    }

    async fn asks_with(&self, method: Method, firmware_type: FirmwareType, headers: &[(&str, &str)]) -> Response {
        let request = self.without_token(method, &path(firmware_type)).header("authorization", basic(DEVICE, TOKEN));
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
    }

    /// The device asks for its application.
    async fn asks(&self, headers: &[(&str, &str)]) -> Response {
        self.asks_with(Method::GET, APPLICATION, headers).await
    }

    /// The device asks, runs this version, and hears that there is nothing for it.
    async fn rests(&self, version: &str) {
        self.asks_in_vain(&[("x-ESP32-version", version)]).await;
    }

    async fn asks_in_vain(&self, headers: &[(&str, &str)]) {
        let response = self.asks(headers).await;
        assert_eq!(response.status(), 304);
        assert!(response.bytes().await.unwrap().is_empty());
    }

    /// The device asks, running this version, and gets the image of another.
    async fn gets(&self, running: &str, version: &str) {
        let response = self.asks(&[("x-ESP32-version", running)]).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.bytes().await.unwrap(), bytes(version));
    }

    /// How many entries the push's history has, oldest first, in words.
    async fn told(&self, pushed: &Pushed) -> Vec<String> {
        let mut history = self.history(pushed).await;
        history.reverse();
        let told = history.into_iter().map(|entry| match entry.entry.message {
            Some(message) => format!("{}: {message}", entry.entry.state),
            None => entry.entry.state.to_string(),
        });
        told.collect()
    }
}
