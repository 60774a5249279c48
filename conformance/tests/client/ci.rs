//! What is in `examples/ci`, run as its vendors run it, as far as that can be done without them.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use data_encoding::HEXLOWER;
use otaria_conformance::{Api, Engine, until};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::lamp::Lamp;
use crate::mishap::{Mishap, Way};
use crate::world::{World, prints};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ci").join(path)
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(example(path)).unwrap()).unwrap()
}

/// A world with a file to publish, a firmware type and a device type.
async fn pipeline(engine: Engine) -> (World, Api, String) {
    let world = World::start(engine).await;
    std::fs::write(world.folder.path().join("app.bin"), "an application").unwrap();
    let api = world.server.client().await;
    let types = format!("/v1/ota/partners/{}/types", world.server.partner());
    api.post(&types, json!({ "type": 101, "name": "app" })).await.is(StatusCode::CREATED);
    let device_type = api.device_type(&world.server.partner(), "Lamp").await;
    (world, api, device_type)
}

/// The images in the pool.
async fn pool(world: &World, api: &Api) -> Vec<Value> {
    let path = format!("/v1/ota/partners/{}/pool", world.server.partner());
    api.get(&path).await.ok().body["content"].as_array().unwrap().clone()
}

/// For how many device types an image is.
async fn associations(world: &World, api: &Api, image: &Value) -> usize {
    let (number, of) = (image["versionNumber"].as_str().unwrap(), &image["type"]);
    let path =
        format!("/v1/ota/partners/{}/pool/types/{of}/versionNumbers/{number}/associations", world.server.partner());
    api.get(&path).await.ok().body.as_array().unwrap().len()
}

#[track_caller]
fn succeeded(world: &World, output: &Output) -> String {
    assert!(output.status.success(), "{}", prints(output));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains(&world.server.first("clientSecret")), "the secret was printed");
    said
}

