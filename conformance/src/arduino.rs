//! The update libraries of the ESP32 and the ESP8266, as far as the network goes: what `HTTPUpdate` and
//! `ESP8266httpUpdate` send over a bare socket, what they insist on, and a flash that they write.
//!
//! Both speak HTTP/1.0 now; older releases of the one for the ESP8266 spoke HTTP/1.1 and closed the connection.

use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use md5::Md5;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The first byte of every program for these chips.
const MAGIC: u8 = 0xe9;

/// Which chip it is, and by that what it says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chip {
    /// Sends the MD5 of its program, and the SHA-256 that the program carries at its end.
    Esp32,
    /// Sends only the latter.
    OldEsp32,
    /// Sends the MD5 of its program.
    Esp8266,
    /// The same over HTTP/1.1.
    OldEsp8266,
}

/// What it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// Another program.
    Sketch,
    /// Another file system.
    Spiffs,
}

/// What an update came to, in the libraries' words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// `HTTP_UPDATE_OK`
    Ok,
    /// `HTTP_UPDATE_NO_UPDATES`
    NoUpdates,
    /// `HTTP_UPDATE_FAILED`, and why.
    Failed(String),
}

/// A device.
#[derive(Clone, Debug)]
pub struct Arduino {
    pub chip: Chip,
    /// `host:port` of the server.
    pub server: String,
    /// What it asks for there.
    pub path: String,
    /// The user and the password of HTTP Basic.
    pub credential: (String, String),
    /// What it says that it runs, if anything.
    pub version: Option<String>,
    /// The program that it runs.
    pub program: Vec<u8>,
    /// What it has written last of what it asks for.
    pub written: Option<Vec<u8>>,
    /// The size of the partition for another program, in bytes.
    pub free_space: usize,
}

/// A program with this inside, closed by its SHA-256, as `esptool` makes it.
pub fn program(inside: &[u8]) -> Vec<u8> {
    let mut bytes = vec![MAGIC];
    bytes.extend_from_slice(inside);
    let seal = Sha256::digest(&bytes);
    bytes.extend_from_slice(&seal);
    bytes
}

impl Arduino {
    /// A device that sends everything that it can.
    pub fn new(chip: Chip, url: &str, path: &str, credential: (&str, &str), version: &str, program: Vec<u8>) -> Self {
        Self {
            chip,
            server: url.strip_prefix("http://").unwrap().to_owned(),
            path: path.to_owned(),
            credential: (credential.0.to_owned(), credential.1.to_owned()),
            version: Some(version.to_owned()),
            program,
            written: None,
            free_space: 1_310_720,
        }
    }

    /// It boots what it has written, which says that it is this version.
    pub fn boots(&mut self, version: &str) {
        self.program = self.written.take().expect("nothing was written");
        self.version = Some(version.to_owned());
    }

    /// `update` or `updateSpiffs`.
    pub async fn update(&mut self, wants: Wants) -> Outcome {
        match self.try_update(wants).await {
            Ok(outcome) => outcome,
            Err(why) => Outcome::Failed(why),
        }
    }

    async fn try_update(&mut self, wants: Wants) -> Result<Outcome, String> {
        let answer = self.exchange(&self.request(wants)).await;
        let split = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("no header")?;
        let head = String::from_utf8(answer[..split].to_vec()).map_err(|_| "header is no text")?;
        let mut stream = &answer[split + 4..];
        let mut lines = head.split("\r\n");
        let code = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status")?.to_owned();
        let header = |name: &str| {
            let found = head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
            found
                .into_iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim().to_owned())
        };
        if header("transfer-encoding").is_some() {
            return Err("the update handler knows no transfer encoding".to_owned());
        }
        match code.as_str() {
            "200" => {}
            "304" => return Ok(Outcome::NoUpdates),
            code => return Err(format!("HTTP {code}")),
        }
        let size: usize = header("content-length").and_then(|size| size.parse().ok()).unwrap_or_default();
        if size == 0 {
            return Err("Server Did Not Report Size".to_owned());
        }
        if wants == Wants::Sketch && size > self.free_space {
            return Err("Not Enough space".to_owned());
        }
        if wants == Wants::Sketch && stream.first() != Some(&MAGIC) {
            return Err("Verify Bin Header Failed".to_owned());
        }
        let mut written = vec![0; size];
        stream.read_exact(&mut written).await.map_err(|_| "Stream Read Timeout")?;
        if !stream.is_empty() {
            return Err("more than was announced".to_owned());
        }
        // The libraries would do without: a server for them had better send it.
        let md5 = header("x-md5").ok_or("no x-MD5")?;
        if md5 != HEXLOWER.encode(&Md5::digest(&written)) {
            return Err("MD5 Failed".to_owned());
        }
        if header("x-sha256").is_some_and(|sha256| sha256 != HEXLOWER.encode(&Sha256::digest(&written))) {
            return Err("SHA256 Failed".to_owned());
        }
        self.written = Some(written);
        Ok(Outcome::Ok)
    }

    fn request(&self, wants: Wants) -> String {
        let (protocol, family) = match self.chip {
            Chip::Esp32 | Chip::OldEsp32 => ("HTTP/1.0", "ESP32"),
            Chip::Esp8266 => ("HTTP/1.0", "ESP8266"),
            Chip::OldEsp8266 => ("HTTP/1.1", "ESP8266"),
        };
        let Self { path, server, credential: (user, password), .. } = self;
        let authorization = BASE64.encode(format!("{user}:{password}").as_bytes());
        let mut request = format!(
            "GET {path} {protocol}\r\nHost: {server}\r\nUser-Agent: {family}-http-Update\r\nConnection: close\r\n"
        );
        if self.chip == Chip::OldEsp8266 {
            request.push_str("Accept-Encoding: identity;q=1,chunked;q=0.1,*;q=0\r\n");
        }
        request.push_str(&format!("Authorization: Basic {authorization}\r\nCache-Control: no-cache\r\n"));
        let mut say = |name: &str, value: &str| request.push_str(&format!("x-{family}-{name}: {value}\r\n"));
        say("STA-MAC", "24:0A:C4:A3:15:3C");
        say("AP-MAC", "24:0A:C4:A3:15:3D");
        say("free-space", &self.free_space.to_string());
        say("sketch-size", &self.program.len().to_string());
        if self.chip != Chip::OldEsp32 {
            say("sketch-md5", &HEXLOWER.encode(&Md5::digest(&self.program)));
        }
        if matches!(self.chip, Chip::Esp32 | Chip::OldEsp32) {
            say("sketch-sha256", &HEXUPPER.encode(&self.program[self.program.len() - 32..]));
        }
        say("chip-size", "4194304");
        say("sdk-version", "v5.1.4");
        say("mode", if wants == Wants::Sketch { "sketch" } else { "spiffs" });
        if let Some(version) = &self.version {
            say("version", version);
        }
        request + "\r\n"
    }

    /// Everything that the server sends until it closes the connection.
    async fn exchange(&self, request: &str) -> Vec<u8> {
        let mut socket = TcpStream::connect(&self.server).await.unwrap();
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
        answer
    }
}
