//! `otaria push`

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use otaria_conformance::Engine;
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::Value;

use crate::lamp::Lamp;
use crate::world::{World, prints};

/// Pushes `app` of this version to devices; the pushes.
fn push(world: &World, version: &str, devices: &str) -> Vec<String> {
    let output = world.shell(&format!("otaria push create app@{version} {devices} --json")).output().unwrap();
    assert!(output.status.success(), "{}", prints(&output));
    let pushed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    pushed.iter().map(|pushed| pushed["pushId"].as_str().unwrap().to_owned()).collect()
}

/// `otaria push watch`, while it runs.
struct Watching {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watching {
    fn of(world: &World, push: &str) -> Self {
        Self::line(world, &format!("exec otaria push watch {push}"))
    }

    /// What somebody started who does not mind that their terminal is closed.
    fn by_nohup(world: &World, push: &str) -> Self {
        Self::line(world, &format!("trap '' HUP INT; exec otaria push watch {push}"))
    }

    fn line(world: &World, line: &str) -> Self {
        let mut command = world.shell(line);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Waits for a line that says so.
    fn says(&mut self, what: &str) {
        let line = self.lines.next().expect("it has ended").unwrap();
        assert!(line.contains(what), "{line}");
    }

    /// The lines that are still to come, and how it ends.
    fn ends(mut self) -> (Vec<String>, Option<i32>) {
        let lines = self.lines.map(Result::unwrap).collect();
        (lines, self.process.wait().unwrap().code())
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn images_are_pushed_and_pushes_are_shown_and_cancelled(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    let other = lamp.another(&world, "lamp-2").await;
    lamp.publish("1.0").await;
    lamp.publish("1.1").await;
    world.console(&["otaria device-type create Hub", "otaria device create hub-1 --device-type Hub"]);
    let made = world.console(&[
        "otaria push list",
        "otaria push create app@1.0 lamp-1 --dry-run",
        "otaria push create app@1.1 lamp-1 lamp-2 hub-1",
        "otaria push list",
        "otaria push create app@1.1 lamp-1 lamp-2",
        "otaria push create app@1.1 lamp-9",
        "otaria push create app@1.0 lamp-1 --json",
        "otaria push create app@1.0 lamp-1 lamp-2 --dry-run",
        "otaria push create app@1.1 lamp-1 lamp-2 --json | jq 'map(.state)'",
        "otaria push create app@1.0",
        "otaria push list --device lamp-1",
        "otaria push list --state offered --type 3 --json | grep deviceId | sort",
        "otaria push list --state done",
        "otaria publish --record-first --type 3 --name app --version 1.2 --device-type Lamp --out r.json --quiet",
        "otaria push create app@1.2 lamp-1 --dry-run",
        "otaria push create app@1.2 lamp-1",
    ]);
    insta::assert_snapshot!("pushes", made);
    lamp.succeeds().await;
    other.fetches().await;
    let of = |device: &str| {
        let list = format!("otaria push list --device {device} --json");
        let output = world.shell(&list).output().unwrap();
        let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
        listed[0]["id"].as_str().unwrap().to_owned()
    };
    let (ended, fetched) = (of("lamp-1"), of("lamp-2"));
    let shown = world.console(&[
        &format!("otaria push show {ended}"),
        &format!("otaria push cancel {ended}"),
        &format!("otaria push cancel {fetched} --dry-run"),
        &format!("otaria push cancel {fetched}"),
        &format!("otaria push cancel {ended} --dry-run"),
        "otaria push create app@1.1 lamp-1",
        "otaria push create app@1.1 lamp-1 --dry-run",
        "otaria push show 00000000-0000-7000-8000-000000000000",
    ]);
    insta::assert_snapshot!("a_push", shown);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn whoever_watches_hears_everything_and_how_it_ends(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    let other = lamp.another(&world, "lamp-2").await;
    lamp.publish("1.0").await;
    let pushes = push(&world, "1.0", "lamp-1 lamp-2");
    let (first, second) = (&pushes[0], &pushes[1]);
    let open = world.console(&[&format!("otaria push watch {first} --timeout 0s")]);
    lamp.succeeds().await;
    other.fails("no power").await;
    let ended = world.console(&[
        &format!("otaria push watch {first}"),
        &format!("otaria push watch {second} --json"),
        &format!("otaria push watch {first} {second} --quiet | sort -s -k 3,3"),
        "otaria push watch 00000000-0000-7000-8000-000000000000",
    ]);
    insta::assert_snapshot!("watched", open + &ended);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_change_is_told_when_it_happens(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    lamp.publish("1.0").await;
    let mut watching = Watching::of(&world, &push(&world, "1.0", "lamp-1")[0]);
    watching.says("lamp-1 1.0 offered");
    let update = lamp.fetches().await;
    watching.says("lamp-1 1.0 fetched");
    drop(update);
    lamp.fails("no power").await;
    let (lines, code) = watching.ends();
    assert_eq!(code, Some(7));
    assert!(lines.last().unwrap().contains("failed: no power"), "{lines:?}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn whoever_watches_does_not_mind_that_the_server_is_gone_for_a_while(#[case] engine: Engine) {
    let mut world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    lamp.publish("1.0").await;
    let mut watching = Watching::of(&world, &push(&world, "1.0", "lamp-1")[0]);
    watching.says("lamp-1 1.0 offered");
    world.server.kill();
    world.server.launch();
    lamp.succeeds().await;
    let (lines, code) = watching.ends();
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains("offered")).count(), 0, "{lines:?}");
    assert!(lines.last().unwrap().contains("lamp-1 1.0 succeeded"), "{lines:?}");
}

#[tokio::test]
async fn whoever_interrupts_a_watch_leaves_the_push_as_it_is() {
    let world = World::start(Engine::Sqlite).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    lamp.publish("1.0").await;
    let mut watching = Watching::of(&world, &push(&world, "1.0", "lamp-1")[0]);
    watching.says("lamp-1 1.0 offered");
    let id = watching.process.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(watching.ends(), (Vec::new(), Some(130)));
    lamp.succeeds().await;
}

#[tokio::test]
async fn a_signal_that_was_ignored_at_the_start_stays_so() {
    let world = World::start(Engine::Sqlite).await;
    let lamp = Lamp::make(&world, "lamp-1").await;
    lamp.publish("1.0").await;
    let mut watching = Watching::by_nohup(&world, &push(&world, "1.0", "lamp-1")[0]);
    watching.says("lamp-1 1.0 offered");
    let id = watching.process.id().to_string();
    for signal in ["-HUP", "-INT"] {
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }
    lamp.succeeds().await;
    let (lines, code) = watching.ends();
    assert_eq!(code, Some(0), "{lines:?}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn many_pushes_are_watched_without_listening_to_each(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let lamp = Lamp::make(&world, "lamp-0").await;
    lamp.publish("1.0").await;
    let mut devices = vec!["lamp-0".to_owned()];
    for number in 1..=16 {
        let id = format!("lamp-{number}");
        lamp.another(&world, &id).await;
        devices.push(id);
    }
    let pushes = push(&world, "1.0", &devices.join(" "));
    let mut watching = Watching::of(&world, &pushes.join(" "));
    for _ in &pushes {
        watching.says("offered");
    }
    let path = format!("/v1/ota/partners/{}/pushes", world.server.partner());
    let api = world.server.client().await;
    for push in &pushes {
        api.delete(&format!("{path}/{push}")).await.is(StatusCode::NO_CONTENT);
    }
    let (lines, code) = watching.ends();
    assert_eq!(code, Some(7));
    assert_eq!(lines.iter().filter(|line| line.contains("cancelled")).count(), 17, "{lines:?}");
}
