//! rauc-hawkbit-updater as the device, imitated: what it asks for, in its order, as strict as it is about the answers.
//!
//! It takes 200 and nothing else from every resource but the download, follows no redirect there, wants exactly one
//! chunk with exactly one artifact, and goes by SHA-1. RAUC itself is a script here: it installs, or fails.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::Noise;
use crate::plain_http::{Connection, Head, Request};

/// How often it tries again where it is told that the server is busy.
const TRIES: usize = 10;
/// How many lines RAUC has for one installation, all of which it sends at once.
const LINES: usize = 20;
/// How much RAUC reads at once where it streams, in bytes.
const RANGE: u64 = 128 * 1024;

/// What would be in its configuration file.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// `hawkbit_server`: host and port.
    pub server: String,
    pub tenant: String,
    pub id: String,
    /// `auth_token` or `gateway_token`, as the header has it.
    pub authorization: String,
    /// `resume_downloads`.
    pub resumes: bool,
    /// `stream_bundle`, and how many ranges RAUC then reads.
    pub streams: Option<usize>,
    /// How often it asks while it works; five seconds, where it is not a test.
    pub asks_while_working: Duration,
    /// `retry_wait`, and what it waits before it says something again.
    pub waits: Duration,
}

/// How RAUC takes a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rauc {
    /// It installs it.
    Installs,
    /// It does not.
    Fails,
    /// It has begun, and waits for the test.
    Waits,
}

/// How far an action is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    None,
    Downloading(String),
    CancelRequested(String),
    Installing(String),
}

/// What it did.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every request, as method, target and range.
    pub requests: Vec<String>,
    /// What RAUC installed.
    pub installed: Vec<Vec<u8>>,
    /// What the updater complained about.
    pub complaints: Vec<String>,
    /// How often it was told that the server is busy.
    pub busy: usize,
    /// The bytes that it got by range.
    pub streamed: u64,
}

/// The updater and RAUC.
pub struct Updater {
    configuration: Configuration,
    rauc: watch::Sender<Rauc>,
    action: Mutex<Action>,
    seen: Mutex<Seen>,
    /// The bundle, as far as it is there.
    bundle: Mutex<Vec<u8>>,
}

/// One deployment, as far as it is read.
#[derive(Clone, Debug)]
struct Deployment {
    id: String,
    installs: bool,
    size: u64,
    sha1: String,
    target: String,
}

/// Why something did not work.
#[derive(Debug)]
enum Trouble {
    Http(u16),
    Curl(io::Error),
    Other(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => write!(f, "HTTP request failed: {status}"),
            Self::Curl(error) => error.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Curl(error)
    }
}

/// A running updater, which ends with the test.
pub struct Running {
    pub updater: Arc<Updater>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
        if std::thread::panicking() {
            eprintln!("--- the updater ---\n{:#?}", self.updater.seen());
        }
    }
}

impl Updater {
    /// Starts it as a service.
    pub fn start(configuration: Configuration, rauc: Rauc) -> Running {
        let updater = Arc::new(Self {
            configuration,
            rauc: watch::Sender::new(rauc),
            action: Mutex::new(Action::None),
            seen: Mutex::default(),
            bundle: Mutex::default(),
        });
        let task = tokio::spawn(Arc::clone(&updater).serve());
        Running { updater, task }
    }

    /// What it did so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// From now on RAUC does this.
    pub fn rauc(&self, rauc: Rauc) {
        self.rauc.send_replace(rauc);
    }

    /// Whether RAUC is at work.
    pub fn installs(&self) -> bool {
        matches!(*self.action.lock().unwrap(), Action::Installing(_))
    }

    async fn serve(self: Arc<Self>) {
        loop {
            let wait = match self.check().await {
                Ok(wait) => wait,
                Err(trouble) => {
                    self.seen.lock().unwrap().complaints.push(trouble.to_string());
                    self.configuration.waits
                }
            };
            let works = *self.action.lock().unwrap() != Action::None;
            sleep(if works { self.configuration.asks_while_working } else { wait }).await;
        }
    }

    /// Asks once, and does what there is to do. How long to wait then.
    async fn check(self: &Arc<Self>) -> Result<Duration, Trouble> {
        let base = self.path("");
        let poll = self.get_json(&base).await?;
        let wait = sleep_of(&poll);
        if let Some(target) = self.link(&poll, "configData") {
            self.identify(&target).await?;
        }
        if let Some(target) = self.link(&poll, "deploymentBase") {
            self.deploy(&target).await?;
        }
        if let Some(target) = self.link(&poll, "cancelAction") {
            self.cancel(&target).await?;
        }
        Ok(wait)
    }

