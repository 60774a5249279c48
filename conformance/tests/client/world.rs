//! A server, and somebody at a shell who calls it as the partner's client.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

use otaria_conformance::{Engine, Server, binary};
use regex::Regex;
use reqwest::StatusCode;
use serde_json::json;

/// How long a command may run, in seconds. What hangs fails then.
const LIMIT: &str = "120";

/// What differs from run to run, and what it is shown as.
static FILTERS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let folder = format!(r"{}/\.tmp\w+", regex::escape(&std::env::temp_dir().display().to_string()));
    let filters = [
        // Columns stay where they are.
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}  ", "[id]                                  "),
        (r"\b20\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ  ", "[time]                "),
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "[id]"),
        (r"\b[0-9a-f]{64}\b", "[sha256]"),
        (r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
        (r"\b1[6-9]\d{11}\b", "[millis]"),
        (r"127\.0\.0\.1:\d+", "[server]"),
        (folder.as_str(), "[folder]"),
        // Tokens and secrets, as the server makes them; that of a device is hex.
        (r"\b([0-9a-f]{32}\b|[A-Za-z0-9_-]{43,})", "[secret]"),
    ];
    filters.map(|(pattern, shown)| (Regex::new(pattern).unwrap(), shown)).to_vec()
});

/// A server, and a shell beside it with a home, a working folder and an environment of its own.
pub struct World {
    pub server: Server,
    home: tempfile::TempDir,
    /// Where every line runs.
    pub folder: tempfile::TempDir,
}

impl World {
    pub async fn start(engine: Engine) -> Self {
        Self::beside(Server::start(engine).await)
    }

    /// The same, beside a server that was started in another way.
    pub fn beside(server: Server) -> Self {
        Self { server, home: tempfile::tempdir().unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    /// Lines of a shell that call the command as `otaria`, and what each prints: data as it is, what goes to standard
    /// error behind a bar, and how it ended if that is no success.
    pub fn console(&self, lines: &[&str]) -> String {
        let mut shown = String::new();
        for line in lines {
            let printed = prints(&self.shell(line).output().unwrap());
            let _ = writeln!(shown, "$ {}\n{printed}", filtered(line));
        }
        shown
    }

    /// A line of a shell that calls the command as `otaria`: as the partner's client, with nothing else chosen.
    pub fn shell(&self, line: &str) -> Command {
        let own = binary().parent().unwrap().display().to_string();
        let path = std::env::var("PATH").unwrap();
        let mut shell = self.bare("sh".as_ref());
        shell.arg("-c").arg(line).env("PATH", format!("{own}:{path}"));
        self.as_client(shell)
    }

    /// The command with these arguments, as the partner's client.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.as_client(self.command_of_nobody(arguments))
    }

    /// The command as somebody starts it who has chosen nothing: no server, no credentials.
    pub fn command_of_nobody(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(&binary());
        command.args(arguments);
        command
    }

    /// A token of somebody who may look at what the partner has, and change nothing.
    pub async fn guest(&self) -> String {
        let people = format!("/v1/partners/{}/users", self.server.partner());
        let guest = json!({ "email": "guest@example.com", "privileges": { "viewDeviceInfo": true } });
        let invited = self.server.owner().await.post(&people, guest).await.is(StatusCode::CREATED);
        let password = "a long enough password";
        let accept = json!({ "token": invited.body["token"], "password": password, "firstName": "Guest" });
        assert!(self.server.anonymous().post("/v1/invitations/accept", accept).await.status.is_success());
        let form = [("grant_type", "password"), ("username", "guest@example.com"), ("password", password)];
        let (id, secret) = (self.server.first("clientId"), self.server.first("clientSecret"));
        let got = self.server.anonymous().token(&id, &secret, &form).await.ok().body;
        got["access_token"].as_str().unwrap().to_owned()
    }

    /// The home of whoever starts something here.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    fn bare(&self, program: &Path) -> Command {
        let mut command = Command::new("timeout");
        command.args(["--foreground", LIMIT]).arg(program);
        command.current_dir(self.folder.path()).env_clear().env("PATH", std::env::var("PATH").unwrap());
        command.env("HOME", self.home()).env("XDG_CONFIG_HOME", self.home().join(".config"));
        command
    }

    fn as_client(&self, mut command: Command) -> Command {
        command.env("OTARIA_URL", self.server.url());
        command.env("OTARIA_CLIENT_ID", self.server.first("clientId"));
        command.env("OTARIA_CLIENT_SECRET", self.server.first("clientSecret"));
        command.env("OTARIA_PARTNER", self.server.partner()).env("OTARIA_ACCOUNT", self.server.account());
        command
    }
}

/// What a command printed and how it ended, without what differs from run to run.
pub fn prints(output: &Output) -> String {
    let mut shown = filtered(&String::from_utf8_lossy(&output.stdout));
    for line in filtered(&String::from_utf8_lossy(&output.stderr)).lines() {
        let _ = writeln!(shown, "| {line}");
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => drop(writeln!(shown, "exit {code}")),
        None => drop(writeln!(shown, "{}", output.status)),
    }
    shown
}

fn filtered(text: &str) -> String {
    FILTERS.iter().fold(text.to_owned(), |text, (pattern, shown)| pattern.replace_all(&text, *shown).into_owned())
}
