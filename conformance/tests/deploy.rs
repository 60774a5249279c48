//! What operators install: the Debian package under its systemd unit, and the container image; each in a folder that
//! stands for the machine, so that nothing of this one changes. And what they do after a restore.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use otaria_conformance::{Engine, Server, binary, postgres_url, until};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Runs a command and gives what it printed.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")).trim() == "0"
}

/// A folder that every user may enter.
fn open_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A server that is killed if a test ends before it was stopped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    /// Asks it to stop; its exit code.
    async fn stop(mut self) -> Option<i32> {
        run(Command::new("kill").args(["-TERM", &self.0.id().to_string()]));
        let mut status = None;
        until("the server stops", || {
            status = self.0.try_wait().unwrap();
            let stopped = status.is_some();
            async move { stopped }
        })
        .await;
        status.unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

async fn answers_readyz(address: &str) {
    let url = format!("http://{address}/readyz");
    until("the server is ready", || async {
        reqwest::get(&url).await.is_ok_and(|answer| answer.status().is_success())
    })
    .await;
}

/// The values of a unit's `[Service]`, by name.
fn service_settings(unit: &str) -> BTreeMap<&str, Vec<&str>> {
    let section = unit.split_once("[Service]\n").unwrap().1.split("\n[").next().unwrap();
    let mut settings = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in section.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='))
    {
        settings.entry(name).or_default().push(value);
    }
    settings
}

/// The variables of an environment file.
fn variables(file: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once('=').unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Has systemd read the unit, if it is here: it complains of what it does not know.
fn verify(unit: &str, machine: &Machine) {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("no systemd-analyze: the unit is not verified");
        return;
    }
    let file = machine.path("otaria.service");
    let program = machine.path("usr/bin/otaria").display().to_string();
    std::fs::write(&file, unit.replace("/usr/bin/otaria", &program)).unwrap();
    let output = Command::new("systemd-analyze").arg("verify").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("otaria.service"), "{said}");
}

/// A machine with nothing but dpkg's database: the package is installed into it, its scripts see it as `DPKG_ROOT`.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        let folder = open_folder();
        for path in ["var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"] {
            std::fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        std::fs::write(folder.path().join("var/lib/dpkg/status"), "").unwrap();
        Self { folder }
    }

    /// Where a path of the machine is here.
    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn dpkg(&self) -> Command {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.folder.path().display()));
        dpkg.arg(format!("--log={}", self.path("dpkg.log").display()));
        dpkg.args(["--force-depends", "--force-script-chrootless"]);
        dpkg
    }

    /// The number of a user or group of the machine.
    fn number(&self, file: &str, name: &str) -> String {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        line.split(':').nth(2).unwrap().to_owned()
    }

    /// A command as the unit's user, who can do nothing else.
    fn as_user(&self, name: &str, program: &Path) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &self.number("etc/passwd", name), "--regid", &self.number("etc/group", name)]);
        command.args(["--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]).arg(program);
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(self.folder.path());
        command
    }
}

/// The package of the binary under test.
fn build_package(folder: &Path) -> PathBuf {
    let tool = repository().join("target/tools/bin/cargo-deb");
    assert!(tool.is_file(), "{} is missing: `make test` installs it, and so does `make deb`", tool.display());
    let package = folder.join("otaria.deb");
    let mut build = Command::new(tool);
    build.args(["-p", "otaria-cli", "--no-build", "--profile", "dev", "--fast", "--quiet", "--locked", "-o"]);
    run(build.arg(&package).current_dir(repository()));
    package
}

