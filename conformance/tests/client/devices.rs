//! `otaria device`

use otaria_conformance::{Engine, until};
use rstest::rstest;

use crate::lamp::Lamp;
use crate::world::World;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn devices_are_made_shown_and_forgotten(#[case] engine: Engine) {
    let world = World::start(engine).await;
    world.console(&["otaria device-type create Lamp", "otaria device-type create Hub"]);
    let console = world.console(&[
        "otaria device list",
        "otaria device create lamp-1 --device-type Lamp --tag porch --friendly-name Door --dry-run",
        "otaria device create lamp-1 --device-type Lamp --tag porch --friendly-name Door",
        "otaria device create hub-1 --device-type Hub --json",
        "otaria device create lamp-1 --device-type Lamp",
        "otaria device create lamp-2 --device-type Lmap",
        "env -u OTARIA_ACCOUNT otaria device create lamp-2 --device-type Lamp",
        "otaria device list",
        "otaria device list --device-type Hub --json | grep deviceId",
        "otaria device list --tag porch",
        "otaria device list --search DOOR",
        "otaria device show lamp-1",
        "otaria device show .",
        "otaria device delete ''",
        "otaria device edit lamp-1 --friendly-name Gate",
        "otaria device edit lamp-9 --friendly-name Gate",
        "otaria device explain lamp-1",
        "otaria device token lamp-1",
        "otaria device token lamp-1 --dry-run",
        "otaria device delete hub-1 --dry-run",
        "otaria device delete hub-1",
        "otaria device delete hub-1",
        "otaria device show hub-1 --json",
        "otaria device explain hub-1",
    ]);
    insta::assert_snapshot!("devices", console);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_a_device_runs_and_waits_for_is_shown(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    lamp.publish("1.0").await;
    world.console(&["otaria push create app@1.0 lamp-1"]);
    lamp.succeeds().await;
    lamp.publish("1.1").await;
    // Signs of life are written down now and then.
    let list = format!("/v1/partners/{}/devices", world.server.partner());
    let api = world.server.client().await;
    let is_heard_of = || async { !api.get(&list).await.ok().body["content"][0]["lastPollTimestamp"].is_null() };
    until("the list knows when the device polled", is_heard_of).await;
    let console = world.console(&[
        "otaria device list",
        "otaria device show lamp-1",
        "otaria device explain lamp-1",
        "otaria device explain lamp-1 --json",
    ]);
    insta::assert_snapshot!("what_a_device_runs", console);
}
