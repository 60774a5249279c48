//! Zephyr's updater as the device, imitated: one connection to the server that it knows, small buffers of fixed size,
//! and 200 as the only good answer.
//!
//! It follows the paths of links and never their host, wants `bApp` and `download-http`, goes by SHA-256, and reports
//! nothing but an end, after its restart.

use std::io;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::plain_http::{Connection, Head, Request};

/// How long a path may be, with the zero at its end.
const URL_BUFFER: usize = 300;
/// The same for what follows the device's own path, and for the path of a download, in versions before 4.0.
const OLD_PART_BUFFER: usize = 50;
const OLD_DOWNLOAD_BUFFER: usize = 200;
/// How much of an answer it reads at once.
const RECEIVE_BUFFER: usize = 640;
/// How large the buffer for an answer is at first. It doubles, once for each piece that does not fit.
const RESPONSE_BUFFER: usize = 1100;
/// How much it can send.
const STATUS_BUFFER: usize = 200;
/// How long a token may be.
const TOKEN_LENGTH: usize = 32;
/// How large an image may be, in bytes.
const SLOT: u64 = 1024 * 1024;
/// What its own paths begin with, and what an older version looks for in a link.
const OWN_TENANT: &str = "default";
const LINKED_TENANT: &str = "/DEFAULT/controller/v1";

/// What came of one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// There is nothing to do.
    NoUpdate,
    /// An image is in the second slot, to be booted.
    UpdateInstalled,
}

/// Why a probe was given up.
#[derive(Debug)]
pub enum Trouble {
    /// It was refused.
    Permission,
    /// The answer was of no use.
    Metadata(String),
    /// The connection broke.
    Network(io::Error),
    /// What was downloaded is not what was announced.
    Download(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Network(error)
    }
}

/// A device with Zephyr on it.
#[derive(Debug)]
pub struct Device {
    /// `CONFIG_HAWKBIT_SERVER` and `_PORT`.
    pub server: String,
    pub id: String,
    authorization: String,
    /// What it runs.
    pub runs: Vec<u8>,
    /// What is written and not yet booted.
    second_slot: Option<Vec<u8>>,
    /// The last action that it installed, kept over restarts.
    action: Option<i32>,
    /// `CONFIG_HAWKBIT_SAVE_PROGRESS`: what is there of a download that broke.
    progress: Option<(i32, Vec<u8>)>,
    saves_progress: bool,
    /// How often it may still break its connection in a download, and after how many bytes.
    pub breaks_after: Option<usize>,
    /// Every request, as method, target and range.
    pub requests: Vec<String>,
}

impl Device {
    /// A device that shows this header, `TargetToken …` or `GatewayToken …`.
    pub fn new(server: &str, id: &str, authorization: &str) -> Self {
        let (_, token) = authorization.split_once(' ').unwrap();
        assert!(token.len() <= TOKEN_LENGTH, "there is no room for the token");
        Self {
            server: server.to_owned(),
            id: id.to_owned(),
            authorization: authorization.to_owned(),
            runs: b"factory".to_vec(),
            second_slot: None,
            action: None,
            progress: None,
            saves_progress: false,
            breaks_after: None,
            requests: Vec::new(),
        }
    }

    /// The same with `CONFIG_HAWKBIT_SAVE_PROGRESS`.
    pub fn that_saves_progress(self) -> Self {
        Self { saves_progress: true, ..self }
    }

    /// Starts again, with what is in the second slot.
    pub fn reboot(&mut self) {
        self.runs = self.second_slot.take().expect("there is nothing new to boot");
    }

    /// Asks, and does what there is to do, until there is nothing.
    pub async fn probe(&mut self) -> Result<Probe, Trouble> {
        let mut connection = Connection::open(&self.server).await?;
        loop {
            let base = format!("/{OWN_TENANT}/controller/v1/{}", self.id);
            let (poll, raw) = self.get(&mut connection, &base).await?;
            let sleep = text(&poll, "/config/polling/sleep")?;
            if sleep.len() != 8 {
                return Err(Trouble::Metadata(format!("invalid poll sleep: {sleep}")));
            }
            if let Some(target) = link(&poll, &raw, "/_links/cancelAction/href")? {
                self.cancel(&mut connection, &target).await?;
            } else if let Some(target) = link(&poll, &raw, "/_links/configData/href")? {
                let body = json!({ "mode": "merge", "data": { "VIN": self.id } });
                self.send(&mut connection, "PUT", &target, &body).await?;
            } else if let Some(target) = link(&poll, &raw, "/_links/deploymentBase/href")? {
                if self.deploy(&mut connection, &target).await? == Probe::UpdateInstalled {
                    return Ok(Probe::UpdateInstalled);
                }
            } else {
                return Ok(Probe::NoUpdate);
            }
        }
    }

