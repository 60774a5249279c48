//! Clients that mean harm, over plain sockets. Whatever they send, the server never fails, never waits for them for
//! long, and answers honest requests as before.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::time::{Duration, Instant};

use otaria_conformance::{Answer, Engine, Noise, Server, until};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// What the servers here give a header, and a body that stands still.
const HEADER: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(2);
/// A machine under load is late, but not that late.
const LATE: Duration = Duration::from_secs(8);

async fn server() -> Server {
    Server::start_with(Engine::Sqlite, &[("OTARIA_HEADER_SECONDS", "1"), ("OTARIA_IDLE_SECONDS", "2")]).await
}

/// The server is as if nothing had been: it answers at once, and has logged no failure.
async fn unharmed(server: &Server) {
    let began = Instant::now();
    assert_eq!(server.anonymous().get("/livez").await.status, StatusCode::OK);
    assert_eq!(server.anonymous().get("/readyz").await.status, StatusCode::OK);
    assert!(began.elapsed() < LATE);
    let log = server.log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}

/// A connection that a hostile client has.
struct Hostile(TcpStream);

impl Hostile {
    async fn to(server: &Server) -> Self {
        Self(TcpStream::connect(server.url().strip_prefix("http://").unwrap()).await.unwrap())
    }

    /// Sends bytes; the server may have hung up already.
    async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Everything that the server sends until it hangs up, which it must do by itself.
    async fn until_closed(&mut self, within: Duration) -> Vec<u8> {
        let mut received = Vec::new();
        // A reset is a way of hanging up.
        let read = timeout(within, self.0.read_to_end(&mut received)).await;
        drop(read.expect("the server keeps the connection"));
        received
    }

    /// The text of that.
    async fn answer(&mut self) -> String {
        String::from_utf8_lossy(&self.until_closed(HEADER + IDLE + LATE).await).into_owned()
    }

    /// Reads until a text has come.
    async fn read_until(&mut self, text: &str) -> Vec<u8> {
        let mut received = Vec::new();
        while !String::from_utf8_lossy(&received).contains(text) {
            let mut bytes = [0; 4096];
            let read = timeout(LATE, self.0.read(&mut bytes)).await.expect("no answer comes").unwrap();
            assert!(read > 0, "closed after {:?}", String::from_utf8_lossy(&received));
            received.extend_from_slice(&bytes[..read]);
        }
        received
    }

    /// Sends a text byte by byte, again and again, until the server hangs up.
    async fn drip(&mut self, text: &str) -> Duration {
        let began = Instant::now();
        for byte in text.bytes().cycle() {
            let mut read = [0; 256];
            let is_open = self.send([byte]).await
                && !matches!(timeout(Duration::from_millis(20), self.0.read(&mut read)).await, Ok(Ok(0) | Err(_)));
            if !is_open {
                break;
            }
            assert!(began.elapsed() < HEADER + LATE, "the server takes it for ever");
        }
        began.elapsed()
    }
}

/// The status lines in what a server sent.
fn statuses(answer: &str) -> Vec<u16> {
    let found = answer.split("HTTP/1.1 ").skip(1);
    found.map(|rest| rest.get(..3).unwrap_or_default().parse().unwrap()).collect()
}

/// Sends a request as it stands; the statuses of what is answered before the server hangs up.
async fn answered(server: &Server, request: impl AsRef<[u8]>) -> Vec<u16> {
    let mut hostile = Hostile::to(server).await;
    hostile.send(request).await;
    let answer = hostile.answer().await;
    let statuses = statuses(&answer);
    assert!(statuses.iter().all(|status| *status < 500), "{answer}");
    statuses
}

#[rstest]
#[case::nothing_at_all("")]
#[case::half_a_request_line("GET /liv")]
#[case::half_a_header("GET /livez HTTP/1.1\r\nhost: ota")]
#[case::no_end("GET /livez HTTP/1.1\r\nhost: otaria\r\n")]
#[case::half_a_preface("PRI * HTTP/2.0\r\n\r\nSM")]
#[case::a_preface_and_nothing_more("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
#[case::a_preface_and_settings("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")]
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_half_way_is_hung_up_on(#[case] begun: &str) {
    let server = server().await;
    let mut hostile = Hostile::to(&server).await;
    let began = Instant::now();
    hostile.send(begun).await;
    hostile.until_closed(HEADER + LATE).await;
    assert!(began.elapsed() >= HEADER / 4, "the server hangs up on whoever takes a moment");
    unharmed(&server).await;
}

