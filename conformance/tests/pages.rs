//! What the pages print for people to run, run as it stands there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use otaria_conformance::pages::block;
use otaria_conformance::publisher::MaintenanceWindow;
use otaria_conformance::{Api, Engine, Noise, Server, binary, until};
use reqwest::StatusCode;
use serde_json::{Value, json};

const DEVICES: &str = include_str!("../../docs/devices.md");
const DEVICE: &str = "lamp-1";

/// A server with a device that was set up as the page on devices says, and a folder for the device.
struct Scene {
    server: Server,
    api: Api,
    folder: tempfile::TempDir,
    token: String,
}

impl Scene {
    async fn set() -> Self {
        let settings = [("OTARIA_POLL_SECONDS", "1"), ("OTARIA_BUSY_POLL_SECONDS", "1")];
        let server = Server::start_with(Engine::Sqlite, &settings).await;
        let (api, folder) = (server.owner().await, tempfile::tempdir().unwrap());
        let mut scene = Self { server, api, folder, token: String::new() };
        scene.installer("cp \"$1\" \"$FOLDER/installed\"");
        let made = scene.operator(&format!("{}\necho $DEVICE_TOKEN", block(DEVICES, "sh", "DEVICE_TOKEN=")));
        made.lines().last().unwrap().clone_into(&mut scene.token);
        scene
    }