#[tokio::test]
async fn the_package_installs_and_serves_under_its_unit() {
    if !is_root() {
        eprintln!("not root: the package is not installed anywhere, and not tried");
        return;
    }
    let machine = Machine::new();
    let package = build_package(machine.folder.path());
    run(machine.dpkg().arg("--install").arg(&package));

    // Root and the server read the settings, and only they.
    let mode = |path: &str| std::fs::metadata(machine.path(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("etc/otaria/otaria.env"), mode("var/lib/otaria")), (0o640, 0o750));
    let set = |path: &str| {
        std::fs::read_to_string(machine.path(path))
            .unwrap()
            .lines()
            .any(|line| !line.is_empty() && !line.starts_with('#'))
    };
    assert!(!set("etc/otaria/otaria.toml") && !set("etc/otaria/otaria.env"), "the package decides something");

    // What an administrator would write.
    let address = free_address();
    let environment = machine.path("etc/otaria/otaria.env");
    let mut file = std::fs::OpenOptions::new().append(true).open(&environment).unwrap();
    writeln!(file, "OTARIA_LISTEN={address}").unwrap();

    // What systemd does with the unit.
    let unit = std::fs::read_to_string(machine.path("usr/lib/systemd/system/otaria.service")).unwrap();
    verify(&unit, &machine);
    let settings = service_settings(&unit);
    let one = |name: &str| settings[name][0];
    let mapped =
        |text: &str| if text.starts_with('/') { machine.path(text).display().to_string() } else { text.to_owned() };
    let notify = machine.path("notify");
    let socket = UnixDatagram::bind(&notify).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    std::fs::set_permissions(&notify, PermissionsExt::from_mode(0o777)).unwrap();
    let mut command = one("ExecStart").split(' ').map(mapped);
    let mut serve = machine.as_user(one("User"), Path::new(&command.next().unwrap()));
    serve.args(command).env("NOTIFY_SOCKET", &notify);
    serve.env("WATCHDOG_USEC", format!("{}000000", one("WatchdogSec")));
    for (name, value) in settings["Environment"].iter().filter_map(|pair| pair.split_once('=')) {
        serve.env(name, mapped(value));
    }
    assert_eq!(one("EnvironmentFile"), "-/etc/otaria/otaria.env");
    serve.envs(variables(&environment));
    assert_eq!((one("Type"), one("StateDirectory")), ("notify", "otaria"));

    let server = Running::start(&mut serve);
    let mut buffer = [0; 256];
    let mut told = || {
        let length = socket.recv(&mut buffer).expect("the manager is told something");
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    };
    assert_eq!(told(), "READY=1");
    // It listened before it said so.
    assert!(reqwest::get(format!("http://{address}/readyz")).await.unwrap().status().is_success());
    assert_eq!(told(), "WATCHDOG=1");

    // The first credentials, as docs/install.md has it.
    let mut bootstrap = machine.as_user("otaria", Path::new("/bin/sh"));
    bootstrap.args(["-ac", r#". "$0"; exec "$@""#]).arg(&environment).arg(machine.path("usr/bin/otaria"));
    bootstrap.args(["bootstrap", "--config"]).arg(machine.path("etc/otaria/otaria.toml"));
    bootstrap.arg("--data").arg(machine.path("var/lib/otaria"));
    bootstrap.args(["--name", "Acme", "--email", "owner@example.com", "--json"]);
    let printed: Value = serde_json::from_str(&run(&mut bootstrap)).unwrap();
    assert_eq!(printed["publicUrl"], format!("http://{address}"));

    assert_eq!(server.stop().await, Some(0));
    assert_eq!(told(), "STOPPING=1");

    // The program goes, and what was entrusted to it stays.
    run(machine.dpkg().args(["--purge", "otaria"]));
    assert!(!machine.path("usr/bin/otaria").exists() && !machine.path("etc/otaria").exists());
    assert!(machine.path("var/lib/otaria/otaria.db").is_file());
}

/// What the last stage of a container file says.
struct Image {
    environment: Vec<(String, String)>,
    user: String,
    folder: String,
    entry: Vec<String>,
    command: Vec<String>,
    health: Vec<String>,
}

impl Image {
    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let stage = text.rsplit_once("\nFROM ").unwrap().1;
        let values = |word: &str| -> Vec<String> {
            stage.lines().filter_map(|line| line.strip_prefix(&format!("{word} "))).map(str::to_owned).collect()
        };
        let list = |text: &str| -> Vec<String> { serde_json::from_str(&text[text.find('[').unwrap()..]).unwrap() };
        let pair = |line: &String| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self {
            environment: values("ENV").iter().map(|line| pair(line).unwrap()).collect(),
            user: values("USER").remove(0),
            folder: values("WORKDIR").remove(0),
            entry: list(&values("ENTRYPOINT")[0]),
            command: list(&values("CMD")[0]),
            health: list(&values("HEALTHCHECK")[0]),
        }
    }

    /// A command inside the image, which nobody can write to but for its volume, as the image's user.
    fn inside(&self, root: &Path, volume: &Path, words: &[String]) -> Command {
        // In a container that may not mount, the files' owner is what keeps the image as it is.
        let script = r#"
            root=$1 volume=$2; shift 2
            if unshare --mount true 2>/dev/null; then
                exec unshare --mount sh -ec '
                    mount --bind "$1" "$1"; mount --bind "$2" "$1/data"; mount -o remount,bind,ro "$1"
                    shift 2; exec unshare "$@"
                ' sh "$root" "$volume" "$@"
            fi
            exec unshare "$@""#;
        let (user, group) = self.user.split_once(':').unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-ec", script, "sh"])
            .arg(root)
            .arg(volume)
            .arg("--root")
            .arg(root)
            .args(["--wd", &self.folder]);
        command.args(["--setgid", group, "--setuid", user]).args(words).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").envs(self.environment.iter().cloned());
        command
    }
}

/// Copies the binary, with the libraries that the image's base has, to where the image has them.
fn lay_out(root: &Path) {
    let copy = |from: &Path, to: &str| {
        let to = root.join(to.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from, to).unwrap();
    };
    copy(&binary(), "/usr/bin/otaria");
    let libraries = run(Command::new("ldd").arg(binary()));
    for path in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
        copy(Path::new(path), path);
    }
}

