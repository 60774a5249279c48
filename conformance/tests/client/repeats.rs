//! What comes of a command whose connection loses an answer, and of several that change one thing at once.

use std::process::{Output, Stdio};

use otaria_conformance::Engine;
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::lamp::Lamp;
use crate::mishap::{Mishap, Way};
use crate::world::{World, prints};

/// A world with a lamp, and the image `app` 1 for it, of version number 1.
async fn lamps(engine: Engine) -> (World, Lamp) {
    let world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    lamp.publish("1").await;
    std::fs::write(world.folder.path().join("app.bin"), "an application").unwrap();
    (world, lamp)
}

async fn over(way: &Way, world: &World, line: &str) -> Output {
    let mut command = tokio::process::Command::from(world.shell(line));
    command.env("OTARIA_URL", way.url()).output().await.unwrap()
}

/// Runs a line whose first request of this method to this path meets with a mishap.
async fn with(mishap: Mishap, method: &'static str, path: &'static str, world: &World, line: &str) -> Output {
    let way = Way::to(&world.server, method, path, mishap).await;
    let output = over(&way, world, line).await;
    assert!(way.has_gone_wrong(), "{line} sends no {method} {path}: {}", prints(&output));
    output
}

async fn image(world: &World) -> Value {
    let path = format!("/v1/ota/partners/{}/pool/types/3/versionNumbers/1", world.server.partner());
    world.server.client().await.get(&path).await.ok().body
}

#[track_caller]
fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", prints(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_was_done_is_done_though_its_answer_was_lost(#[case] engine: Engine) {
    let (world, _) = lamps(engine).await;
    let lost = async |method, path, line: &str| done(&with(Mishap::AnswerLost, method, path, &world, line).await);
    world.console(&["otaria device-type create Hub", "otaria push create app@1 lamp-1"]);

    let said = lost("PUT", "/versionNumbers/1", "otaria image tag app@1 --add lost").await;
    assert_eq!(said, "changed app 1 (3/1)\n");
    assert_eq!(image(&world).await["tags"], json!(["lost"]));
    lost("PUT", "/versionNumbers/1", "otaria image tag app@1 --remove lost").await;
    lost("PUT", "/versionNumbers/1", "otaria image edit app@1 --description found").await;
    assert_eq!((&image(&world).await["tags"], &image(&world).await["description"]), (&json!([]), &json!("found")));

    let cancel = "otaria push cancel $(otaria push list --json | jq -r '.[0].id')";
    assert_eq!(lost("DELETE", "", cancel).await, "cancelled\n");
    let said = lost("POST", "/firmwareImages", "otaria image associate app@1 --device-type Hub").await;
    assert_eq!(said, "app 1 (3/1) is available to Hub\n");
    let said = lost("DELETE", "/versionNumbers/1", "otaria image dissociate app@1 --device-type Hub").await;
    assert_eq!(said, "app 1 (3/1) is not available to Hub any more\n");
    assert_eq!(lost("DELETE", "/lamp-1", "otaria device delete lamp-1").await, "deleted lamp-1\n");
    world.console(&["otaria gateway-token create hall"]);
    lost("DELETE", "", "otaria gateway-token delete $(otaria gateway-token list --json | jq -r '.[0].id')").await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_was_published_is_published_though_an_answer_was_lost(#[case] engine: Engine) {
    let (world, _) = lamps(engine).await;
    let publish = async |mishap, method, path, line: &str| {
        let said = done(&with(mishap, method, path, &world, &format!("otaria publish {line} --json")).await);
        serde_json::from_str::<Value>(&said).unwrap()
    };
    let published = async |mishap, method, path, line: &str| {
        let said = publish(mishap, method, path, line).await;
        assert_eq!((&said["status"], &said["image"]["name"]), (&json!("published"), &json!("app")), "{said}");
        said
    };
    world.console(&["otaria publish --record-first --type 3 --name app --version 2 --out r.json"]);
    published(Mishap::AnswerLost, "PUT", "/versionNumbers/2", "app.bin --from-record r.json").await;
    let next = |version: u8| format!("app.bin --type 3 --name app --version {version} --device-type Lamp");
    let said = published(Mishap::AnswerLost, "POST", "/pool", &next(3)).await;
    assert_eq!(said["associations"].as_array().unwrap().len(), 1);
    published(Mishap::BadGateway, "POST", "/pool", &next(4)).await;
    published(Mishap::AnswerLost, "POST", "/moveToRepository", &next(5)).await;
    published(Mishap::BadGateway, "POST", "/moveToRepository", &next(6)).await;
    let more = "app.bin --from-record r.json --device-type Lamp";
    let said = publish(Mishap::AnswerLost, "POST", "/firmwareImages", more).await;
    assert_eq!((&said["status"], said["associations"].as_array().unwrap().len()), (&json!("already_published"), 1));
}