    /// It lets go of whatever it has not installed yet.
    async fn cancel(&mut self, connection: &mut Connection, target: &str) -> Result<(), Trouble> {
        let part = part(target, "cancelAction/")?;
        let action = number(part.trim_start_matches("cancelAction/"))?;
        let finished = if self.action == Some(action) { "failure" } else { "success" };
        let body = status(action, finished);
        self.send(connection, "POST", &format!("{target}/feedback"), &body).await
    }

    async fn deploy(&mut self, connection: &mut Connection, target: &str) -> Result<Probe, Trouble> {
        part(target, "deploymentBase/")?;
        let (body, raw) = self.get(connection, target).await?;
        let action = number(&text(&body, "/id")?)?;
        if self.action == Some(action) {
            if self.second_slot.is_some() {
                // Not before it runs.
                return Ok(Probe::UpdateInstalled);
            }
            let target = format!("/{OWN_TENANT}/controller/v1/{}/deploymentBase/{action}/feedback", self.id);
            self.send(connection, "POST", &target, &status(action, "success")).await?;
            return Ok(Probe::NoUpdate);
        }
        let only = |path: &str| match body.pointer(path).and_then(Value::as_array).map(Vec::as_slice) {
            Some([_]) => Ok(()),
            found => Err(Trouble::Metadata(format!("expecting 1 of {path}: {found:?}"))),
        };
        only("/deployment/chunks")?;
        only("/deployment/chunks/0/artifacts")?;
        let part = text(&body, "/deployment/chunks/0/part")?;
        if part != "bApp" {
            return Err(Trouble::Metadata(format!("only part 'bApp' is supported; got {part}")));
        }
        let artifact = "/deployment/chunks/0/artifacts/0";
        let size = body.pointer(&format!("{artifact}/size")).filter(|size| size.is_i64()).and_then(Value::as_u64);
        let size = size.filter(|size| *size <= SLOT).ok_or_else(|| Trouble::Metadata("artifact file size".into()))?;
        let sha256 = text(&body, &format!("{artifact}/hashes/sha256"))?;
        let download = link(&body, &raw, &format!("{artifact}/_links/download-http/href"))?;
        let download = download.ok_or_else(|| Trouble::Metadata("missing expected download-http href".into()))?;
        if !download.starts_with(LINKED_TENANT) || download.len() >= OLD_DOWNLOAD_BUFFER {
            return Err(Trouble::Metadata(format!("unexpected download-http href format: {download}")));
        }
        self.download(connection, &download, action, size, &sha256).await
    }

    async fn download(
        &mut self,
        connection: &mut Connection,
        target: &str,
        action: i32,
        size: u64,
        sha256: &str,
    ) -> Result<Probe, Trouble> {
        let progress = self.progress.take().filter(|(known, _)| self.saves_progress && *known == action);
        let mut flash = progress.map(|(_, flash)| flash).unwrap_or_default();
        let had = flash.len();
        let range = (had > 0).then(|| format!("bytes={had}-"));
        connection.break_after(self.breaks_after.take());
        let result = async {
            let head = self.ask(connection, "GET", target, None, range.as_deref()).await?;
            let expected = if had > 0 { 206 } else { 200 };
            if head.status != expected {
                return Err(Trouble::Metadata(format!("HTTP request denied: {}", head.status)));
            }
            // It divides by this to tell how far it is.
            assert_eq!(head.length(), size - had as u64);
            while let Some(piece) = connection.piece(RECEIVE_BUFFER).await? {
                flash.extend_from_slice(&piece);
            }
            Ok(())
        };
        if let Err(trouble) = result.await {
            self.progress = Some((action, flash));
            return Err(trouble);
        }
        if HEXLOWER.encode(&Sha256::digest(&flash)) != sha256 {
            return Err(Trouble::Download("failed to validate stored firmware".into()));
        }
        (self.second_slot, self.action) = (Some(flash), Some(action));
        Ok(Probe::UpdateInstalled)
    }

