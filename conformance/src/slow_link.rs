//! A link between a device and the server that can be slow, break in the middle of a download, or tell the device
//! something else than the server said.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// How much goes over a slow link at once, in bytes.
const SIP: usize = 4096;
/// How long a slow link rests after that.
const REST: Duration = Duration::from_millis(50);

/// What a connection meets that has brought so many bytes to the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// From then on it is slow.
    SlowAfter(usize),
    /// It is cut, and no connection after it.
    CutAfter(usize),
    /// So many times the device reads something else, of the same length.
    Says {
        /// What the server says.
        instead_of: &'static str,
        /// What the device reads.
        says: &'static str,
        /// How many times.
        times: usize,
    },
}

/// What is known about a link, and what it has seen.
#[derive(Debug)]
struct State {
    trouble: Trouble,
    sent: Vec<u8>,
    received: usize,
    added: Option<String>,
    is_in_trouble: bool,
}

impl State {
    /// A request with the header that is to be added, behind its first line.
    fn with_header(&self, piece: &[u8]) -> Vec<u8> {
        let end = piece.windows(2).position(|window| window == b"\r\n");
        match (&self.added, end) {
            (Some(header), Some(end)) if piece.starts_with(b"GET ") => {
                [&piece[..end], b"\r\n", header.as_bytes(), &piece[end..]].concat()
            }
            _ => piece.to_vec(),
        }
    }

    /// Changes what is said. An answer that matters here is short, and comes in one piece.
    fn misquote(&mut self, piece: &mut [u8]) {
        let Trouble::Says { instead_of, says, times: times @ 1.. } = &mut self.trouble else { return };
        assert_eq!(instead_of.len(), says.len());
        if let Some(at) = piece.windows(says.len()).position(|window| window == instead_of.as_bytes()) {
            piece[at..][..says.len()].copy_from_slice(says.as_bytes());
            *times -= 1;
            self.is_in_trouble = true;
        }
    }
}

/// A link. It lies between the public URL and the server.
pub struct Link {
    listener: Option<TcpListener>,
    url: String,
    state: Arc<Mutex<State>>,
}

impl Link {
    /// A link that leads nowhere yet.
    pub async fn lay(trouble: Trouble) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State { trouble, sent: Vec::new(), received: 0, added: None, is_in_trouble: false };
        Self { listener: Some(listener), url, state: Arc::new(Mutex::new(state)) }
    }

    /// Where devices find it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Leads it to the server at `url`, as long as the test runs.
    pub fn lead_to(&mut self, url: &str) {
        let (listener, state) = (self.listener.take().unwrap(), Arc::clone(&self.state));
        let address = url.trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            while let Ok((device, _)) = listener.accept().await {
                tokio::spawn(carry(device, address.clone(), Arc::clone(&state)));
            }
        });
    }

    /// From now on, connections meet this.
    pub fn meets(&self, trouble: Trouble) {
        self.state.lock().unwrap().trouble = trouble;
    }

    /// Everything that devices have sent over it, one connection's bytes among another's.
    pub fn sent(&self) -> Vec<u8> {
        self.state.lock().unwrap().sent.clone()
    }

    /// How much devices have received over it, in bytes.
    pub fn received(&self) -> usize {
        self.state.lock().unwrap().received
    }

    /// From now on every request goes on with this header, for clients that cannot send it. Such a client writes its
    /// header at once, and no body.
    pub fn adds(&self, header: &str) {
        self.state.lock().unwrap().added = Some(header.to_owned());
    }

    /// Whether a connection has met the trouble.
    pub fn is_in_trouble(&self) -> bool {
        self.state.lock().unwrap().is_in_trouble
    }
}

async fn carry(device: TcpStream, address: String, state: Arc<Mutex<State>>) {
    // The server may be gone, as behind any link.
    let Ok(server) = TcpStream::connect(address).await else { return };
    let (from_device, to_device) = device.into_split();
    let (from_server, to_server) = server.into_split();
    // The connection ends with whoever ends it first.
    tokio::select! {
        () = up(from_device, to_server, &state) => {}
        () = down(from_server, to_device, &state) => {}
    }
}

async fn up(mut device: OwnedReadHalf, mut server: OwnedWriteHalf, state: &Mutex<State>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = device.read(&mut buffer).await {
        let piece = {
            let mut state = state.lock().unwrap();
            state.sent.extend_from_slice(&buffer[..read]);
            state.with_header(&buffer[..read])
        };
        if server.write_all(&piece).await.is_err() {
            break;
        }
    }
}

async fn down(mut server: OwnedReadHalf, mut device: OwnedWriteHalf, state: &Mutex<State>) {
    let mut buffer = vec![0; SIP];
    let mut carried = 0;
    while let Ok(read @ 1..) = server.read(&mut buffer).await {
        {
            let mut state = state.lock().unwrap();
            state.received += read;
            state.misquote(&mut buffer[..read]);
        }
        if device.write_all(&buffer[..read]).await.is_err() {
            break;
        }
        carried += read;
        let trouble = state.lock().unwrap().trouble;
        match trouble {
            Trouble::SlowAfter(bytes) if carried > bytes => {
                state.lock().unwrap().is_in_trouble = true;
                tokio::time::sleep(REST).await;
            }
            Trouble::CutAfter(bytes) if carried > bytes => {
                let mut state = state.lock().unwrap();
                (state.trouble, state.is_in_trouble) = (Trouble::None, true);
                break;
            }
            Trouble::None | Trouble::SlowAfter(_) | Trouble::CutAfter(_) | Trouble::Says { .. } => {}
        }
    }
}