#[tokio::test]
async fn the_image_serves_from_a_read_only_root_as_a_user_without_a_name() {
    if !is_root() {
        eprintln!("not root: no other root folder can be had, and the image is not tried");
        return;
    }
    let image = Image::read(&repository().join("deploy/Containerfile"));
    let folder = open_folder();
    let (root, volume) = (folder.path().join("root"), folder.path().join("root/data"));
    lay_out(&root);
    std::fs::create_dir(&volume).unwrap();
    let (user, group) = image.user.split_once(':').unwrap();
    chown(&volume, Some(user.parse().unwrap()), Some(group.parse().unwrap())).unwrap();
    let inside = |words: &[&[String]]| image.inside(&root, &volume, &words.concat());

    assert!(image.environment.contains(&("OTARIA_LISTEN".to_owned(), "0.0.0.0:8080".to_owned())));
    // Every test runs on this machine at once, so that the port is another one.
    let address = free_address();
    let health = || inside(&[&image.health]).env("OTARIA_LISTEN", &address).output().unwrap().status.code();
    assert_eq!(health(), Some(1), "it is healthy before it runs");
    let server = Running::start(inside(&[&image.entry, &image.command]).env("OTARIA_LISTEN", &address));
    answers_readyz(&address).await;
    assert_eq!(health(), Some(0));

    let words: Vec<String> =
        ["bootstrap", "--name", "Acme", "--email", "owner@example.com", "--json"].map(str::to_owned).to_vec();
    let printed: Value = serde_json::from_str(&run(&mut inside(&[&image.entry, &words]))).unwrap();
    assert!(printed["clientSecret"].is_string());

    assert_eq!(server.stop().await, Some(0));
    let mut top: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    top.retain(|name| !["usr", "lib", "lib64"].contains(&name.to_str().unwrap()));
    assert_eq!(top, ["data"], "something was written beside the volume");
}

/// Makes a pool image of a type; its version number.
async fn version_number(server: &Server, firmware_type: i64, version: &str) -> i64 {
    let body = json!({ "name": "app", "type": firmware_type, "version": version });
    let path = format!("/v1/ota/partners/{}/pool", server.partner());
    let made = server.client().await.post(&path, body).await.is(StatusCode::CREATED).body;
    made["versionNumber"].as_str().unwrap().parse().unwrap()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn after_a_restore_no_version_number_comes_a_second_time(#[case] engine: Engine) {
    let mut server = Server::start(engine).await;
    let before = version_number(&server, 5, "1").await;
    server.kill();
    let statements = std::fs::read_to_string(repository().join("deploy/after-restore.sql")).unwrap();
    let statements = sqlx::raw_sql(sqlx::AssertSqlSafe(statements));
    match server.database() {
        None => {
            let file = format!("sqlite:{}", server.data().join("otaria.db").display());
            sqlx::SqliteConnection::connect(&file).await.unwrap().execute(statements).await.unwrap();
        }
        Some(name) => {
            let url = postgres_url();
            let url = format!("{}/{name}", url.rsplit_once('/').unwrap().0);
            sqlx::PgConnection::connect(&url).await.unwrap().execute(statements).await.unwrap();
        }
    }
    server.launch();
    // Also where the backup knew of no number at all.
    for (firmware_type, at_least) in [(5, before + 1_000_000), (3, 1_000_000)] {
        assert!(version_number(&server, firmware_type, "2").await > at_least);
    }
}
