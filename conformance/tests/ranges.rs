//! Thousands of parts of one file: no part costs a write to the database, and no poll either.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use otaria_conformance::plain_http::{Connection, Request};
use otaria_conformance::publisher::Publisher;
use otaria_conformance::writes::Writes;
use otaria_conformance::{Engine, Noise};
use rstest::rstest;
use serde_json::json;
use tokio::task::JoinSet;

const RANGES: u64 = 10_000;
const SIZE: u64 = 4_000_000;
const LONGEST: u64 = 16 * 1024;
/// How many connections ask for parts at the same time.
const CONNECTIONS: u64 = 4;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_ranges_write_nothing(#[case] engine: Engine) {
    // Devices heard of are written down by a chore, which comes once at the beginning and then not for an hour.
    let publisher = Publisher::start_with(engine, &[("OTARIA_CHORE_SECONDS", "3600")]).await;
    let bytes = Noise::new(81).bytes(usize::try_from(SIZE).unwrap());
    let (url, header) = publisher.artifact("lamp-1", "image.bin", bytes.clone()).await;
    let target = url.strip_prefix(publisher.link.url()).unwrap().to_owned();
    let host = publisher.server.url().strip_prefix("http://").unwrap().to_owned();
    let asking = Asking { host, target, token: header.split_once(": ").unwrap().1.to_owned(), bytes };
    let mut writes = Writes::count(&publisher.server).await;

    // The first one says that the download has begun.
    let before = writes.so_far().await;
    asking.for_ranges(1, 0).await;
    let begun = writes.so_far().await;
    assert!(begun > before, "what is written is not counted");

    let mut connections = JoinSet::new();
    for number in 1..=CONNECTIONS {
        let asking = asking.clone();
        connections.spawn(async move { asking.for_ranges(RANGES / CONNECTIONS, number).await });
    }
    connections.join_all().await;
    asking.for_everything_else().await;
    assert_eq!(writes.so_far().await, begun, "a part costs a write");

    // One write for each would have been seen.
    asking.with_a_word_for_each(50).await;
    assert!(writes.so_far().await >= begun + 50, "writes are not counted one by one");
}

#[derive(Clone)]
struct Asking {
    host: String,
    target: String,
    token: String,
    bytes: Vec<u8>,
}

impl Asking {
    fn request<'r>(&self, method: &'r str, target: &'r str, headers: &[(&'r str, &str)]) -> Request<'r> {
        let mut all = vec![("Authorization", self.token.clone())];
        all.extend(headers.iter().map(|&(name, value)| (name, value.to_owned())));
        Request { method, target, headers: all, body: None }
    }

    async fn for_ranges(&self, count: u64, seed: u64) {
        let mut noise = Noise::new(seed);
        let mut connection = Connection::open(&self.host).await.unwrap();
        for _ in 0..count {
            let begin = noise.below(SIZE);
            let end = (begin + 1 + noise.below(LONGEST)).min(SIZE);
            let range = format!("bytes={begin}-{}", end - 1);
            let request = self.request("GET", &self.target, &[("Range", &range)]);
            let (head, body) = connection.exchange(&request).await.unwrap();
            assert_eq!(head.status, 206);
            assert!(body == self.bytes[usize::try_from(begin).unwrap()..usize::try_from(end).unwrap()]);
        }
    }

    /// Everything else that a device may ask for again and again.
    async fn for_everything_else(&self) {
        let mut connection = Connection::open(&self.host).await.unwrap();
        let deployment = self.target.split("/softwaremodules/").next().unwrap();
        let details = format!("{deployment}/deploymentBase/1");
        let sum = format!("{}.MD5SUM", self.target);
        for _ in 0..100 {
            for (method, target, headers, status) in [
                ("GET", deployment, vec![], 200),
                ("GET", details.as_str(), vec![], 200),
                ("GET", sum.as_str(), vec![], 200),
                ("HEAD", self.target.as_str(), vec![], 200),
                ("GET", self.target.as_str(), vec![("Range", "bytes=0-9,100-109,-10")], 206),
                ("GET", self.target.as_str(), vec![("Range", "bytes=4000000-")], 416),
                ("GET", self.target.as_str(), vec![("Range", "bytes=5-4")], 416),
                ("GET", self.target.as_str(), vec![("If-None-Match", "*")], 304),
            ] {
                let (head, _) = connection.exchange(&self.request(method, target, &headers)).await.unwrap();
                assert_eq!(head.status, status, "{method} {target} {headers:?}");
            }
        }
    }

    /// A part and a report, again and again: every report is written.
    async fn with_a_word_for_each(&self, count: u64) {
        let mut connection = Connection::open(&self.host).await.unwrap();
        let device = self.target.split("/softwaremodules/").next().unwrap();
        let feedback = format!("{device}/deploymentBase/1/feedback");
        for number in 0..count {
            self.for_ranges(1, number).await;
            let body = json!({
                "status": { "execution": "proceeding", "result": { "finished": "none" }, "details": [number.to_string()] },
            });
            let request = Request { body: Some(body.to_string()), ..self.request("POST", &feedback, &[]) };
            assert_eq!(connection.exchange(&request).await.unwrap().0.status, 200);
        }
    }
}