    /// What an operator's shell prints, who has what the pages say one has.
    fn operator(&self, script: &str) -> String {
        let otaria = format!("otaria() {{ '{}' \"$@\"; }}", binary().display());
        let mut shell = Command::new("sh");
        shell.args(["-euc", &format!("{otaria}\n{script}")]).current_dir(self.folder.path());
        shell.env("HOME", self.folder.path()).env("OTARIA_URL", self.server.url());
        shell.env("OTARIA_PARTNER", self.server.partner()).env("OTARIA_ACCOUNT", self.server.account());
        shell.env("OTARIA_TOKEN", self.api.token.as_ref().unwrap()).env("DEVICE_ID", DEVICE);
        let output = shell.stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{script}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Pushes these bytes as the page says; the push's address.
    async fn push(&self, version: &str, bytes: &[u8]) -> String {
        std::fs::write(self.path("app.img"), bytes).unwrap();
        let variables = format!("FILE=app.img TYPE=3 VERSION={version}");
        self.operator(&format!("{variables}\n{}", block(DEVICES, "sh", "otaria publish")));
        let told = self.operator(block(DEVICES, "sh", "otaria device show"));
        assert!(told.contains("newest"), "{told}");
        let pushes = format!("/v1/ota/partners/{}/pushes", self.server.partner());
        let pushed = self.api.all(&pushes).await;
        let pushed = pushed.iter().find(|push| push["version"] == version).unwrap();
        format!("{pushes}/{}", pushed["id"].as_str().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The device's installer from now on.
    fn installer(&self, script: &str) {
        let file = self.path("install");
        // A name of its own first: a program that runs must not be written to.
        std::fs::write(self.path("new"), format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
        std::fs::set_permissions(self.path("new"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(self.path("new"), file).unwrap();
    }

    fn installed(&self) -> Vec<u8> {
        std::fs::read(self.path("installed")).unwrap()
    }

    async fn maintains(&self, window: MaintenanceWindow) {
        let mut wanted = window.policy();
        wanted["name"] = "Lamp".into();
        let device_type = self.device().await["deviceTypeId"].as_str().unwrap().to_owned();
        let path = format!("/v1/partners/{}/deviceTypes/{device_type}", self.server.partner());
        let changed = self.api.put(&path, wanted).await;
        assert!(changed.status.is_success(), "{}", changed.text);
    }

    async fn shown(&self, push: &str) -> Value {
        self.api.get(push).await.ok().body
    }

    async fn cancel(&self, push: &str) {
        self.api.delete(push).await.is(StatusCode::NO_CONTENT);
    }

    async fn device(&self) -> Value {
        self.api.get(&format!("/v1/partners/{}/devices/{DEVICE}", self.server.partner())).await.ok().body
    }
}

fn states(push: &Value) -> Vec<&str> {
    let mut states: Vec<_> =
        push["history"].as_array().unwrap().iter().rev().map(|entry| entry["state"].as_str().unwrap()).collect();
    states.dedup();
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_script_keeps_a_device_up_to_date() {
    let page = include_str!("../../docs/devices/curl.md");
    let scene = Scene::set().await;
    std::fs::write(scene.path("update-device"), block(page, "sh", "#!/bin/sh")).unwrap();
    let run = || {
        let mut shell = Command::new("sh");
        shell.arg(scene.path("update-device")).env("URL", scene.server.url()).env("TENANT", "DEFAULT");
        shell.env("DEVICE_ID", DEVICE).env("DEVICE_TOKEN", &scene.token).env("FOLDER", scene.folder.path());
        shell.env("INSTALL", scene.path("install")).status().unwrap().success()
    };
    assert!(run());
    let told = scene.device().await["configData"].clone();
    assert_eq!((&told["model"], told["kernel"].is_string()), (&json!("lamp"), true));

    let bytes = Noise::new(31).bytes(1_000_000);
    let push = scene.push("1.0", &bytes).await;
    // A run before was cut.
    std::fs::write(scene.path("1"), &bytes[..400_000]).unwrap();
    assert!(run());
    let shown = scene.shown(&push).await;
    assert_eq!(states(&shown), ["offered", "fetched", "downloading", "downloaded", "succeeded"]);
    assert_eq!(scene.device().await["versions"][0]["version"], "1.0");
    assert!(scene.installed() == bytes && !scene.path("1").exists());

    // Complete, and the run before ended there.
    let push = scene.push("1.1", &bytes[1..]).await;
    std::fs::write(scene.path("2"), &bytes[1..]).unwrap();
    assert!(run());
    assert_eq!(states(&scene.shown(&push).await), ["offered", "fetched", "downloaded", "succeeded"]);

    let push = scene.push("1.2", &bytes[2..]).await;
    std::fs::write(scene.path("3"), &bytes[..500_000]).unwrap();
    assert!(run());
    let shown = scene.shown(&push).await;
    assert_eq!((&shown["state"], &shown["message"]), (&json!("failed"), &json!("the file is damaged")));

    scene.installer("exit 1");
    let push = scene.push("1.3", &bytes[3..]).await;
    assert!(run());
    let shown = scene.shown(&push).await;
    assert_eq!((&shown["state"], &shown["message"]), (&json!("failed"), &json!("the installation failed")));

    let push = scene.push("1.4", &bytes[4..]).await;
    let details = format!("/DEFAULT/controller/v1/{DEVICE}/deploymentBase/5");
    let fetched = scene.api.http.get(format!("{}{details}", scene.server.url()));
    fetched.header("authorization", format!("TargetToken {}", scene.token)).send().await.unwrap();
    scene.cancel(&push).await;
    assert!(run());
    let shown = scene.shown(&push).await;
    assert_eq!((&shown["state"], &shown["message"]), (&json!("cancelled"), &json!("stopped")));

    scene.installer("cp \"$1\" \"$FOLDER/installed\"");
    scene.maintains(MaintenanceWindow::Closed).await;
    let push = scene.push("1.5", &bytes[5..]).await;
    assert!(run() && run());
    assert_eq!(states(&scene.shown(&push).await), ["offered", "fetched", "downloading", "downloaded"]);
    assert!(scene.installed() == bytes[1..] && scene.path("6").exists(), "it was installed before its window");
    scene.maintains(MaintenanceWindow::Open).await;
    assert!(run());
    assert_eq!(scene.shown(&push).await["state"], "succeeded");
    assert!(scene.installed() == bytes[5..] && !scene.path("6").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_boot_loader_downloads_with_one_line() {
    let page = include_str!("../../docs/devices/curl.md");
    let scene = Scene::set().await;
    let ask = |version: &str| {
        let (url, token) = (scene.server.url(), &scene.token);
        let variables = format!("URL={url} TENANT=DEFAULT DEVICE_TOKEN={token} TYPE=3 VERSION={version}");
        scene.operator(&format!("{variables}\n{}", block(page, "sh", "/direct/v1/")))
    };
    assert_eq!(ask("1.0"), "304");
    let push = scene.push("1.1", b"an image").await;
    assert_eq!(ask("1.0"), "200");
    assert_eq!(std::fs::read(scene.path("image")).unwrap(), b"an image");
    assert_eq!(ask("1.1"), "304");
    assert_eq!(scene.shown(&push).await["state"], "succeeded");
}

/// The program of the page, as it runs.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_in_rust_keeps_a_device_up_to_date() {
    let page = include_str!("../../docs/devices/hawkbit-rs.md");
    assert_eq!(
        block(page, "rust", "fn main"),
        include_str!("../src/bin/hawkbit_rs.rs"),
        "the page prints another one"
    );
    let scene = Scene::set().await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_hawkbit_rs"));
    program.args([&scene.server.url(), "DEFAULT", DEVICE, &scene.token]).arg(scene.path("updates"));
    program.arg(scene.path("install")).env("FOLDER", scene.folder.path());
    let _running = Running(program.spawn().unwrap());
    let reaches = async |push: &str, state: &str| {
        until(&format!("the push is {state}"), || async { scene.shown(push).await["state"] == state }).await;
        scene.shown(push).await
    };

    let bytes = Noise::new(32).bytes(1_000_000);
    let push = scene.push("1.0", &bytes).await;
    let shown = reaches(&push, "succeeded").await;
    assert_eq!(states(&shown), ["offered", "fetched", "downloading", "downloaded", "succeeded"]);
    assert_eq!(scene.installed(), bytes);
    let told = scene.device().await;
    assert_eq!((&told["versions"][0]["version"], &told["configData"]["model"]), (&json!("1.0"), &json!("lamp")));

    scene.installer("echo 'the slot is full' >&2; exit 1");
    let push = scene.push("1.1", &bytes[1..]).await;
    let shown = reaches(&push, "failed").await;
    assert!(shown["message"].as_str().unwrap().contains("the slot is full"), "{shown}");
}

/// At another address, since that of the page may be taken; and the server ends with its shell.
#[test]
fn five_minutes_lead_from_nothing_to_a_device_that_runs_an_image() {
    let page = include_str!("../../docs/publish.md");
    let step = |part: &str| block(page, "sh", part);
    let (server, types, publish) = (step("otaria serve"), step("otaria type show"), step("--version 1.0.0"));
    let (device, next) = (step("device()"), step("--wait"));
    let script = format!(
        "trap 'kill $(jobs -p)' EXIT
        {server} {types} {publish} {device}
        echo 'once more' >&2
        kill %1; wait %1
        {server} {types} {publish} {device}
        (while sleep 0.1; do {device} done) > polls.log 2>&1 &
        {next}
        otaria device show lamp-1"
    );
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (folder, own) = (tempfile::tempdir().unwrap(), binary().parent().unwrap().display().to_string());
    let mut shell = Command::new("timeout");
    shell.args(["120", "bash", "-euc", &script.replace("127.0.0.1:8080", &address)]).env_clear();
    shell.current_dir(folder.path()).env("HOME", folder.path()).env("OTARIA_LISTEN", &address);
    shell.env("PATH", format!("{own}:{}", std::env::var("PATH").unwrap()));
    let output = shell.output().unwrap();
    let (told, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{said}\n{}", read(folder.path().join("otaria.log")));
    let published = block(page, "text", "published app");
    assert!(told.contains(published), "{published} is not in {told}");
    for sentence in
        ["already published: app 1.0.0", "lamp-1 runs it already", "published app 1.0.1", "lamp-1 runs it\n"]
    {
        assert!(told.contains(sentence), "{sentence} is not in {told}");
    }
    let (_, device) = told.rsplit_once("lamp-1 runs it\n").unwrap();
    assert!(device.contains("1.0.1"), "{device}");
}

fn read(file: PathBuf) -> String {
    std::fs::read_to_string(file).unwrap_or_default()
}
