//! What a simulated device has in place of a radio: a connection that breaks every now and then, at any byte.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::Noise;
use crate::plain_http::{Connection, Head, Request};

/// Of so many visits one meets a connection that breaks.
const ONE_BREAKS_IN: u64 = 8;
/// After how many bytes it breaks at the latest.
const BREAKS_WITHIN: u64 = 24_000;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A radio, which one device after another uses.
pub struct Radio {
    host: String,
    noise: Noise,
    connection: Option<Connection>,
    polls: Vec<Duration>,
}

impl Radio {
    pub fn new(host: &str, noise: Noise) -> Self {
        Self { host: host.to_owned(), noise, connection: None, polls: Vec::new() }
    }

    /// Turns it on for a device.
    pub async fn turn_on(&mut self) -> io::Result<()> {
        let breaks = self.noise.below(ONE_BREAKS_IN) == 0;
        let after = breaks.then(|| self.noise.below(BREAKS_WITHIN) as usize);
        self.connected().await?.break_after(after);
        Ok(())
    }

    async fn connected(&mut self) -> io::Result<&mut Connection> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(&self.host).await?);
        }
        Ok(self.connection.as_mut().unwrap())
    }

    /// Forgets a connection that broke.
    pub fn lose(&mut self) {
        self.connection = None;
    }

    pub async fn exchange(&mut self, request: &Request<'_>) -> io::Result<(Head, Vec<u8>)> {
        let connection = self.connected().await?;
        timeout(PATIENCE, connection.exchange(request)).await.expect("the server does not answer")
    }

    /// The same for a poll, which is timed.
    pub async fn poll(&mut self, request: &Request<'_>) -> io::Result<(Head, Vec<u8>)> {
        let began = Instant::now();
        let answer = self.exchange(request).await?;
        self.polls.push(began.elapsed());
        Ok(answer)
    }

    /// Receives an answer's body piece by piece.
    pub async fn read(&mut self, request: &Request<'_>, mut piece: impl FnMut(&[u8])) -> io::Result<Head> {
        let connection = self.connected().await?;
        let head = timeout(PATIENCE, connection.ask(request)).await.expect("the server does not answer")?;
        while let Some(bytes) = timeout(PATIENCE, connection.piece(4096)).await.expect("the server stalls")? {
            if matches!(head.status, 200 | 206) {
                piece(&bytes);
            }
        }
        Ok(head)
    }

    /// How long every poll took.
    pub fn into_polls(self) -> Vec<Duration> {
        self.polls
    }
}
