//! confirmationBase: those at the device are asked before it gets anything.

use std::time::Duration;

use otaria_core::policy::{ConfirmationRule, Policy};
use otaria_core::push::{Confirmation, PushState};
use otaria_server::RawSettings;
use rstest::rstest;
use serde_json::{Value, json};

use crate::scratch::Engine;
use crate::world::{Pushed, World};

async fn asking(engine: Engine) -> World {
    let world = World::on(engine).await;
    world.wants(Policy { confirmation: ConfirmationRule::Required, ..Policy::default() }).await;
    assert_eq!(world.configures(json!({"data": {"hw": "3"}})).await, 200);
    world
}

impl World {
    async fn answers(&self, action: i32, confirmation: &str) -> u16 {
        let body = json!({"confirmation": confirmation, "code": 1, "details": ["at the device"]});
        self.posted(&format!("/confirmationBase/{action}/feedback"), body).await
    }

    async fn posted(&self, path: &str, body: Value) -> u16 {
        self.post(path).json(&body).send().await.unwrap().status().as_u16()
    }

    async fn offers(&self) -> Vec<String> {
        let links = self.poll().await["_links"].clone();
        links.as_object().map(|links| links.keys().cloned().collect()).unwrap_or_default()
    }

    async fn confirmation(&self, pushed: &Pushed) -> Confirmation {
        self.record(pushed).await.terms.confirmation
    }
}