fn script(world: &World, variables: &[(&str, &str)]) -> Command {
    let mut command = world.shell(&format!("{} app.bin", example("publish.sh").display()));
    command.env("OTARIA_TYPE", "101").env("OTARIA_NAME", "app / ü").env("OTARIA_VERSION", "1.4.2");
    command.envs(variables.iter().copied());
    command
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_script_publishes_once_however_often_it_runs(#[case] engine: Engine) {
    let (world, api, device_type) = pipeline(engine).await;
    let variables = [("OTARIA_TAGS", "qa,nightly"), ("OTARIA_DEVICE_TYPES", device_type.as_str())];
    let first = script(&world, &variables).output().unwrap();
    assert!(succeeded(&world, &first).contains("published: app / ü 1.4.2"));
    let printed: Value = serde_json::from_slice(&first.stdout).unwrap();
    let again = script(&world, &variables).output().unwrap();
    assert!(succeeded(&world, &again).contains("already published: app / ü 1.4.2"));
    let images = pool(&world, &api).await;
    assert_eq!(images.len(), 1);
    assert_eq!(images[0]["versionNumber"], printed["versionNumber"]);
    assert_eq!(images[0]["tags"], json!(["qa", "nightly"]));
    assert_eq!(associations(&world, &api, &images[0]).await, 1);
    let file = api.get(images[0]["url"].as_str().unwrap().strip_prefix(&world.server.url()).unwrap()).await.ok();
    assert_eq!(file.text, "an application");

    std::fs::write(world.folder.path().join("app.bin"), "another application").unwrap();
    let other = script(&world, &variables).output().unwrap();
    assert_eq!(other.status.code(), Some(5), "{}", prints(&other));
    let refused = script(&world, &[("OTARIA_CLIENT_SECRET", "wrong")]).output().unwrap();
    assert_eq!(refused.status.code(), Some(4), "{}", prints(&refused));
    assert_eq!(pool(&world, &api).await.len(), 1);
    // What is refused has not been sent.
    assert_eq!(world.server.repository_files().len(), 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_script_looks_before_it_sends_anything(#[case] engine: Engine) {
    let (world, api, _) = pipeline(engine).await;
    let exit = |variables: &[(&str, &str)]| script(&world, variables).output().unwrap().status.code();
    assert_eq!(exit(&[("OTARIA_VERSION", "")]), Some(2));
    assert_eq!(exit(&[("OTARIA_CLIENT_SECRET", "")]), Some(2));
    assert_eq!(exit(&[("OTARIA_TYPE", "102")]), Some(3));
    assert_eq!(exit(&[("OTARIA_PUSH", "lamp-1")]), Some(3));
    assert_eq!(exit(&[("OTARIA_DEVICE_TYPES", "0199c7de-8f4b-7bd5-9d5c-1f0f7a3e2b11")]), Some(3));
    assert_eq!(exit(&[("OTARIA_PARTNER", "0199c7de-8f4b-7bd5-9d5c-1f0f7a3e2b11")]), Some(4));
    assert_eq!(exit(&[("OTARIA_URL", "http://127.0.0.1:1")]), Some(1));
    assert_eq!(pool(&world, &api).await, Vec::<Value>::new());
    assert_eq!(world.server.repository_files(), []);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_script_completes_a_record_and_takes_its_secret_from_a_file(#[case] engine: Engine) {
    let (world, api, _) = pipeline(engine).await;
    let path = format!("/v1/ota/partners/{}/pool", world.server.partner());
    let record = json!({ "type": 101, "name": "app / ü", "version": "1.4.2", "tags": ["qa"] });
    let record = api.post(&path, record).await.is(StatusCode::CREATED).body;
    std::fs::write(world.folder.path().join("secret"), format!("{}\n", world.server.first("clientSecret"))).unwrap();
    let mut command = script(&world, &[("OTARIA_CLIENT_SECRET_FILE", "secret")]);
    let completed = command.env_remove("OTARIA_CLIENT_SECRET").output().unwrap();
    assert!(succeeded(&world, &completed).contains("published: app / ü 1.4.2"));
    let images = pool(&world, &api).await;
    assert_eq!(images.len(), 1);
    assert_eq!((&images[0]["versionNumber"], &images[0]["tags"]), (&record["versionNumber"], &json!(["qa"])));
    assert!(images[0]["url"].as_str().unwrap().contains("/binaries/"), "{}", images[0]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_script_pushes_and_waits_for_the_device(#[case] engine: Engine) {
    let world = World::start(engine).await;
    std::fs::write(world.folder.path().join("app.bin"), "an application").unwrap();
    let lamp = Lamp::make(&world, "lamp-1").await;
    let variables = [("OTARIA_TYPE", "3"), ("OTARIA_DEVICE_TYPES", lamp.device_type()), ("OTARIA_PUSH", "lamp-1")];
    let api = world.server.client().await;
    let pushes = format!("/v1/ota/partners/{}/pushes", world.server.partner());
    let is_pushed = |count: u64| {
        let (api, pushes) = (api.clone(), pushes.clone());
        async move { api.get(&pushes).await.ok().body["totalElements"] == count }
    };
    let spawn = |more: &[(&'static str, &'static str)]| {
        let mut command = script(&world, &variables);
        command.envs(more.iter().copied()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let waiting = spawn(&[]);
    until("it is pushed", || is_pushed(1)).await;
    lamp.succeeds().await;
    let said = succeeded(&world, &waiting.wait_with_output().unwrap());
    assert!(said.contains("lamp-1: succeeded"), "{said}");
    let said = succeeded(&world, &spawn(&[]).wait_with_output().unwrap());
    assert!(said.contains("lamp-1 runs it already"), "{said}");

    let waiting = spawn(&[("OTARIA_VERSION", "1.4.3")]);
    until("it is pushed", || is_pushed(2)).await;
    lamp.fails("no power").await;
    let failed = waiting.wait_with_output().unwrap();
    assert_eq!(failed.status.code(), Some(7), "{}", prints(&failed));
    let late = spawn(&[("OTARIA_VERSION", "1.4.4"), ("OTARIA_TIMEOUT", "1")]).wait_with_output().unwrap();
    assert_eq!(late.status.code(), Some(8), "{}", prints(&late));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_knows_that_a_push_is_impossible_before_it_publishes() {
    let (world, api, device_type) = pipeline(Engine::Sqlite).await;
    api.device(&world.server.account(), &device_type, "lamp-1").await;
    let output = script(&world, &[("OTARIA_PUSH", "lamp-1")]).output().unwrap();
    assert_eq!(output.status.code(), Some(6), "{}", prints(&output));
    assert_eq!((pool(&world, &api).await, world.server.repository_files()), (Vec::<Value>::new(), Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_sends_the_file_that_is_named_and_no_other() {
    let (world, api, _) = pipeline(Engine::Sqlite).await;
    for other in ["p.bin", "q.bin", "app1.bin", "app2.bin"] {
        std::fs::write(world.folder.path().join(other), "another one").unwrap();
    }
    for (number, name) in ["{p,q}.bin", "app[1-2].bin", "-", "-d.bin", "a b;type=x.bin", "@app"].iter().enumerate() {
        std::fs::write(world.folder.path().join(name), format!("this is {name}")).unwrap();
        let mut command = world.shell(&format!("{} '{name}'", example("publish.sh").display()));
        command.env("OTARIA_TYPE", "101").env("OTARIA_NAME", "app").env("OTARIA_VERSION", number.to_string());
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        succeeded(&world, &output);
        let image: Value = serde_json::from_slice(&output.stdout).unwrap();
        let path = image["url"].as_str().unwrap().strip_prefix(&world.server.url()).unwrap().to_owned();
        assert_eq!(api.get(&path).await.ok().text, format!("this is {name}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_says_what_it_cannot_understand_and_no_secret() {
    let (world, api, _) = pipeline(Engine::Sqlite).await;
    let told = |variables: &[(&str, &str)]| prints(&script(&world, variables).output().unwrap());
    for name in ["OTARIA_VERSION", "OTARIA_NAME", "OTARIA_PARTNER"] {
        let said = told(&[(name, "..")]);
        assert!(said.contains(name) && said.ends_with("exit 2\n"), "{said}");
    }
    let secret = world.server.first("clientSecret");
    let output =
        script(&world, &[("OTARIA_CLIENT_SECRET", ""), ("OTARIA_CLIENT_SECRET_FILE", &secret)]).output().unwrap();
    let printed = String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", prints(&output));
    assert!(!printed.contains(&secret) && printed.contains("OTARIA_CLIENT_SECRET_FILE"), "{}", prints(&output));
    for (method, path) in
        [("POST", "/oauth/token"), ("POST", "/moveToRepository"), ("POST", "/binaries"), ("POST", "/pool")]
    {
        let way = Way::to(&world.server, method, path, Mishap::Html).await;
        let output =
            tokio::process::Command::from(script(&world, &[("OTARIA_URL", way.url())])).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1), "{path}: {}", prints(&output));
        let said = prints(&output);
        assert!(said.contains("answers with 200 and no JSON") && !said.contains("parse error"), "{path}: {said}");
    }
    assert_eq!(pool(&world, &api).await, Vec::<Value>::new());
}

/// Puts values in the place of `${{ … }}`, as GitHub does before anything runs. What is not known there is empty.
fn expanded(text: &str, values: &BTreeMap<String, String>) -> String {
    let (mut rest, mut expanded) = (text, String::new());
    while let Some((before, after)) = rest.split_once("${{") {
        let (name, after) = after.split_once("}}").unwrap();
        expanded += before;
        expanded += values.get(name.trim()).map_or("", String::as_str);
        rest = after;
    }
    expanded + rest
}

/// A runner of GitHub's.
struct Runner<'w> {
    world: &'w World,
    folder: tempfile::TempDir,
}

impl<'w> Runner<'w> {
    fn of(world: &'w World) -> Self {
        Self { world, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// Runs a step: no setting comes from elsewhere than the step itself.
    fn run(&self, step: &Value, values: &BTreeMap<String, String>) -> Output {
        let script = self.file("step.sh");
        // What GitHub puts into a script is put there before it runs, whatever it holds.
        std::fs::write(&script, expanded(step["run"].as_str().unwrap(), values)).unwrap();
        let mut shell = self.world.shell(&format!("exec bash --noprofile --norc -eo pipefail {}", script.display()));
        for name in ["URL", "PARTNER", "ACCOUNT", "CLIENT_ID", "CLIENT_SECRET"] {
            shell.env_remove(format!("OTARIA_{name}"));
        }
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            shell.env(name, expanded(value.as_str().unwrap(), values));
        }
        shell.env("GITHUB_OUTPUT", self.file("output")).env("GITHUB_PATH", self.file("path"));
        shell.env("RUNNER_TEMP", self.folder.path()).env("GITHUB_REF_NAME", "v1.4.2");
        shell.output().unwrap()
    }
}

/// The inputs that an action gets: what `with` says, and what it has by default.
fn inputs(action: &Value, with: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let known = action["inputs"].as_object().unwrap();
    assert!(with.keys().all(|name| known.contains_key(name)), "{with:?}");
    let value = |(name, input): (&String, &Value)| {
        let value = with.get(name).cloned().or_else(|| Some(input["default"].as_str()?.to_owned()));
        (format!("inputs.{name}"), value.unwrap_or_else(|| panic!("{name} is required")))
    };
    known.iter().map(value).collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_workflow_and_its_action_publish_what_was_built(#[case] engine: Engine) {
    let (world, api, _) = pipeline(engine).await;
    let (workflow, action) = (yaml("github/publish.yml"), yaml("github/action.yml"));
    let context = BTreeMap::from(
        [
            ("vars.OTARIA_URL", world.server.url()),
            ("vars.OTARIA_PARTNER", world.server.partner()),
            ("vars.OTARIA_CLIENT_ID", world.server.first("clientId")),
            ("secrets.OTARIA_CLIENT_SECRET", world.server.first("clientSecret")),
            ("vars.OTARIA_DEVICE_TYPE", "Lamp".to_owned()),
            ("github.ref_name", "v1.4.2".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let runner = Runner::of(&world);
    let steps = workflow["jobs"]["publish"]["steps"].as_array().unwrap();
    let foreign = steps.iter().filter_map(|step| step["uses"].as_str()).filter(|uses| !uses.starts_with("./"));
    for uses in foreign {
        let (_, commit) = uses.split_once('@').unwrap();
        assert!(commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()), "{uses} is not pinned");
    }
    for step in steps.iter().filter(|step| step["run"].is_string()) {
        succeeded(&world, &runner.run(step, &context));
    }
    let uses = steps.iter().find(|step| step["uses"].as_str().unwrap_or_default().starts_with("./")).unwrap();
    let with = uses["with"].as_object().unwrap().iter();
    let with = with.map(|(name, value)| {
        (name.clone(), value.as_str().map_or_else(|| value.to_string(), |text| expanded(text, &context)))
    });
    let values = inputs(&action, &with.collect());
    let publish = action["runs"]["steps"].as_array().unwrap().iter().find(|step| step["id"] == "publish").unwrap();
    for status in ["published", "already_published"] {
        succeeded(&world, &runner.run(publish, &values));
        let images = pool(&world, &api).await;
        assert_eq!(images.len(), 1);
        assert_eq!((&images[0]["name"], &images[0]["version"]), (&json!("app"), &json!("v1.4.2")));
        assert_eq!(associations(&world, &api, &images[0]).await, 1);
        let sha256 = HEXLOWER.encode(&Sha256::digest("firmware v1.4.2\n"));
        let number = images[0]["versionNumber"].as_str().unwrap();
        let outputs = runner.read("output");
        assert_eq!(outputs, format!("status={status}\nversion-number={number}\nsha256={sha256}\n"));
        std::fs::remove_file(runner.file("output")).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_says_what_is_published_though_no_device_runs_it() {
    let (world, _, _) = pipeline(Engine::Sqlite).await;
    world.console(&["otaria device create lamp-1 --device-type Lamp"]);
    let action = yaml("github/action.yml");
    let runner = Runner::of(&world);
    let with = [
        ("url", world.server.url()),
        ("partner", world.server.partner()),
        ("client-id", world.server.first("clientId")),
        ("client-secret", world.server.first("clientSecret")),
        ("file", "app.bin".to_owned()),
        ("type", "101".to_owned()),
        ("name", "app".to_owned()),
        ("version", "1".to_owned()),
        ("device-types", "Lamp".to_owned()),
        ("push", "lamp-1".to_owned()),
        ("timeout", "0s".to_owned()),
    ];
    let with: BTreeMap<_, _> = with.map(|(name, value)| (name.to_owned(), value)).into();
    let publish = action["runs"]["steps"].as_array().unwrap().iter().find(|step| step["id"] == "publish").unwrap();
    let output = runner.run(publish, &inputs(&action, &with));
    assert_eq!(output.status.code(), Some(8), "{}", prints(&output));
    assert!(runner.read("output").starts_with("status=published\nversion-number=1\nsha256="), "{}", prints(&output));
    let refused: BTreeMap<_, _> = [("version".to_owned(), String::new())].into();
    let output = runner.run(publish, &inputs(&action, &with.into_iter().chain(refused).collect()));
    assert_eq!(output.status.code(), Some(2), "{}", prints(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_action_is_given_is_never_run() {
    let (world, api, _) = pipeline(Engine::Sqlite).await;
    let action = yaml("github/action.yml");
    let runner = Runner::of(&world);
    let trap = runner.file("trapped");
    let hostile = format!("x\"; touch {0}; $(touch {0}) `touch {0}`", trap.display());
    let with = [
        ("url", world.server.url()),
        ("partner", world.server.partner()),
        ("client-id", world.server.first("clientId")),
        ("client-secret", world.server.first("clientSecret")),
        ("file", "app.bin".to_owned()),
        ("type", "101".to_owned()),
        ("name", hostile.clone()),
        ("version", "--help".to_owned()),
        ("description", "two\nlines".to_owned()),
        ("tags", "qa\n\nnightly\n".to_owned()),
    ];
    let with: BTreeMap<_, _> = with.map(|(name, value)| (name.to_owned(), value)).into();
    let publish = action["runs"]["steps"].as_array().unwrap().iter().find(|step| step["id"] == "publish").unwrap();
    succeeded(&world, &runner.run(publish, &inputs(&action, &with)));
    let images = pool(&world, &api).await;
    assert_eq!(images[0]["name"], hostile);
    assert_eq!((&images[0]["version"], &images[0]["tags"]), (&json!("--help"), &json!(["qa", "nightly"])));
    assert!(!trap.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_takes_only_the_command_that_was_meant() {
    let (world, _, _) = pipeline(Engine::Sqlite).await;
    let action = yaml("github/action.yml");
    let runner = Runner::of(&world);
    let command = runner.file("downloaded");
    std::fs::write(&command, "#!/bin/sh\necho this one\n").unwrap();
    let step = &action["runs"]["steps"][0];
    let download = |sha256: &str| {
        let values = [
            ("inputs.download", format!("file://{}", command.display())),
            ("inputs.download-sha256", sha256.to_owned()),
        ];
        runner.run(step, &values.map(|(name, value)| (name.to_owned(), value)).into())
    };
    let other = download(&"0".repeat(64));
    assert!(!other.status.success() && runner.read("path").is_empty(), "{}", prints(&other));
    succeeded(&world, &download(&HEXLOWER.encode(&Sha256::digest(std::fs::read(&command).unwrap()))));
    let installed = Path::new(runner.read("path").trim()).join("otaria");
    assert_eq!(std::fs::metadata(&installed).unwrap().permissions().mode() & 0o111, 0o111);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_component_of_gitlab_publishes(#[case] engine: Engine) {
    let (world, api, _) = pipeline(engine).await;
    let text = std::fs::read_to_string(example("gitlab/publish.yml")).unwrap();
    let (header, body) = text.split_once("\n---\n").unwrap();
    let header: Value = serde_saphyr::from_str(header).unwrap();
    let mut given = BTreeMap::from([
        ("url", world.server.url()),
        ("partner", world.server.partner()),
        ("client-id", world.server.first("clientId")),
        ("image", "any".to_owned()),
        ("file", "app.bin".to_owned()),
        ("type", "101".to_owned()),
        ("name", "app * of ours".to_owned()),
        ("version", "1.4.2".to_owned()),
        ("tags", "qa,night ly".to_owned()),
        ("device-types", "Lamp".to_owned()),
    ]);
    let known = header["spec"]["inputs"].as_object().unwrap();
    for (name, input) in known {
        let default = input["default"].as_str().map(str::to_owned);
        given.entry(name).or_insert_with(|| default.unwrap_or_else(|| panic!("{name} is required")));
    }
    assert_eq!(given.len(), known.len());
    let body = given
        .iter()
        .fold(body.to_owned(), |body, (name, value)| body.replace(&format!("$[[ inputs.{name} ]]"), value));
    let jobs: Value = serde_saphyr::from_str(&body).unwrap();
    let job = &jobs["publish-firmware"];
    // Also of a job that fails since a device does not run what was published.
    assert_eq!(job["artifacts"], json!({ "when": "always", "paths": ["publication.json"] }));
    let lines: Vec<_> = job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    for status in ["published", "already_published"] {
        let mut shell = world.shell(&lines.join("\n"));
        for name in ["URL", "PARTNER", "ACCOUNT", "CLIENT_ID"] {
            shell.env_remove(format!("OTARIA_{name}"));
        }
        let variables = job["variables"].as_object().unwrap();
        shell.envs(variables.iter().map(|(name, value)| (name, value.as_str().unwrap())));
        succeeded(&world, &shell.output().unwrap());
        let publication = std::fs::read(world.folder.path().join("publication.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&publication).unwrap()["status"], status);
    }
    let images = pool(&world, &api).await;
    assert_eq!(images.len(), 1);
    assert_eq!((&images[0]["name"], &images[0]["tags"]), (&json!("app * of ours"), &json!(["qa", "night ly"])));
    assert_eq!(associations(&world, &api, &images[0]).await, 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_task_of_yocto_publishes(#[case] engine: Engine) {
    let (world, api, device_type) = pipeline(engine).await;
    let class = std::fs::read_to_string(example("yocto/otaria-publish.bbclass")).unwrap();
    let secret = world.folder.path().join("secret");
    std::fs::write(&secret, world.server.first("clientSecret")).unwrap();
    let mut variables = BTreeMap::from([
        ("OTARIA_URL", world.server.url()),
        ("OTARIA_PARTNER", world.server.partner()),
        ("OTARIA_CLIENT_ID", world.server.first("clientId")),
        ("OTARIA_CLIENT_SECRET_FILE", secret.display().to_string()),
        ("OTARIA_DEVICE_TYPES", device_type),
        ("OTARIA_TAGS", "qa nightly".to_owned()),
        ("DEPLOY_DIR_IMAGE", world.folder.path().display().to_string()),
        ("IMAGE_LINK_NAME", "core-image-ours".to_owned()),
        ("PN", "core-image-ours".to_owned()),
        ("DISTRO_VERSION", "5.0.1".to_owned()),
    ]);
    std::fs::write(world.folder.path().join("core-image-ours.wic.gz"), "a system").unwrap();
    let defaults = class.lines().filter_map(|line| line.split_once(" ?= "));
    for (name, default) in defaults {
        let default = variables.iter().fold(default.trim_matches('"').to_owned(), |text, (name, value)| {
            text.replace(&format!("${{{name}}}"), value)
        });
        variables.entry(name).or_insert(default);
    }
    let (_, task) = class.split_once("do_otaria_publish() {\n").unwrap();
    let (task, _) = task.split_once("\n}\n").unwrap();
    // BitBake puts in what it knows, and leaves the rest to the shell.
    let task =
        variables.iter().fold(task.to_owned(), |task, (name, value)| task.replace(&format!("${{{name}}}"), value));
    assert!(!task.contains(&world.server.first("clientSecret")) && !task.contains("${"), "{task}");
    for verb in ["published", "already published"] {
        let mut shell = world.shell(&format!("set -e\n{task}"));
        for name in ["URL", "PARTNER", "ACCOUNT", "CLIENT_ID", "CLIENT_SECRET"] {
            shell.env_remove(format!("OTARIA_{name}"));
        }
        let said = succeeded(&world, &shell.output().unwrap());
        assert!(said.contains(verb), "{said}");
    }
    let images = pool(&world, &api).await;
    assert_eq!(images.len(), 1);
    assert_eq!((&images[0]["type"], &images[0]["version"]), (&json!(5), &json!("5.0.1")));
    assert_eq!(associations(&world, &api, &images[0]).await, 1);
}