/// What is not there, or is taken, is so also where an answer was lost.
#[tokio::test]
async fn a_lost_answer_makes_no_success_of_what_others_did() {
    let (world, _) = lamps(Engine::Sqlite).await;
    let taken = "otaria image edit app@1 --version 2";
    world.console(&["otaria publish --record-first --type 3 --name app --version 2 --out r.json"]);
    let output = with(Mishap::AnswerLost, "PUT", "/versionNumbers/1", &world, taken).await;
    assert_eq!(output.status.code(), Some(5), "{}", prints(&output));
    let twice = "otaria type create 101 --name app";
    let output = with(Mishap::AnswerLost, "POST", "/types", &world, twice).await;
    assert_eq!(output.status.code(), Some(1), "{}", prints(&output));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn many_who_change_one_image_at_once_do_not_mind_each_other(#[case] engine: Engine) {
    let (world, _) = lamps(engine).await;
    let edits = (0..12).map(|number| match number {
        11 => "otaria image edit 3/1 --description everybody".to_owned(),
        number => format!("otaria image tag 3/1 --add n{number}"),
    });
    let running: Vec<_> = edits
        .map(|line| {
            let mut command = tokio::process::Command::from(world.shell(&format!("exec {line}")));
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for process in running {
        done(&process.wait_with_output().await.unwrap());
    }
    let image = image(&world).await;
    assert_eq!(
        (image["tags"].as_array().unwrap().len(), &image["description"]),
        (11, &json!("everybody")),
        "{image}"
    );
}

#[tokio::test]
async fn whoever_is_never_fast_enough_may_try_again() {
    let (world, _) = lamps(Engine::Sqlite).await;
    let line = "otaria image tag 3/1 --add late --json";
    let output = with(Mishap::Outrun, "PUT", "/versionNumbers/1", &world, line).await;
    assert_eq!(output.status.code(), Some(5), "{}", prints(&output));
    let said = String::from_utf8(output.stderr).unwrap().lines().last().unwrap().to_owned();
    let failure: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&failure["code"], &failure["retryable"]), (&json!("changed_meanwhile"), &json!(true)));
    assert!(!failure["message"].as_str().unwrap().contains("If-Match"), "{failure}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn whoever_is_interrupted_knows_what_was_done_from_when_the_image_is_there(#[case] engine: Engine) {
    let (world, lamp) = lamps(engine).await;
    let line = "otaria publish app.bin --type 3 --name app --version 2 --device-type Lamp --json";
    let mut way = Way::to(&world.server, "GET", "/associations", Mishap::Silence).await;
    let mut command = tokio::process::Command::from(world.shell(&format!("exec {line}")));
    command.env("OTARIA_URL", way.url()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let process = command.spawn().unwrap();
    way.goes_wrong().await;
    let id = process.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let output = process.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", prints(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["status"], "published");
    assert_eq!(told["associations"][0]["deviceTypeId"], lamp.device_type());
    assert_eq!(told["associations"][0]["deviceTypeName"], "Lamp");

    let line = "otaria publish app.bin --type 3 --name app --version 3 --device-type Lamp";
    let output = with(Mishap::Failure, "GET", "/associations", &world, line).await;
    assert_eq!(output.status.code(), Some(1), "{}", prints(&output));
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(told, "published app 3 (type 3, version number 3), for Lamp\n");
}

#[tokio::test]
async fn a_push_without_a_name_is_an_error() {
    let (world, _) = lamps(Engine::Sqlite).await;
    let line = "otaria publish app.bin --type 3 --name app --version 2 --device-type Lamp --push lamp-1 --json";
    let output = with(Mishap::NoLocation, "PUT", "/push", &world, line).await;
    assert_eq!(output.status.code(), Some(1), "{}", prints(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["status"], &told["pushes"]), (&json!("published"), &json!([])));
    let output = with(Mishap::NoLocation, "PUT", "/push", &world, "otaria push create app@2 lamp-1").await;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{}", prints(&output));
}

/// A version is made once: what is refused is not repeated for ever.
#[tokio::test]
async fn what_others_published_meanwhile_is_found() {
    let (world, _) = lamps(Engine::Sqlite).await;
    let path = format!("/v1/ota/partners/{}/pool", world.server.partner());
    let mut way = Way::to(&world.server, "POST", "/moveToRepository", Mishap::Silence).await;
    let line = "exec otaria publish app.bin --type 3 --name app --version 2";
    let mut command = tokio::process::Command::from(world.shell(line));
    let process = command.env("OTARIA_URL", way.url()).stderr(Stdio::piped()).spawn().unwrap();
    way.goes_wrong().await;
    let other = json!({ "type": 3, "name": "app", "version": "2", "url": "https://cdn.example.com/app.bin" });
    world.server.client().await.post(&path, other).await.is(StatusCode::CREATED);
    way.speaks();
    let output = process.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", prints(&output));
}
