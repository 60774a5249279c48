//! A way to the server that lets a request through only up to a point, until it is opened.

use std::sync::Arc;

use otaria_conformance::Server;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// How many bytes of an upload are let through, in bytes: more than any request without a file has.
const HELD_AFTER: usize = 4 << 20;

/// What is held.
#[derive(Clone, Copy)]
enum Held {
    /// Uploads, on their way.
    Uploads,
    /// Records that are to be replaced, before the server hears of it.
    Replacements,
}

impl Held {
    /// Whether this piece is held, after so many bytes of its connection.
    fn has(self, carried: usize, piece: &[u8]) -> bool {
        match self {
            Self::Uploads => carried > HELD_AFTER,
            Self::Replacements => piece.starts_with(b"PUT "),
        }
    }
}

/// A way to a server.
pub struct Bottleneck {
    url: String,
    opened: watch::Sender<bool>,
    held: watch::Receiver<bool>,
}

impl Bottleneck {
    /// One before this server that holds uploads.
    pub async fn before(server: &Server) -> Self {
        Self::holding(Held::Uploads, server).await
    }

    /// One before this server that holds what replaces a record.
    pub async fn of_replacements(server: &Server) -> Self {
        Self::holding(Held::Replacements, server).await
    }

    async fn holding(what: Held, server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let address = server.url().trim_start_matches("http://").to_owned();
        let (opened, open) = watch::channel(false);
        let (hold, held) = watch::channel(false);
        let hold = Arc::new(hold);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, address.clone(), what, open.clone(), Arc::clone(&hold)));
            }
        });
        Self { url, opened, held }
    }

    /// Where clients find it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until it holds something.
    pub async fn holds(&mut self) {
        self.held.wait_for(|is_held| *is_held).await.unwrap();
    }

    /// Lets everything through from now on.
    pub fn opens(&self) {
        self.opened.send_replace(true);
    }
}

async fn carry(
    client: TcpStream,
    address: String,
    what: Held,
    mut open: watch::Receiver<bool>,
    held: Arc<watch::Sender<bool>>,
) {
    let server = TcpStream::connect(address).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let (mut buffer, mut carried) = (vec![0; 64 * 1024], 0);
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            if what.has(carried, &buffer[..read]) && !*open.borrow() {
                held.send_replace(true);
                open.wait_for(|is_open| *is_open).await.unwrap();
            }
            if to_server.write_all(&buffer[..read]).await.is_err() {
                break;
            }
            carried += read;
        }
    };
    // The connection ends with whoever ends it first.
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}
