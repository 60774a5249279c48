//! A siege: many connections that send a header byte by byte, while honest requests go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use crate::Server;

/// How large a siege is.
#[derive(Clone, Copy, Debug)]
pub struct Siege {
    /// Connections that are open at any time: one that is closed is opened again.
    pub slow: usize,
    /// How long it goes on.
    pub lasting: Duration,
    /// Honest requests in every second, each on a connection of its own.
    pub honest_a_second: u32,
}

/// What it came to.
#[derive(Debug)]
pub struct Outcome {
    pub honest: usize,
    pub failed: usize,
    pub median: Duration,
    pub p99: Duration,
    pub worst: Duration,
    /// Slow connections that the server closed.
    pub closed: usize,
    /// The longest that one was open after its first byte.
    pub longest: Duration,
    /// How many were open at once at most.
    pub most_open: usize,
    /// How much memory the server gained, at its peak, in bytes.
    pub gained: u64,
}

impl Siege {
    /// Lays siege to a server.
    pub async fn lay(self, server: &Server) -> Outcome {
        // So that what every server needs for its first requests is not counted.
        for _ in 0..50 {
            honest(&server.url()).await;
        }
        let before = server.memory();
        let end = Instant::now() + self.lasting;
        let address = server.url().strip_prefix("http://").unwrap().to_owned();
        let open = Arc::new(Open::default());
        let mut attackers = JoinSet::new();
        for number in 0..self.slow {
            attackers.spawn(attack(address.clone(), end, Arc::clone(&open)));
            // A crowd, but one whose own machine is not the bottleneck.
            if number % 100 == 99 {
                sleep(Duration::from_millis(20)).await;
            }
        }
        let (took, failed) = self.go_on_honestly(&server.url(), end).await;
        let spans: Vec<Duration> = attackers.join_all().await.into_iter().flatten().collect();
        let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
        Outcome {
            honest: took.len(),
            failed,
            median: at(0.5),
            p99: at(0.99),
            worst: took.last().copied().unwrap_or_default(),
            closed: spans.len(),
            longest: spans.into_iter().max().unwrap_or_default(),
            most_open: open.most.load(Ordering::Relaxed),
            gained: server.peak_memory().saturating_sub(before),
        }
    }

    /// How long every honest request took, ascending, and how many failed.
    async fn go_on_honestly(self, url: &str, end: Instant) -> (Vec<Duration>, usize) {
        let mut requests = JoinSet::new();
        let mut pace = interval(Duration::from_secs(1) / self.honest_a_second);
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        while Instant::now() < end {
            let planned = pace.tick().await;
            let url = url.to_owned();
            // From when it was due, so that a stall counts against every request that it held up.
            requests.spawn(async move { honest(&url).await.then(|| planned.elapsed()) });
        }
        let all = requests.join_all().await;
        let mut took: Vec<Duration> = all.iter().copied().flatten().collect();
        took.sort_unstable();
        (took.clone(), all.len() - took.len())
    }
}

#[derive(Default)]
struct Open {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// Opens connections that send a header byte by byte, one after another; how long each that the server closed was
/// open after its first byte.
async fn attack(address: String, end: Instant, open: Arc<Open>) -> Vec<Duration> {
    let mut spans = Vec::new();
    while Instant::now() < end {
        let Ok(mut connection) = TcpStream::connect(&address).await else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let now = open.now.fetch_add(1, Ordering::Relaxed) + 1;
        open.most.fetch_max(now, Ordering::Relaxed);
        let began = Instant::now();
        let header = b"GET /livez HTTP/1.1\r\nhost: otaria\r\nx-slow: ".iter().chain(b"and-slower-".iter().cycle());
        for byte in header {
            let mut read = [0; 256];
            let is_open = connection.write_all(&[*byte]).await.is_ok()
                && !matches!(
                    timeout(Duration::from_millis(500), connection.read(&mut read)).await,
                    Ok(Ok(0) | Err(_))
                );
            if !is_open {
                spans.push(began.elapsed());
                break;
            }
            if Instant::now() > end && began.elapsed() > Duration::from_secs(20) {
                // It should have been closed by now, and its length says that it was not.
                spans.push(began.elapsed());
                break;
            }
        }
        open.now.fetch_sub(1, Ordering::Relaxed);
    }
    spans
}

/// One honest request that reads the database; whether it was answered well.
async fn honest(url: &str) -> bool {
    let address = url.strip_prefix("http://").unwrap();
    let request = async {
        let mut connection = TcpStream::connect(address).await?;
        connection.write_all(b"GET /readyz HTTP/1.1\r\nhost: otaria\r\nconnection: close\r\n\r\n").await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer.starts_with(b"HTTP/1.1 200"))
    };
    matches!(timeout(Duration::from_secs(10), request).await, Ok(Ok(true)))
}