    /// A GET whose answer goes into the buffer: as JSON, and as it came.
    async fn get(&mut self, connection: &mut Connection, target: &str) -> Result<(Value, String), Trouble> {
        let head = self.ask(connection, "GET", target, None, None).await?;
        refused(&head)?;
        let (mut buffer, mut body) = (RESPONSE_BUFFER, Vec::new());
        while let Some(piece) = connection.piece(RECEIVE_BUFFER).await? {
            if body.len() + piece.len() > buffer {
                buffer *= 2;
            }
            assert!(body.len() + piece.len() <= buffer, "it writes behind its buffer");
            body.extend_from_slice(&piece);
        }
        assert!(body.len() < buffer, "there is no room for the zero at the end");
        assert_eq!(body.len() as u64, head.length());
        let raw = String::from_utf8(body).unwrap();
        let json = serde_json::from_str(&raw).map_err(|error| Trouble::Metadata(error.to_string()))?;
        Ok((json, raw))
    }

    async fn send(
        &mut self,
        connection: &mut Connection,
        method: &str,
        target: &str,
        body: &Value,
    ) -> Result<(), Trouble> {
        let body = body.to_string();
        assert!(body.len() < STATUS_BUFFER);
        let head = self.ask(connection, method, target, Some(body), None).await?;
        refused(&head)?;
        while connection.piece(RECEIVE_BUFFER).await?.is_some() {}
        Ok(())
    }

    async fn ask(
        &mut self,
        connection: &mut Connection,
        method: &str,
        target: &str,
        body: Option<String>,
        range: Option<&str>,
    ) -> Result<Head, Trouble> {
        assert!(target.len() < URL_BUFFER, "{target} is too long");
        self.requests.push(format!("{method} {target} {}", range.unwrap_or_default()).trim_end().to_owned());
        let mut headers = vec![("Authorization", self.authorization.clone())];
        headers.extend(range.map(|range| ("Range", range.to_owned())));
        Ok(connection.ask(&Request { method, target, headers, body }).await?)
    }
}

fn refused(head: &Head) -> Result<(), Trouble> {
    match head.status {
        200 => Ok(()),
        401 | 403 => Err(Trouble::Permission),
        status => Err(Trouble::Metadata(format!("HTTP request denied: {status}"))),
    }
}

/// The path and query of a link, if there is one. Its parser of JSON leaves escapes as they are.
fn link(body: &Value, raw: &str, path: &str) -> Result<Option<String>, Trouble> {
    let Some(href) = body.pointer(path).and_then(Value::as_str) else { return Ok(None) };
    assert!(raw.contains(&format!("\"{href}\"")), "{href} is escaped");
    let rest = href.split_once("://").map(|(_, rest)| rest);
    let target = rest.and_then(|rest| rest.find('/').map(|at| rest[at..].to_owned()));
    target.map(Some).ok_or_else(|| Trouble::Metadata(format!("unexpected href format: {href}")))
}

/// What an older version puts behind the device's own path.
fn part<'t>(target: &'t str, name: &str) -> Result<&'t str, Trouble> {
    let begin = target.find(name).ok_or_else(|| Trouble::Metadata(format!("missing {name} in href {target}")))?;
    let part = &target[begin..];
    assert!(part.len() < OLD_PART_BUFFER, "{part} is too big");
    Ok(part)
}

/// An action's number, which is a positive signed 32-bit integer.
fn number(text: &str) -> Result<i32, Trouble> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| is_plain && *number > 0);
    number.ok_or_else(|| Trouble::Metadata(format!("invalid action_id: {text}")))
}

fn text(body: &Value, path: &str) -> Result<String, Trouble> {
    let found = body.pointer(path).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| Trouble::Metadata(format!("no {path}: {body}")))
}

fn status(action: i32, finished: &str) -> Value {
    json!({ "id": action.to_string(), "status": { "execution": "closed", "result": { "finished": finished } } })
}