    /// Says what it is. It does so only if asked.
    async fn identify(&self, target: &str) -> Result<(), Trouble> {
        let body = json!({
            "mode": "merge", "data": { "product": "bundle", "serial": self.configuration.id },
            "time": "20261122T184337", "status": { "result": { "finished": "success" }, "execution": "closed", "details": [""] },
        });
        self.send_patiently("PUT", target, &body).await
    }

    async fn deploy(self: &Arc<Self>, target: &str) -> Result<(), Trouble> {
        if *self.action.lock().unwrap() != Action::None {
            // "Deployment is already in progress."
            return Ok(());
        }
        let body = self.get_json(target).await?;
        let id = text(&body, "/id")?;
        assert!(id.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
        // It takes the id from the answer. Others, such as the SDK's device, cut it out of the link.
        let cut = target.rsplit('/').next().unwrap().split_once('?').expect("no query").0;
        assert_eq!(id, cut);
        let plan = match self.read(&id, &body) {
            Ok(Some(plan)) => plan,
            // "hawkBit requested to skip download"
            Ok(None) => return Ok(()),
            Err(trouble) => {
                self.report(&id, "closed", "failure", &trouble.to_string()).await?;
                return Err(trouble);
            }
        };
        *self.action.lock().unwrap() = Action::Downloading(id);
        tokio::spawn(Arc::clone(self).work(plan));
        Ok(())
    }

    /// What it needs from a deployment. Anything that is missing is a failure.
    fn read(&self, id: &str, body: &Value) -> Result<Option<Deployment>, Trouble> {
        if text(body, "/deployment/download")? == "skip" {
            return Ok(None);
        }
        let installs = text(body, "/deployment/update")? != "skip";
        let only = |path: &str| match body.pointer(path).and_then(Value::as_array).map(Vec::as_slice) {
            Some([_]) => Ok(()),
            found => Err(Trouble::Other(format!("{path}: exactly one is wanted: {found:?}"))),
        };
        only("/deployment/chunks")?;
        only("/deployment/chunks/0/artifacts")?;
        let artifact = "/deployment/chunks/0/artifacts/0";
        for name in ["version", "name"] {
            text(body, &format!("/deployment/chunks/0/{name}"))?;
        }
        let size = body.pointer(&format!("{artifact}/size")).filter(|size| size.is_i64()).and_then(Value::as_u64);
        let href = ["download", "download-http"]
            .iter()
            .find_map(|name| text(body, &format!("{artifact}/_links/{name}/href")).ok());
        Ok(Some(Deployment {
            id: id.to_owned(),
            installs,
            size: size.ok_or_else(|| Trouble::Other("no size".into()))?,
            sha1: text(body, &format!("{artifact}/hashes/sha1"))?,
            target: self.target(&href.ok_or_else(|| Trouble::Other("no link".into()))?),
        }))
    }

    /// Downloads and installs, beside everything else.
    async fn work(self: Arc<Self>, plan: Deployment) {
        if let Err(trouble) = self.download_and_install(&plan).await {
            let why = trouble.to_string();
            self.seen.lock().unwrap().complaints.push(why.clone());
            drop(self.report(&plan.id, "closed", "failure", &why).await);
        }
        *self.action.lock().unwrap() = Action::None;
    }

    async fn download_and_install(&self, plan: &Deployment) -> Result<(), Trouble> {
        match self.configuration.streams {
            Some(ranges) => self.stream(plan, ranges).await?,
            None => self.download(plan).await?,
        }
        let bundle = self.bundle.lock().unwrap().clone();
        if self.configuration.streams.is_none() {
            self.report(&plan.id, "proceeding", "none", "Download complete. 12.34 MB/s").await?;
        }
        let sha1 = HEXLOWER.encode(&Sha1::digest(&bundle));
        if sha1 != plan.sha1 {
            let why = format!("Software checksum mismatch: {sha1}, not {}", plan.sha1);
            return Err(Trouble::Other(why));
        }
        if !plan.installs {
            self.report(&plan.id, "downloaded", "success", "File checksum OK.").await?;
            return Ok(());
        }
        self.report(&plan.id, "proceeding", "none", "File checksum OK.").await?;
        if self.is_cancelled(&plan.id) {
            let target = self.path(&format!("/cancelAction/{}/feedback", plan.id));
            let body = feedback(&plan.id, "closed", "success", "Action canceled.");
            return self.send_patiently("POST", &target, &body).await;
        }
        self.install(plan, bundle).await
    }

    /// From here on a cancel comes too late.
    fn is_cancelled(&self, id: &str) -> bool {
        let mut action = self.action.lock().unwrap();
        let is_cancelled = *action == Action::CancelRequested(id.to_owned());
        if !is_cancelled {
            *action = Action::Installing(id.to_owned());
        }
        is_cancelled
    }

    async fn install(&self, plan: &Deployment, bundle: Vec<u8>) -> Result<(), Trouble> {
        self.report(&plan.id, "proceeding", "none", "installing").await?;
        let mut rauc = self.rauc.subscribe();
        let rauc = *rauc.wait_for(|rauc| *rauc != Rauc::Waits).await.unwrap();
        for line in 1..=LINES {
            self.report(&plan.id, "proceeding", "none", &format!("{:3}% Checking bundle", line * 100 / LINES))
                .await?;
        }
        if rauc == Rauc::Fails {
            self.report(&plan.id, "proceeding", "none", "LastError: signature verification failed").await?;
            self.report(&plan.id, "proceeding", "none", "idle").await?;
            return self.report(&plan.id, "closed", "failure", "Failed to install software bundle.").await;
        }
        self.seen.lock().unwrap().installed.push(bundle);
        self.bundle.lock().unwrap().clear();
        self.report(&plan.id, "proceeding", "none", "idle").await?;
        self.report(&plan.id, "closed", "success", "Software bundle installed successfully.").await
    }

    /// Downloads; where it is told to, from where it was.
    async fn download(&self, plan: &Deployment) -> Result<(), Trouble> {
        if !self.configuration.resumes {
            self.bundle.lock().unwrap().clear();
        }
        loop {
            match self.download_some(plan).await {
                Err(Trouble::Curl(error)) if self.configuration.resumes => {
                    self.seen.lock().unwrap().complaints.push(error.to_string());
                    sleep(self.configuration.waits).await;
                }
                done => return done,
            }
        }
    }

    async fn download_some(&self, plan: &Deployment) -> Result<(), Trouble> {
        let had = self.bundle.lock().unwrap().len();
        let range = (had > 0).then(|| format!("bytes={had}-"));
        let (mut connection, head) = self.ask("GET", &plan.target, None, range.as_deref()).await?;
        match head.status {
            // From the beginning, whatever was asked for.
            200 => self.bundle.lock().unwrap().clear(),
            206 => {
                let expected = format!("bytes {had}-{}/{}", plan.size - 1, plan.size);
                assert_eq!(head.header("content-range"), Some(expected.as_str()));
            }
            // There is no more of it.
            416 if had > 0 => {
                assert_eq!(head.header("content-range"), Some(format!("bytes */{}", plan.size).as_str()));
                return Ok(());
            }
            status => return Err(Trouble::Http(status)),
        }
        while let Some(piece) = connection.piece(16 * 1024).await? {
            self.bundle.lock().unwrap().extend_from_slice(&piece);
        }
        Ok(())
    }

    /// RAUC reads the bundle here and there, and has all of it in the end.
    async fn stream(&self, plan: &Deployment, ranges: usize) -> Result<(), Trouble> {
        let mut bundle = vec![0; usize::try_from(plan.size).unwrap()];
        let mut noise = Noise::new(plan.size);
        let everything = (0..plan.size).step_by(usize::try_from(RANGE).unwrap());
        let here_and_there = std::iter::repeat_with(|| noise.below(plan.size)).take(ranges);
        let mut connection = Connection::open(&self.configuration.server).await?;
        for begin in everything.chain(here_and_there).collect::<Vec<_>>() {
            let end = (begin + RANGE).min(plan.size) - 1;
            let range = format!("bytes={begin}-{end}");
            let request = self.request("GET", &plan.target, None, Some(&range));
            let (head, bytes) = connection.exchange(&request).await?;
            if head.status != 206 {
                return Err(Trouble::Http(head.status));
            }
            let expected = format!("bytes {begin}-{end}/{}", plan.size);
            assert_eq!(head.header("content-range"), Some(expected.as_str()));
            self.seen.lock().unwrap().streamed += bytes.len() as u64;
            bundle[usize::try_from(begin).unwrap()..][..bytes.len()].copy_from_slice(&bytes);
        }
        *self.bundle.lock().unwrap() = bundle;
        Ok(())
    }

    async fn cancel(&self, target: &str) -> Result<(), Trouble> {
        let body = self.get_json(target).await?;
        let id = text(&body, "/cancelAction/stopId")?;
        let feedback_target = self.path(&format!("/cancelAction/{id}/feedback"));
        let (execution, finished, said) = {
            let mut action = self.action.lock().unwrap();
            match &*action {
                Action::Installing(installing) if *installing == id => {
                    ("rejected", "success", "Deployment is installing already, cannot cancel.")
                }
                Action::Downloading(downloading) if *downloading == id => {
                    // It says so once the download is over.
                    *action = Action::CancelRequested(id);
                    return Ok(());
                }
                Action::CancelRequested(_) => return Ok(()),
                _ => ("closed", "success", "Action canceled."),
            }
        };
        self.send_patiently("POST", &feedback_target, &feedback(&id, execution, finished, said)).await
    }

    async fn report(&self, id: &str, execution: &str, finished: &str, said: &str) -> Result<(), Trouble> {
        let target = self.path(&format!("/deploymentBase/{id}/feedback"));
        self.send_patiently("POST", &target, &feedback(id, execution, finished, said)).await
    }

    /// Sends something, again and again while the server is busy.
    async fn send_patiently(&self, method: &str, target: &str, body: &Value) -> Result<(), Trouble> {
        for _ in 0..TRIES {
            let (mut connection, head) = self.ask(method, target, Some(body.to_string()), None).await?;
            match head.status {
                200 => {
                    assert!(connection.piece(1).await?.is_none(), "there is a body");
                    return Ok(());
                }
                409 | 429 => {
                    self.seen.lock().unwrap().busy += 1;
                    sleep(self.configuration.waits).await;
                }
                status => return Err(Trouble::Http(status)),
            }
        }
        Err(Trouble::Other("it stays busy".into()))
    }

    async fn get_json(&self, target: &str) -> Result<Value, Trouble> {
        let (mut connection, head) = self.ask("GET", target, None, None).await?;
        if head.status != 200 {
            return Err(Trouble::Http(head.status));
        }
        let mut body = Vec::new();
        while let Some(piece) = connection.piece(16 * 1024).await? {
            body.extend_from_slice(&piece);
        }
        serde_json::from_slice(&body).map_err(|error| Trouble::Other(error.to_string()))
    }

    /// Every request has a connection of its own.
    async fn ask(
        &self,
        method: &str,
        target: &str,
        body: Option<String>,
        range: Option<&str>,
    ) -> Result<(Connection, Head), Trouble> {
        let mut connection = Connection::open(&self.configuration.server).await?;
        let head = connection.ask(&self.request(method, target, body, range)).await?;
        Ok((connection, head))
    }

    fn request<'r>(
        &self,
        method: &'r str,
        target: &'r str,
        body: Option<String>,
        range: Option<&str>,
    ) -> Request<'r> {
        let is_download = target.contains("/artifacts/");
        let accept = if is_download { "application/octet-stream" } else { "application/json;charset=UTF-8" };
        let mut headers = vec![
            ("User-Agent", "rauc-hawkbit-c-agent/1.0".to_owned()),
            ("Accept", accept.to_owned()),
            ("Authorization", self.configuration.authorization.clone()),
        ];
        headers.extend(range.map(|range| ("Range", range.to_owned())));
        let noted = format!("{method} {target} {}", range.unwrap_or_default());
        self.seen.lock().unwrap().requests.push(noted.trim_end().to_owned());
        Request { method, target, headers, body }
    }

    fn path(&self, rest: &str) -> String {
        format!("/{}/controller/v1/{}{rest}", self.configuration.tenant, self.configuration.id)
    }

    /// A link of a poll, if it is there.
    fn link(&self, poll: &Value, name: &str) -> Option<String> {
        let href = poll.pointer(&format!("/_links/{name}/href"))?;
        Some(self.target(href.as_str().expect("a link is no text")))
    }

    /// The path of a link, which must lead to the server that it knows.
    fn target(&self, href: &str) -> String {
        let server = format!("http://{}", self.configuration.server);
        href.strip_prefix(&server).unwrap_or_else(|| panic!("{href} leads elsewhere")).to_owned()
    }
}

/// What it reads as a duration.
fn sleep_of(poll: &Value) -> Duration {
    let text = poll.pointer("/config/polling/sleep").and_then(Value::as_str).expect("no sleep");
    let parts: Vec<u64> = text.split(':').map(|part| part.parse().expect("no time")).collect();
    let [hours, minutes, seconds] = parts.as_slice() else { panic!("no time: {text}") };
    Duration::from_secs(hours * 3600 + minutes * 60 + seconds)
}

fn text(body: &Value, path: &str) -> Result<String, Trouble> {
    let found = body.pointer(path).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Trouble::Other(format!("no {path}: {body}")))
}

fn feedback(id: &str, execution: &str, finished: &str, said: &str) -> Value {
    json!({
        "id": id,
        "status": { "result": { "finished": finished }, "execution": execution, "details": [said] },
    })
}
