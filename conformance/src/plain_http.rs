//! HTTP/1.1 as a small client on a device reads it. An answer that such a client could not read breaks the test; a
//! connection that breaks is an error, as it is for the device.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How much of an answer's header a small client has room for, in bytes.
const LONGEST_HEAD: usize = 4096;
/// How much is read at once, in bytes.
const PIECE: usize = 16 * 1024;

/// A request, apart from its address.
#[derive(Clone, Debug, Default)]
pub struct Request<'r> {
    pub method: &'r str,
    /// The path, with the query.
    pub target: &'r str,
    pub headers: Vec<(&'r str, String)>,
    /// JSON, if there is a body.
    pub body: Option<String>,
}

/// The beginning of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    pub status: u16,
    /// The names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header that must not be there twice.
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    /// How many bytes follow. Small clients know no other way to tell.
    #[track_caller]
    pub fn length(&self) -> u64 {
        assert_eq!(self.header("transfer-encoding"), None, "{self:?}");
        assert_eq!(self.header("content-encoding"), None, "{self:?}");
        let length = self.header("content-length").unwrap_or_else(|| panic!("no length: {self:?}"));
        length.parse().unwrap_or_else(|_| panic!("no length: {self:?}"))
    }
}

/// A connection to a server, for one request after another.
pub struct Connection {
    stream: TcpStream,
    host: String,
    /// What was received and not yet read.
    received: Vec<u8>,
    /// How much of the answer's body is still to come.
    body_left: u64,
    /// After how many more bytes, sent or received, the connection breaks.
    breaks_after: Option<usize>,
}

impl Connection {
    /// Connects to `host:port`.
    pub async fn open(host: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: host.to_owned(), received: Vec::new(), body_left: 0, breaks_after: None })
    }

    /// Lets the connection break after so many more bytes, sent or received; or no more.
    pub fn break_after(&mut self, bytes: Option<usize>) {
        self.breaks_after = bytes;
    }

    /// Sends a request; the beginning of its answer.
    pub async fn ask(&mut self, request: &Request<'_>) -> io::Result<Head> {
        assert!(self.body_left == 0 && self.received.is_empty(), "there is more than the answer's length says");
        let mut text = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.target, self.host);
        for (name, value) in &request.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &request.body {
            text.push_str(&format!(
                "Content-Type: application/json;charset=UTF-8\r\nContent-Length: {}\r\n",
                body.len()
            ));
        }
        text.push_str("\r\n");
        text.push_str(request.body.as_deref().unwrap_or_default());
        self.send(text.as_bytes()).await?;
        let head = self.head().await?;
        let has_body = request.method != "HEAD" && !matches!(head.status, 204 | 304);
        self.body_left = if has_body { head.length() } else { 0 };
        Ok(head)
    }

    /// Sends a request; its whole answer.
    pub async fn exchange(&mut self, request: &Request<'_>) -> io::Result<(Head, Vec<u8>)> {
        let head = self.ask(request).await?;
        let mut body = Vec::new();
        while let Some(piece) = self.piece(PIECE).await? {
            body.extend_from_slice(&piece);
        }
        Ok((head, body))
    }

    /// The next bytes of the answer's body, at most so many; none at its end.
    pub async fn piece(&mut self, at_most: usize) -> io::Result<Option<Vec<u8>>> {
        if self.body_left == 0 {
            return Ok(None);
        }
        if self.received.is_empty() {
            self.receive(at_most).await?;
        }
        let left = usize::try_from(self.body_left).unwrap_or(usize::MAX);
        let piece: Vec<u8> = self.received.drain(..self.received.len().min(at_most).min(left)).collect();
        self.body_left -= piece.len() as u64;
        Ok(Some(piece))
    }

    async fn head(&mut self) -> io::Result<Head> {
        let end = loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            assert!(self.received.len() < LONGEST_HEAD, "the answer's header is too long");
            self.receive(PIECE).await?;
        };
        let text = String::from_utf8(self.received.drain(..end + 4).take(end).collect()).unwrap();
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap();
        let status =
            first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no answer: {first}"));
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Ok(Head { status, headers: headers.collect() })
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let allowed = self.allowed(bytes.len());
        self.stream.write_all(&bytes[..allowed]).await?;
        self.passed(allowed)?;
        if allowed < bytes.len() { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }

    async fn receive(&mut self, at_most: usize) -> io::Result<()> {
        let mut piece = vec![0; self.allowed(at_most)];
        let read = self.stream.read(&mut piece).await?;
        self.passed(read)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.received.extend_from_slice(&piece[..read]);
        Ok(())
    }

    /// How many of so many bytes pass before the connection breaks, and one if that is none.
    fn allowed(&self, bytes: usize) -> usize {
        self.breaks_after.map_or(bytes, |left| bytes.min(left.max(1)))
    }

    fn passed(&mut self, bytes: usize) -> io::Result<()> {
        match &mut self.breaks_after {
            Some(left) if *left <= bytes => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(left) => {
                *left -= bytes;
                Ok(())
            }
            None => Ok(()),
        }
    }
}
