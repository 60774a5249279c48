//! A way to the server on which something goes wrong with one request.

use std::sync::Arc;

use otaria_conformance::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};

/// As the server says that somebody else was faster.
const OUTRUN: &str = r#"{"timestamp": 1, "status": 412, "error": "precondition_failed",
    "error_description": "Send its new ETag as If-Match.", "service_name": "otaria", "trace": "1"}"#;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// The server hears the request, and its answer is lost.
    AnswerLost,
    /// What stands before the server has no answer of its (502).
    BadGateway,
    /// The server fails (500).
    Failure,
    /// Nobody answers, until it is told to: then the connection is cut.
    Silence,
    /// The answer does not say where what was made is.
    NoLocation,
    /// What stands before the server has a page to show.
    Html,
    /// Somebody else is faster (412), each time.
    Outrun,
}

/// A way to a server.
pub struct Way {
    url: String,
    met: watch::Receiver<bool>,
    spoken: watch::Sender<bool>,
}

impl Way {
    /// One to this server, on which the first request goes wrong that has this method and whose path ends so.
    pub async fn to(server: &Server, method: &'static str, path: &'static str, mishap: Mishap) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let address = server.url().trim_start_matches("http://").to_owned();
        let (meets, met) = watch::channel(false);
        let (spoken, speaks) = watch::channel(false);
        let trap = Arc::new(Trap { method, path, mishap: Mutex::new(Some(mishap)), meets, speaks });
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, address.clone(), Arc::clone(&trap)));
            }
        });
        Self { url, met, spoken }
    }

    /// Where clients find it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until something has gone wrong.
    pub async fn goes_wrong(&mut self) {
        self.met.wait_for(|is_met| *is_met).await.unwrap();
    }

    /// Ends a silence.
    pub fn speaks(&self) {
        self.spoken.send_replace(true);
    }

    /// Whether something has gone wrong.
    pub fn has_gone_wrong(&self) -> bool {
        *self.met.borrow()
    }
}

struct Trap {
    method: &'static str,
    path: &'static str,
    mishap: Mutex<Option<Mishap>>,
    meets: watch::Sender<bool>,
    speaks: watch::Receiver<bool>,
}

impl Trap {
    /// What goes wrong with the request of this head.
    async fn springs(&self, head: &str) -> Option<Mishap> {
        let mut words = head.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let path = path.split('?').next().unwrap();
        if method != self.method || !path.ends_with(self.path) {
            return None;
        }
        let mut mishap = self.mishap.lock().await;
        if *mishap == Some(Mishap::Outrun) { *mishap } else { mishap.take() }
    }
}

/// Carries one request, and its answer; each connection has one.
async fn carry(mut client: TcpStream, address: String, trap: Arc<Trap>) {
    let Some((head, body)) = request(&mut client).await else { return };
    let mishap = trap.springs(&head).await;
    let answer = match mishap {
        Some(Mishap::BadGateway) => empty("502 Bad Gateway"),
        Some(Mishap::Failure) => empty("500 Internal Server Error"),
        Some(Mishap::Html) => json("200 OK", "<html>Sign in first</html>"),
        Some(Mishap::Outrun) => json("412 Precondition Failed", OUTRUN),
        Some(Mishap::Silence) => Vec::new(),
        Some(Mishap::AnswerLost | Mishap::NoLocation) | None => {
            let mut server = TcpStream::connect(address).await.unwrap();
            let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
            server.write_all(&[head.as_bytes(), &body].concat()).await.unwrap();
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).await.unwrap();
            if mishap == Some(Mishap::NoLocation) { without_location(&answer) } else { answer }
        }
    };
    if mishap.is_some() {
        trap.meets.send_replace(true);
    }
    match mishap {
        Some(Mishap::AnswerLost) => {}
        Some(Mishap::Silence) => drop(trap.speaks.clone().wait_for(|spoken| *spoken).await),
        _ => drop(client.write_all(&answer).await),
    }
}

async fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        let mut piece = [0; 4096];
        match client.read(&mut piece).await {
            Ok(read_now @ 1..) => read.extend_from_slice(&piece[..read_now]),
            _ => return None,
        }
    };
    let mut body = read.split_off(end);
    let head = String::from_utf8(read).unwrap();
    let lengths =
        head.lines().filter_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    let length = lengths.sum();
    let begun = body.len();
    body.resize(length, 0);
    client.read_exact(&mut body[begun..]).await.ok()?;
    Some((head, body))
}

fn empty(status: &str) -> Vec<u8> {
    json(status, "")
}

fn json(status: &str, body: &str) -> Vec<u8> {
    let headers = format!("content-type: application/json\r\ncontent-length: {}\r\nconnection: close", body.len());
    format!("HTTP/1.1 {status}\r\n{headers}\r\n\r\n{body}").into_bytes()
}

/// An answer whose body is none, without the header.
fn without_location(answer: &[u8]) -> Vec<u8> {
    String::from_utf8_lossy(answer).replace("\nlocation:", "\nelsewhere:").into_bytes()
}
