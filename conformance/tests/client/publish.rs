//! `otaria publish`

use std::process::{Output, Stdio};
use std::time::Duration;

use otaria_conformance::{Engine, Noise, Server, until};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::bottleneck::Bottleneck;
use crate::lamp::Lamp;
use crate::world::{World, prints};

/// What most of these publish.
const IMAGE: &str = "--type 3 --name app";

/// A file of noise in the folder that commands run in.
fn file(world: &World, name: &str, size: usize) {
    let mut noise = Noise::new(name.bytes().map(u64::from).sum());
    std::fs::write(world.folder.path().join(name), noise.bytes(size)).unwrap();
}

fn write(world: &World, name: &str, text: &str) {
    std::fs::write(world.folder.path().join(name), text).unwrap();
}

async fn pool(world: &World) -> Vec<Value> {
    world.server.client().await.all(&format!("/v1/ota/partners/{}/pool", world.server.partner())).await
}

/// A line that calls the command, while it runs.
fn start(world: &World, line: &str) -> tokio::process::Child {
    let mut command = Command::from(world.shell(&format!("exec {line}")));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
}

fn interrupt(process: &tokio::process::Child, signal: &str) {
    let id = process.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-s", signal, &id]).status().unwrap().success());
}

async fn ended(process: tokio::process::Child) -> Output {
    let ended = tokio::time::timeout(Duration::from_secs(60), process.wait_with_output()).await;
    ended.expect("the command does not end").unwrap()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_file_is_published_once_and_the_same_again_is_no_mistake(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "app.swu", 3 << 20);
    file(&world, "other.swu", 1000);
    let console = world.console(&[
        &format!("otaria publish app.swu {IMAGE} --version 1.4.2 --dry-run"),
        &format!("otaria publish app.swu {IMAGE} --version 1.4.2 --description 'It glows' --tag qa --tag night"),
        &format!("otaria publish app.swu {IMAGE} --version 1.4.2"),
        &format!("otaria publish app.swu {IMAGE} --version 1.4.2 --tag release --quiet"),
        &format!("otaria publish app.swu {IMAGE} --version 1.4.2 --dry-run --json"),
        &format!("otaria publish other.swu {IMAGE} --version 1.4.2"),
        &format!("otaria publish other.swu {IMAGE} --version 1.4.2 --dry-run"),
        &format!("otaria publish app.swu {IMAGE} --version 1.4.3"),
        "otaria publish other.swu --type 3 --name 'a b/ü%' --version '1.0 (β)' --json",
        "otaria publish other.swu --type 3 --name 'a b/ü%' --version '1.0 (β)'",
    ]);
    insta::assert_snapshot!("publish", console);
    assert_eq!(pool(&world).await.len(), 3);
    // Of each file there is one, whatever it was published as.
    assert_eq!(world.server.repository_files().len(), 2);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_repository_says_what_is_published_from_it(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "app.swu", 1000);
    write(&world, "otaria.toml", "[publish]\ntype = 3\nname = \"app\"\ntags = [\"qa\"]\ndevice_types = [\"Lamp\"]\n");
    let console = world.console(&[
        "otaria publish app.swu --version 1",
        "otaria device-type create Lamp >/dev/null",
        "otaria publish app.swu --version 1 --dry-run",
        "otaria publish app.swu --version 1",
        "otaria image show app@1",
        "otaria publish app.swu --version 1 --name lens --tag release",
        "echo 'kind = 3' >> otaria.toml",
        "otaria publish app.swu --version 2",
        "echo 'client_secret = \"abc\"' > otaria.toml",
        "otaria publish app.swu --version 2",
    ]);
    insta::assert_snapshot!("publish_from_a_repository", console);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_cannot_be_published_is_told_before_anything_is_sent(#[case] engine: Engine) {
    let world = World::beside(Server::start_with(engine, &[("OTARIA_MAX_BINARY_BYTES", "3000000")]).await);
    file(&world, "app.swu", 1000);
    file(&world, "large.swu", 4_000_000);
    write(&world, "empty.swu", "");
    write(&world, "no-record.json", "{\"name\": \"app\"}");
    std::fs::create_dir(world.folder.path().join("build")).unwrap();
    let console = world.console(&[
        &format!("otaria publish nothing.swu {IMAGE} --version 1"),
        &format!("otaria publish build {IMAGE} --version 1"),
        &format!("otaria publish empty.swu {IMAGE} --version 1"),
        &format!("otaria publish /dev/zero {IMAGE} --version 1"),
        &format!("otaria publish large.swu {IMAGE} --version 1 --quiet"),
        "otaria publish app.swu --type 101 --name app --version 1",
        "otaria publish app.swu --type 4 --name app --version 1",
        "otaria publish --record-first --type 101 --name app --version 1 --out r.json --dry-run",
        &format!("otaria publish app.swu {IMAGE} --version '' --dry-run"),
        "otaria publish app.swu --type 3 --name \"$(printf 'two\\nlines')\" --version 1",
        &format!("otaria publish app.swu {IMAGE} --version 1 --tag qa,night --description \"$(printf %0501d 0)\""),
        "otaria publish app.swu --type 201 --name app --version 1",
        &format!("otaria publish app.swu {IMAGE} --version 1 --device-type Lapm"),
        &format!("otaria publish app.swu {IMAGE} --version 1 --push lamp-1 --json"),
        "otaria publish app.swu --version 1",
        "otaria publish app.swu --type 3 --version 1",
        &format!("otaria publish app.swu {IMAGE}"),
        &format!("otaria publish {IMAGE} --version 1"),
        &format!("otaria publish app.swu {IMAGE} --version 1 --wait"),
        &format!("otaria publish app.swu {IMAGE} --version 1 --push lamp-1 --wait --timeout soon"),
        &format!("otaria publish --record-first {IMAGE} --version 1"),
        &format!("otaria publish app.swu --record-first {IMAGE} --version 1 --out r.json"),
        "otaria publish app.swu --from-record no-record.json",
        "otaria publish app.swu --from-record r.json",
        "otaria publish app.swu --from-record r.json --version 1",
        &format!("otaria publish app.swu {IMAGE} --verson 1"),
        &format!("env OTARIA_CLIENT_SECRET=wrong otaria publish app.swu {IMAGE} --version 1"),
    ]);
    insta::assert_snapshot!("publish_refused", console);
    assert_eq!(pool(&world).await, Vec::<Value>::new());
    assert_eq!(world.server.repository_files(), []);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_build_that_carries_its_version_number_has_its_record_first(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "other.swu", 1000);
    let first = format!("otaria publish --record-first {IMAGE} --version 2.0 --tag qa");
    let console = world.console(&[
        &format!("{first} --out record.json --dry-run"),
        &format!("{first} --out record.json"),
        &format!("{first} --out again.json --json"),
        &format!("{first} --out - --quiet | jq -r .versionNumber"),
        &format!("{first} --out - --json | jq '.status, .image.versionAttributeId'"),
        "jq .versionAttributeId record.json",
        &format!("{first} --out nowhere/record.json"),
        &format!("{first} --out /dev/stdout --quiet | jq .name"),
        "ls",
        "jq -r .versionNumber record.json > app.swu",
        "otaria publish app.swu --from-record record.json --dry-run",
        "otaria publish app.swu --from-record record.json --description 'It glows'",
        "otaria publish app.swu --from-record record.json",
        "otaria publish other.swu --from-record record.json",
        &format!("otaria publish app.swu {IMAGE} --version 2.0"),
        &format!("{first} --out record.json"),
        "otaria image show app@2.0",
        // A record without a file is completed by whoever knows its name and version.
        &format!("otaria publish --record-first {IMAGE} --version 2.1 --out record.json"),
        &format!("otaria publish other.swu {IMAGE} --version 2.1 --dry-run"),
        &format!("otaria publish other.swu {IMAGE} --version 2.1"),
    ]);
    insta::assert_snapshot!("publish_record_first", console);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_is_published_goes_to_device_types_and_devices(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    lamp.another(&world, "lamp-2").await;
    for version in ["1", "2"] {
        file(&world, &format!("{version}.swu"), 1000);
    }
    let before = world.console(&[
        "otaria device-type create Hub > /dev/null",
        &format!("otaria publish 1.swu {IMAGE} --version 1"),
        &format!("otaria publish 1.swu {IMAGE} --version 1 --push lamp-1"),
        &format!("otaria publish 1.swu {IMAGE} --version 1 --device-type Lamp --device-type Hub --dry-run"),
        &format!("otaria publish 1.swu {IMAGE} --version 1 --device-type Lamp --device-type Hub"),
        &format!("otaria publish 1.swu {IMAGE} --version 1 --device-type Lamp"),
        &format!("otaria publish --record-first {IMAGE} --version 1 --device-type Lamp --out r.json --dry-run"),
        &format!("otaria publish 2.swu {IMAGE} --version 2 --device-type Lamp --push lamp-1 --push lamp-2 --json"),
    ]);
    lamp.succeeds().await;
    let after = world.console(&[
        &format!("otaria publish 2.swu {IMAGE} --version 2 --push lamp-1 --push lamp-2"),
        &format!("otaria publish 2.swu {IMAGE} --version 2 --push lamp-1 --wait --json | jq .pushes"),
        &format!("otaria publish 1.swu {IMAGE} --version 1 --push lamp-1 --push lamp-2"),
        &format!("otaria publish 1.swu {IMAGE} --version 1 --push lamp-1 --json 2>&1 >/dev/null"),
        &format!("otaria publish 2.swu {IMAGE} --version 2 --push lamp-2 --wait --timeout 0s"),
    ]);
    insta::assert_snapshot!("publish_and_push", before + &after);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn whoever_waits_knows_what_the_device_did(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    file(&world, "app.swu", 1000);
    let publish = |version: &str| {
        format!("otaria publish app.swu {IMAGE} --version {version} --device-type Lamp --push lamp-1 --wait")
    };
    let good = start(&world, &publish("1"));
    lamp.is_offered_something().await;
    lamp.succeeds().await;
    let good = ended(good).await;
    let bad = start(&world, &format!("{} --json", publish("2")));
    lamp.is_offered_something().await;
    lamp.fails("no power").await;
    let bad = ended(bad).await;
    assert_eq!((good.status.code(), bad.status.code()), (Some(0), Some(7)), "{}", prints(&good));
    let told = "published app 1 (type 3, version number 1), for Lamp\npushed to lamp-1\nlamp-1 runs it\n";
    assert_eq!(String::from_utf8(good.stdout).unwrap(), told);
    let told: Value = serde_json::from_slice(&bad.stdout).unwrap();
    assert_eq!((&told["status"], &told["pushes"][0]["state"]), (&"published".into(), &"failed".into()));
    let last = String::from_utf8(bad.stderr).unwrap().lines().last().unwrap().to_owned();
    let failure: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(failure["code"], "push_failed");
    assert!(failure["message"].as_str().unwrap().contains("no power"), "{failure}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn whoever_stops_waiting_knows_what_was_done(
    #[case] engine: Engine,
    #[values("INT", "TERM", "HUP")] signal: &str,
) {
    let world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    file(&world, "app.swu", 1000);
    let line = format!(
        "otaria publish app.swu {IMAGE} --version 1 --device-type Lamp --push lamp-1 --wait --timeout 1h --json"
    );
    let waiting = start(&world, &line);
    lamp.is_offered_something().await;
    interrupt(&waiting, signal);
    let output = ended(waiting).await;
    assert_eq!(output.status.code(), Some(130), "{}", prints(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["status"], &told["image"]["version"]), (&"published".into(), &"1".into()));
    assert_eq!(told["associations"].as_array().unwrap().len(), 1);
    let last = String::from_utf8(output.stderr).unwrap().lines().last().unwrap().to_owned();
    assert_eq!(serde_json::from_str::<Value>(&last).unwrap()["code"], "interrupted");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_error_after_the_image_stands_does_not_hide_it(#[case] engine: Engine) {
    let world = World::start(engine).await;
    Lamp::make(&world, "lamp-1").await;
    file(&world, "app.swu", 64 << 20);
    let mut bottleneck = Bottleneck::before(&world.server).await;
    let line = format!("otaria publish app.swu {IMAGE} --version 1 --device-type Lamp --push lamp-1 --json");
    let process = start(&world, &format!("{line} --url {}", bottleneck.url()));
    bottleneck.holds().await;
    let deleted = world.shell("otaria device delete lamp-1").output().unwrap();
    assert!(deleted.status.success(), "{}", prints(&deleted));
    bottleneck.opens();
    let output = ended(process).await;
    assert_eq!(output.status.code(), Some(3), "{}", prints(&output));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["status"], &told["pushes"]), (&"published".into(), &json!([])));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_version_gets_one_file_whoever_else_completes_its_record(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "slow.swu", 64 << 20);
    file(&world, "quick.swu", 1000);
    let mut bottleneck = Bottleneck::before(&world.server).await;
    world.console(&[&format!("otaria publish --record-first {IMAGE} --version 1 --out r.json")]);
    let slow = start(&world, &format!("otaria publish slow.swu --from-record r.json --url {}", bottleneck.url()));
    bottleneck.holds().await;
    let quick = world.shell("otaria publish quick.swu --from-record r.json").output().unwrap();
    assert!(quick.status.success(), "{}", prints(&quick));
    let published = pool(&world).await;
    bottleneck.opens();
    let slow = ended(slow).await;
    assert_eq!(slow.status.code(), Some(5), "{}", prints(&slow));
    assert_eq!(pool(&world).await, published);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_file_that_is_elsewhere_stays(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "app.swu", 1000);
    let path = format!("/v1/ota/partners/{}/pool", world.server.partner());
    let elsewhere = json!({ "type": 3, "name": "app", "version": "1", "url": "https://cdn.example.com/app.bin" });
    world.server.client().await.post(&path, elsewhere).await.is(StatusCode::CREATED);
    let published = pool(&world).await;
    for more in ["", "--dry-run"] {
        let output = world.shell(&format!("otaria publish app.swu {IMAGE} --version 1 {more}")).output().unwrap();
        assert_eq!(output.status.code(), Some(5), "{}", prints(&output));
        assert!(prints(&output).contains("https://cdn.example.com/app.bin"), "{}", prints(&output));
    }
    assert_eq!(pool(&world).await, published);
    assert_eq!(world.server.repository_files(), []);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn whoever_may_only_look_is_told_before_anything_is_sent(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "app.swu", 1000);
    let token = world.guest().await;
    for more in ["", "--dry-run"] {
        let mut shell = world.shell(&format!("otaria publish app.swu {IMAGE} --version 1 {more}"));
        shell.env("OTARIA_TOKEN", &token).env_remove("OTARIA_CLIENT_ID").env_remove("OTARIA_CLIENT_SECRET");
        let output = shell.output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{}", prints(&output));
        assert!(prints(&output).contains("you may not publish"), "{}", prints(&output));
    }
    assert_eq!(world.server.repository_files(), []);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn of_two_at_once_both_have_published_it(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "app.swu", 2 << 20);
    let line = format!("otaria publish app.swu {IMAGE} --version 1");
    let running: Vec<_> = (0..4).map(|_| start(&world, &line)).collect();
    for process in running {
        let output = ended(process).await;
        assert!(output.status.success(), "{}", prints(&output));
    }
    assert_eq!(pool(&world).await.len(), 1);
    until("the file is there once", || async { world.server.repository_files().len() == 1 }).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn of_several_files_for_one_record_at_once_one_is_published(#[case] engine: Engine) {
    let world = World::start(engine).await;
    for round in 0..5 {
        let first = format!("otaria publish --record-first {IMAGE} --version 1.{round} --out record.json");
        assert!(world.shell(&first).status().unwrap().success());
        let running: Vec<_> = (0..4)
            .map(|number| {
                file(&world, &format!("{round}-{number}.swu"), 1000 + number);
                start(&world, &format!("otaria publish {round}-{number}.swu --from-record record.json --json"))
            })
            .collect();
        let mut published = Vec::new();
        for process in running {
            let output = ended(process).await;
            match output.status.code() {
                Some(0) => published.push(serde_json::from_slice::<Value>(&output.stdout).unwrap()),
                Some(5) => {}
                _ => panic!("{}", prints(&output)),
            }
        }
        assert_eq!(published.len(), 1, "{published:#?}");
        let image = pool(&world).await.pop().unwrap();
        assert_eq!((&published[0]["status"], &published[0]["image"]["url"]), (&json!("published"), &image["url"]));
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_interrupted_upload_leaves_nothing_behind(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "app.swu", 64 << 20);
    let mut bottleneck = Bottleneck::before(&world.server).await;
    let line = format!("otaria publish app.swu {IMAGE} --version 1 --url {}", bottleneck.url());
    let process = start(&world, &line);
    bottleneck.holds().await;
    until("the upload is staged", || async { !world.server.repository_files().is_empty() }).await;
    interrupt(&process, "INT");
    let output = ended(process).await;
    assert_eq!(output.status.code(), Some(130), "{}", prints(&output));
    // What was on its way when the command ended arrives, and then the server sees that nothing follows.
    bottleneck.opens();
    until("nothing is left", || async { world.server.repository_files().is_empty() }).await;
    assert_eq!(pool(&world).await, Vec::<Value>::new());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_file_that_changes_while_it_is_sent_is_not_published(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "app.swu", 64 << 20);
    let mut bottleneck = Bottleneck::before(&world.server).await;
    let line = format!("otaria publish app.swu {IMAGE} --version 1 --url {} --quiet", bottleneck.url());
    let process = start(&world, &line);
    bottleneck.holds().await;
    file(&world, "new.swu", 64 << 20);
    // Written in place, as a build does that is still at work.
    let changed = "cat new.swu 1<> app.swu";
    assert!(world.shell(changed).status().unwrap().success());
    bottleneck.opens();
    let output = ended(process).await;
    assert_eq!(output.status.code(), Some(1), "{}", prints(&output));
    let told = "| otaria: app.swu changed while it was read, so nothing of it is published\n";
    assert!(prints(&output).starts_with(told), "{}", prints(&output));
    assert_eq!(pool(&world).await, Vec::<Value>::new());
    until("nothing is left", || async { world.server.repository_files().is_empty() }).await;
}

#[tokio::test]
async fn a_file_that_changes_and_keeps_its_time_is_not_published() {
    let world = World::start(Engine::Sqlite).await;
    file(&world, "app.swu", 64 << 20);
    file(&world, "new.swu", 64 << 20);
    let mut bottleneck = Bottleneck::before(&world.server).await;
    let line = format!("otaria publish app.swu {IMAGE} --version 1 --url {} --json --quiet", bottleneck.url());
    let process = start(&world, &line);
    bottleneck.holds().await;
    let changed = "touch -r app.swu time && cat new.swu 1<> app.swu && touch -r time app.swu";
    assert!(world.shell(changed).status().unwrap().success());
    bottleneck.opens();
    let output = ended(process).await;
    assert_eq!(output.status.code(), Some(1), "{}", prints(&output));
    let failure: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&failure["code"], &failure["retryable"]), (&json!("file_changed"), &json!(true)));
    assert_eq!(pool(&world).await, Vec::<Value>::new());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_file_that_is_too_large_is_not_sent_to_its_end(#[case] engine: Engine) {
    let world = World::beside(Server::start_with(engine, &[("OTARIA_MAX_BINARY_BYTES", "3000000")]).await);
    let sparse = std::fs::File::create(world.folder.path().join("large.swu")).unwrap();
    sparse.set_len(512 << 20).unwrap();
    for _ in 0..5 {
        let output = world.shell(&format!("otaria publish large.swu {IMAGE} --version 1")).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", prints(&output));
        let said = prints(&output);
        assert!(said.contains("large.swu has 512.00 MiB: The file is too large: at most 3000000 bytes"), "{said}");
        assert!(!said.contains("50%"), "{said}");
    }
    assert_eq!(world.server.repository_files(), []);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_upload_may_take_longer_than_a_token_lives(#[case] engine: Engine) {
    let world = World::start(engine).await;
    file(&world, "app.swu", 64 << 20);
    let mut bottleneck = Bottleneck::before(&world.server).await;
    let line = format!("otaria publish app.swu {IMAGE} --version 1 --url {}", bottleneck.url());
    let process = start(&world, &line);
    bottleneck.holds().await;
    world.server.sql("UPDATE access_tokens SET expires_ms = 1").await;
    bottleneck.opens();
    let output = ended(process).await;
    assert_eq!(output.status.code(), Some(0), "{}", prints(&output));
    assert_eq!(pool(&world).await.len(), 1);
}

#[tokio::test]
async fn no_secret_is_printed() {
    let world = World::start(Engine::Sqlite).await;
    file(&world, "app.swu", 1000);
    let token = world.server.client().await.token.unwrap();
    let secret = world.server.first("clientSecret");
    let lines = [
        format!("otaria publish app.swu {IMAGE} --version 1 --dry-run"),
        format!("otaria publish app.swu {IMAGE} --version 1 --json"),
        format!("otaria publish app.swu {IMAGE} --version 1 --client-secret {secret}"),
        format!("otaria publish app.swu {IMAGE} --version 1 --token {token}"),
        format!("otaria publish app.swu {IMAGE} --version 1 --token {token}x"),
        format!("OTARIA_TOKEN={token} otaria publish app.swu {IMAGE} --version 1 --url http://127.0.0.1:1"),
        format!("otaria publish app.swu {IMAGE} --version 1 --client-secret={secret} --verson 1"),
        format!("printf %s {token} | otaria publish app.swu {IMAGE} --version 1 --token-stdin"),
    ];
    for line in lines {
        let output = world.shell(&line).output().unwrap();
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8(printed).unwrap();
        assert!(!printed.contains(&secret) && !printed.contains(&token), "{printed}");
        assert!(!printed.is_empty());
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_record_of_another_place_is_not_completed(#[case] engine: Engine) {
    let world = World::start(engine).await;
    std::fs::write(world.folder.path().join("app.bin"), "light").unwrap();
    let console = world.console(&[
        "otaria publish --record-first --type 5 --name app --version 1 --out nowhere/r.json",
        "otaria publish --record-first --type 5 --name app --version 1 --out r.json --quiet",
        "jq '.name = \"boot\"' r.json > other.json && otaria publish app.bin --from-record other.json",
        "jq '.partnerId = \"00000000-0000-7000-8000-000000000000\"' r.json > other.json && otaria publish app.bin --from-record other.json --dry-run",
        "jq '.id = \"999999\"' r.json > other.json && otaria publish app.bin --from-record other.json --json",
        "otaria publish app.bin --from-record r.json",
    ]);
    insta::assert_snapshot!("a_record_of_another_place", console);
}