#[rstest]
#[case::from_the_first("")]
#[case::on_a_kept_connection("GET /livez HTTP/1.1\r\nhost: otaria\r\n\r\n")]
#[tokio::test(flavor = "multi_thread")]
async fn headers_byte_by_byte_have_one_deadline(#[case] before: &str) {
    let server = server().await;
    let mut hostile = Hostile::to(&server).await;
    if !before.is_empty() {
        hostile.send(before).await;
        hostile.read_until("\r\n\r\n").await;
    }
    hostile.send("GET /livez HTTP/1.1\r\n").await;
    hostile.drip("x-slow: and-slower\r\n").await;
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_headers_is_431() {
    let server = server().await;
    let request = |headers: &str| format!("GET /livez HTTP/1.1\r\nhost: otaria\r\n{headers}\r\n");
    let lines = |count: usize| (0..count).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    assert_eq!(answered(&server, request(&lines(99))).await, [200]);
    assert_eq!(answered(&server, request(&lines(100))).await, [431]);
    assert_eq!(answered(&server, request(&format!("x-large: {}\r\n", "y".repeat(40_000)))).await, [431]);
    assert_eq!(answered(&server, request(&lines(100_000))).await, [431]);
    let long = format!("GET /livez?{} HTTP/1.1\r\nhost: otaria\r\n\r\n", "y".repeat(70_000));
    assert!(matches!(answered(&server, long).await[..], [414 | 431]));
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_byte_by_byte_has_a_deadline() {
    let server = server().await;
    for path in ["/oauth/token", "/v1/partners"] {
        let mut hostile = Hostile::to(&server).await;
        let token = server.owner().await.token.unwrap();
        hostile
            .send(format!(
                "POST {path} HTTP/1.1\r\nhost: otaria\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: 100000\r\n\r\n"
            ))
            .await;
        let took = hostile.drip("x").await;
        assert!(took < IDLE + LATE, "{took:?}");
    }
    unharmed(&server).await;
}

/// How many files of the repository the server has open.
fn downloads(server: &Server) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap();
    let targets = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    targets.filter(|target| target.starts_with(server.data().join("repository"))).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let server = server().await;
    let (api, size) = (server.client().await, 32 * 1024 * 1024);
    let url = api.publish_bytes(&server.partner(), Noise::new(5).bytes(size)).await;
    let path = url.strip_prefix(&server.url()).unwrap().to_owned();
    let token = api.token.unwrap();
    let mut over_1 = Hostile::to(&server).await;
    over_1.send(format!("GET {path} HTTP/1.1\r\nhost: otaria\r\nauthorization: Bearer {token}\r\n\r\n")).await;
    // One that keeps its socket busy, and takes nothing all the same: its window is never opened.
    let mut over_2 = Hostile::to(&server).await;
    over_2.send(PREFACE).await;
    over_2.send(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
    let head = headers(&path, &[("authorization", &format!("Bearer {token}"))]);
    over_2.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &head)).await;
    until("both downloads are under way", || async { downloads(&server) == 2 }).await;
    let pings = async {
        while over_2.send(frame(PING, 0, 0, &[0; 8])).await {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(IDLE * 2 + LATE, pings).await.expect("pings keep a stalled download");
    until("both downloads are cut off", || async { downloads(&server) == 0 }).await;
    assert!(over_1.until_closed(LATE).await.len() < size);
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_slow_but_reads_gets_everything() {
    let server = server().await;
    let (api, size) = (server.client().await, 24 * 1024 * 1024);
    let url = api.publish_bytes(&server.partner(), Noise::new(6).bytes(size)).await;
    let mut response = api.http.get(&url).bearer_auth(api.token.as_ref().unwrap()).send().await.unwrap();
    let (mut received, mut pauses) = (0, 0);
    while let Some(bytes) = response.chunk().await.unwrap() {
        received += bytes.len();
        // Slower in all than a stalled reader is given.
        if received > (pauses + 1) * size / 6 {
            pauses += 1;
            sleep(IDLE / 2).await;
        }
    }
    assert_eq!((received, pauses), (size, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_that_lies_harms_nobody() {
    let server = server().await;
    let post = |length: &str, body: &str| {
        format!(
            "POST /oauth/token HTTP/1.1\r\nhost: otaria\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    // What is more than announced is another request, and none.
    let more = answered(&server, post("3", "grant_type=password")).await;
    assert!(more.len() == 2 && more[1] == 400, "{more:?}");
    // What is less never comes.
    assert_eq!(answered(&server, post("300", "grant_type=password")).await, [408]);
    for no_number in ["-1", "+5", "0x5", "5, 6", "99999999999999999999999", "", "5 5"] {
        assert_eq!(answered(&server, post(no_number, "hello")).await, [400], "{no_number}");
    }
    unharmed(&server).await;
}

#[rstest]
#[case("zz\r\nhello\r\n0\r\n\r\n")]
#[case("5\r\nhello!!\r\n0\r\n\r\n")]
#[case("ffffffffffffffffff\r\nhello\r\n0\r\n\r\n")]
#[case("-5\r\nhello\r\n0\r\n\r\n")]
#[case("5;\0\r\nhello\r\n0\r\n\r\nx")]
#[case("5\nhello\n0\n\n")]
#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_garbage_are_refused(#[case] chunks: &str) {
    let server = server().await;
    let token = server.owner().await.token.unwrap();
    let request = format!(
        "POST /v1/partners HTTP/1.1\r\nhost: otaria\r\nauthorization: Bearer {token}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}"
    );
    let statuses = answered(&server, request).await;
    assert!(matches!(statuses[..], [400 | 408] | [400, 400]), "{statuses:?}");
    unharmed(&server).await;
}

#[rstest]
#[case::a_length_and_chunks("content-length: 4\r\ntransfer-encoding: chunked\r\n")]
#[case::chunks_and_a_length("transfer-encoding: chunked\r\ncontent-length: 4\r\n")]
#[case::two_lengths("content-length: 5\r\ncontent-length: 44\r\n")]
#[case::unknown_coding("transfer-encoding: xchunked\r\n")]
#[case::chunks_not_last("transfer-encoding: chunked, identity\r\n")]
#[case::hidden_by_a_space("transfer-encoding : chunked\r\ncontent-length: 5\r\n")]
#[case::folded("content-length: 5\r\ntransfer-encoding:\r\n chunked\r\n")]
#[case::hidden_by_a_control("transfer-encoding: \x0bchunked\r\ncontent-length: 5\r\n")]
#[case::a_bare_return("content-length: 5\rtransfer-encoding: chunked\r\n")]
#[tokio::test(flavor = "multi_thread")]
async fn no_second_request_is_smuggled(#[case] framing: &str) {
    let server = server().await;
    let smuggled = "GET /livez HTTP/1.1\r\nhost: otaria\r\n\r\n";
    let request = format!("POST /livez HTTP/1.1\r\nhost: otaria\r\n{framing}\r\n0\r\n\r\n{smuggled}");
    let statuses = answered(&server, request).await;
    assert!(matches!(statuses[..], [400..=499]), "{statuses:?}");
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_that_are_no_path_are_answered() {
    let server = server().await;
    let token = server.owner().await.token.unwrap();
    for target in [
        "GET http://elsewhere.example/livez",
        "GET http://[::1]:99999/",
        "GET *",
        "OPTIONS *",
        "CONNECT otaria:80",
        "GET //livez",
        "GET /%00",
        "GET /%ff",
        "GET /%",
        "GET /%zz",
        "GET /..%2f..%2fetc/passwd",
        "GET /../../etc/passwd",
        "GET /v1/ota/partners/%00/pool",
        "GET /v1/ota/partners/%ff/pool",
        "GET /v1/ota/partners/..%2f../pool",
        "GET /%00/controller/v1/%00",
        "GET /DEFAULT/controller/v1/%ff",
        "GET /DEFAULT/controller/v1/%00/softwaremodules/1/artifacts/%00",
        "GET /v1/users/me?%00=%00&page=%ff",
        "PRI *",
        "G\0T /livez",
        "GET /liv\0ez",
        "GET /livez HTTP/9.9\r\nx:",
        "\r\n\r\n\r\nGET /livez",
        "",
    ] {
        let request = format!(
            "{target} HTTP/1.1\r\nhost: otaria\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let statuses = answered(&server, request).await;
        assert!(statuses.len() <= 1, "{target}: {statuses:?}");
    }
    unharmed(&server).await;
}

const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A header block for a GET (RFC 7541): indexed fields, and literals without indexing.
fn headers(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let mut block = vec![0x82, 0x86];
    for (name, value) in [(":path", path), (":authority", "otaria")].iter().chain(more) {
        block.push(0);
        for text in [name, value] {
            // A length in seven bits, or the rest of it in one more.
            match text.len() {
                short @ 0..127 => block.push(short as u8),
                long => block.extend_from_slice(&[127, (long - 127) as u8]),
            }
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_files_are_turned_away_and_nothing_else_suffers() {
    let server = Server::start_within(128, &[("OTARIA_HEADER_SECONDS", "3")]).await;
    let mut crowd = Vec::new();
    for _ in 0..400 {
        crowd.push(Hostile::to(&server).await);
    }
    until("it is said that connections are refused", || async { server.log().contains("a connection was refused") })
        .await;
    // How much it works within a second is what is measured.
    let began = cpu_time(&server);
    sleep(Duration::from_secs(1)).await;
    assert!(cpu_time(&server) - began < Duration::from_millis(300), "the server spins");
    // The crowd is let go of at its deadline; others are served as before.
    until("honest requests are answered again", || async {
        let request = server.anonymous().request(Method::GET, "/readyz").timeout(Duration::from_secs(5));
        Answer::try_of(request).await.is_ok_and(|answer| answer.status == StatusCode::OK)
    })
    .await;
    drop(crowd);
    unharmed(&server).await;
}

/// How long the server's process has used a processor (Linux; a hundred ticks a second).
fn cpu_time(server: &Server) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// A connection over HTTP/2 on which one request was answered.
async fn over_2(server: &Server) -> Hostile {
    let mut hostile = Hostile::to(server).await;
    hostile.send(PREFACE).await;
    hostile.send(frame(SETTINGS, 0, 0, &[])).await;
    hostile.send(frame(SETTINGS, 1, 0, &[])).await;
    hostile.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &headers("/livez", &[]))).await;
    hostile.read_until("live").await;
    hostile
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_header_over_http_2_has_a_deadline() {
    let server = server().await;
    for begun in [
        frame(HEADERS, END_STREAM, 3, &headers("/livez", &[])),
        frame(HEADERS, END_HEADERS | END_STREAM, 3, &headers("/livez", &[]))[..12].to_vec(),
    ] {
        let mut hostile = over_2(&server).await;
        hostile.send(begun).await;
        hostile.until_closed(HEADER + LATE).await;
    }
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_headers_over_http_2_is_431() {
    let server = server().await;
    let mut hostile = over_2(&server).await;
    let names: Vec<_> = (0..120).map(|number| format!("x-{number}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "y")).collect();
    hostile.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, &headers("/livez", &many))).await;
    let answer = hostile.until_closed(HEADER + LATE).await;
    // `:status` by its index, and 431 in Huffman's code (RFC 7541, appendix B).
    let status = [0x48, 0x83, 0x69, 0x90, 0xff];
    assert!(answer.windows(status.len()).any(|window| window == status), "{answer:?}");
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_resets_end_the_connection() {
    let server = server().await;
    let mut hostile = over_2(&server).await;
    let mut flood = Vec::new();
    for stream in (3..40_003).step_by(2) {
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &headers("/readyz", &[])));
        flood.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
    }
    let began = Instant::now();
    let is_taken = hostile.send(flood).await;
    hostile.until_closed(HEADER + LATE).await;
    assert!(!is_taken || began.elapsed() < HEADER + LATE);
    unharmed(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_continuations_ends_the_connection() {
    let server = server().await;
    let before = server.peak_memory();
    let mut hostile = over_2(&server).await;
    hostile.send(frame(HEADERS, END_STREAM, 3, &headers("/livez", &[]))).await;
    let mut block = Vec::new();
    for number in 0..800 {
        block.extend_from_slice(&[0, 6]);
        block.extend_from_slice(format!("x-{number:04}").as_bytes());
        block.extend_from_slice(&[1, b'y']);
    }
    let mut sent = 0;
    while sent < 10_000 && hostile.send(frame(CONTINUATION, 0, 3, &block)).await {
        sent += 1;
    }
    assert!(sent < 10_000, "the server takes it for ever");
    hostile.until_closed(LATE).await;
    assert!(server.peak_memory() < before + 16 * 1024 * 1024);
    unharmed(&server).await;
}