#[rstest]
#[tokio::test]
async fn nothing_is_given_before_the_device_agrees(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = asking(engine).await;
    let pushed = world.push("1.0").await;
    let links = world.poll().await["_links"].clone();
    let path = world.path(&links, "confirmationBase");
    assert!(path.starts_with("/confirmationBase/1?c="), "{path}");
    assert_eq!(links.as_object().unwrap().len(), 1);

    let shown: Value = world.get(path).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["id"], "1");
    assert_eq!(shown["confirmation"]["chunks"][0]["version"], "1.0");
    assert!(shown.get("deployment").is_none());
    assert_eq!(world.get("/deploymentBase/1").send().await.unwrap().status(), 404);
    assert_eq!(world.says(1, "closed", "success", &[]).await, 404);
    // What waits can be looked at and even read ahead; that starts nothing.
    let artifact = world.path(&shown["confirmation"]["chunks"][0]["artifacts"][0]["_links"], "download-http");
    assert_eq!(world.get(artifact).send().await.unwrap().bytes().await.unwrap(), world.bytes);
    assert_eq!(world.state(&pushed).await, PushState::Offered);

    assert_eq!(world.answers(1, "confirmed").await, 200);
    assert_eq!(world.answers(1, "confirmed").await, 200, "a repetition is as good");
    assert_eq!(world.get("/confirmationBase/1").send().await.unwrap().status(), 404);
    assert_eq!(world.offers().await, ["deploymentBase"]);
    assert_eq!(world.get("/deploymentBase/1").send().await.unwrap().status(), 200);
    assert_eq!(world.says(1, "closed", "success", &[]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
    assert_eq!(world.answers(1, "denied").await, 410);
    let said: Vec<_> = world.history(&pushed).await.into_iter().filter_map(|entry| entry.entry.message).collect();
    assert!(said.contains(&"at the device".to_owned()), "{said:?}");
}

#[rstest]
#[tokio::test]
async fn a_denial_holds_back_that_push_and_no_other(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = asking(engine).await;
    let denied = world.push("1.0").await;
    assert_eq!(world.answers(1, "denied").await, 200);
    assert_eq!(world.confirmation(&denied).await, Confirmation::Denied);
    assert_eq!(world.offers().await, ["confirmationBase"], "it may still agree");
    let sleep = world.poll().await["config"]["polling"]["sleep"].as_str().unwrap().to_owned();
    assert!(sleep.as_str() > "00:04", "they need not hurry: {sleep}");
    world.wants(Policy::default()).await;
    let other = world.push_type(otaria_core::FirmwareType::APPLICATION, "7").await;
    let links = world.poll().await["_links"].clone();
    assert!(world.path(&links, "deploymentBase").starts_with("/deploymentBase/2?"));
    assert_eq!(world.says(other.action, "closed", "success", &[]).await, 200);
    assert_eq!(world.answers(1, "confirmed").await, 200);
    assert!(world.offers().await.contains(&"deploymentBase".to_owned()));
}

#[rstest]
#[tokio::test]
async fn what_is_to_be_agreed_to_holds_back_no_other(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = asking(engine).await;
    let asked = world.push("1.0").await;
    world.wants(Policy::default()).await;
    let other = world.push_type(otaria_core::FirmwareType::APPLICATION, "7").await;
    let links = world.poll().await["_links"].clone();
    assert!(world.path(&links, "deploymentBase").starts_with("/deploymentBase/2?"));
    // What those at the device are to decide about can be looked at.
    let list = format!("/softwaremodules/{}/artifacts", asked.action);
    assert_eq!(world.get(&list).send().await.unwrap().status(), 200);
    let list: Value = world.get(&list).send().await.unwrap().json().await.unwrap();
    let file = world.path(&list[0]["_links"], "download-http").to_owned();
    assert_eq!(world.get(&file).send().await.unwrap().status(), 200);
    assert_eq!(world.state(&asked).await, PushState::Offered);
    assert_eq!(world.says(other.action, "closed", "success", &[]).await, 200);
    assert!(world.offers().await.contains(&"confirmationBase".to_owned()));
}

#[rstest]
#[tokio::test]
async fn who_agreed_may_take_it_back(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = asking(engine).await;
    let pushed = world.push("1.0").await;
    assert_eq!(world.answers(1, "confirmed").await, 200);
    world.get("/deploymentBase/1").send().await.unwrap();
    assert_eq!(world.answers(1, "denied").await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Fetched);
    assert_eq!(world.offers().await, ["confirmationBase"]);
    assert_eq!(world.get("/deploymentBase/1").send().await.unwrap().status(), 404);
    // What it was told of it may read; that moves nothing.
    let read = world.get("/softwaremodules/1/artifacts/a").send().await.unwrap();
    assert_eq!(read.bytes().await.unwrap(), world.bytes);
    assert_eq!(world.says(1, "proceeding", "none", &["writing"]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Fetched);
    assert_eq!(world.answers(1, "confirmed").await, 200);
    assert_eq!(world.offers().await, ["deploymentBase"]);
}

#[rstest]
#[tokio::test]
async fn time_that_those_at_a_device_think_is_not_the_devices(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let set = |raw: &mut RawSettings| {
        (raw.offered_seconds, raw.fetched_seconds) = (Some(10 * 60 * 60), Some(2 * 60 * 60));
        raw.silence_seconds = Some(4 * 60 * 60);
    };
    let world = World::with(engine, set).await;
    world.wants(Policy { confirmation: ConfirmationRule::Required, ..Policy::default() }).await;
    let pushed = world.push("1.0").await;
    assert_eq!(world.answers(1, "confirmed").await, 200);
    world.get("/deploymentBase/1").send().await.unwrap();
    assert_eq!(world.answers(1, "denied").await, 200);
    let listening_since = world.now();
    let polls_for = async |hours| {
        for _ in 0..hours {
            world.wait(Duration::from_secs(60 * 60));
            world.poll().await;
            world.service.flush_sightings().await.unwrap();
            world.service.run_timers(listening_since).await.unwrap();
        }
    };
    polls_for(9).await;
    assert_eq!(world.state(&pushed).await, PushState::Fetched);
    polls_for(3).await;
    let push = world.record(&pushed).await;
    assert_eq!(push.state, PushState::TimedOut, "they have as long as they had at first");
    assert_eq!(push.message.as_deref(), Some("those at the device did not agree to it in time"));
}

#[rstest]
#[tokio::test]
async fn what_was_not_asked_cannot_be_answered(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    assert_eq!(world.answers(1, "confirmed").await, 404);
    assert_eq!(world.answers(2, "confirmed").await, 404);
    assert_eq!(world.get("/confirmationBase/1").send().await.unwrap().status(), 404);
    world.wants(Policy { confirmation: ConfirmationRule::Required, ..Policy::default() }).await;
    let asked = world.push("1.1").await;
    assert_eq!(world.posted("/confirmationBase/2/feedback", json!({"confirmation": "maybe"})).await, 400);
    world.cancel(&asked).await;
    assert_eq!(world.state(&asked).await, PushState::Cancelled, "the device has nothing of it to let go");
    assert_eq!(world.answers(2, "confirmed").await, 410);
}

#[rstest]
#[tokio::test]
async fn who_agrees_once_for_all_is_not_asked_again(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = asking(engine).await;
    let base = async || -> Value { world.get("/confirmationBase").send().await.unwrap().json().await.unwrap() };
    let waiting = world.push("1.0").await;
    let before = base().await;
    assert_eq!(before["autoConfirm"], json!({"active": false, "activatedAt": 0}));
    let links: Vec<_> = before["_links"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(links, ["activateAutoConfirm", "confirmationBase"]);

    let path = world.path(&before["_links"], "activateAutoConfirm").to_owned();
    assert_eq!(world.posted(&path, json!({"initiator": "anna", "remark": "kiosk"})).await, 200);
    assert_eq!(world.post(&path).send().await.unwrap().status(), 409);
    assert_eq!(world.confirmation(&waiting).await, Confirmation::Given);
    let active = base().await;
    let expected =
        json!({"active": true, "initiator": "anna", "remark": "kiosk", "activatedAt": world.now().as_millis()});
    assert_eq!(active["autoConfirm"], expected);
    let links: Vec<_> = active["_links"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(links, ["deactivateAutoConfirm"]);
    assert_eq!(world.says(1, "closed", "success", &[]).await, 200);
    let next = world.push("1.1").await;
    assert_eq!(world.confirmation(&next).await, Confirmation::Given);

    for _ in 0..2 {
        let answer = world.post("/confirmationBase/deactivateAutoConfirm").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["content-length"].to_str().unwrap()), (200, "0"));
    }
    assert_eq!(world.confirmation(&next).await, Confirmation::Given, "it concerns only what is to come");
    let last = world.push("1.2").await;
    assert_eq!(world.confirmation(&last).await, Confirmation::Waiting);
    assert_eq!(world.post("/confirmationBase/activateAutoConfirm").send().await.unwrap().status(), 200, "no body");
}
