//! Large files go up and down without passing through memory, are stored once, and leave nothing when cut off.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::io;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::{Stream, StreamExt as _};
use otaria_conformance::{Answer, Api, Engine, Noise, Server, until};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method, StatusCode};
use rstest::rstest;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PIECE: usize = 256 * 1024;
const PIECES: usize = 2048;
const SIZE: u64 = (PIECE * PIECES) as u64;
const MEMORY: u64 = 100 * 1024 * 1024;

/// The pieces of the large file: no two are alike, and there is only ever one in memory.
fn pieces() -> impl Iterator<Item = Bytes> + Send {
    let noise = Noise::new(512).bytes(PIECE);
    (0..PIECES).map(move |number| {
        let mut piece = noise.clone();
        piece[..8].copy_from_slice(&(number as u64).to_be_bytes());
        Bytes::from(piece)
    })
}

fn body() -> Body {
    Body::wrap_stream(futures::stream::iter(pieces().map(Ok::<_, io::Error>)))
}

async fn sha256_of<E: std::fmt::Debug>(mut stream: impl Stream<Item = Result<Bytes, E>> + Unpin) -> (String, u64) {
    let (mut hasher, mut size) = (Sha256::new(), 0);
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.unwrap();
        hasher.update(&bytes);
        size += bytes.len() as u64;
    }
    (HEXLOWER.encode(&hasher.finalize()), size)
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn half_a_gibibyte_goes_up_and_down_and_is_stored_once(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let (sha256, _) = sha256_of(futures::stream::iter(pieces().map(Ok::<_, io::Error>))).await;
    let path = format!("/v1/ota/partners/{partner}/binaries");
    let upload = || api.request(Method::POST, &path).timeout(Duration::from_secs(600));

    let plain = upload().header("content-type", "application/octet-stream").body(body());
    assert_eq!(Answer::of(plain).await.ok().body, json!({ "value": sha256 }));
    assert_eq!(stored(&server), [SIZE]);

    let file = Part::stream_with_length(body(), SIZE).file_name("large.bin");
    let form = upload().multipart(Form::new().text("comment", "before the file").part("file", file));
    assert_eq!(Answer::of(form).await.ok().body, json!({ "value": sha256 }));
    until("the same file is stored once", || async { stored(&server) == [SIZE] }).await;

    let moved = api.post(&format!("{path}/moveToRepository"), json!({ "value": sha256 })).await.ok();
    let url = moved.body["value"].as_str().unwrap();
    let down = api.http.get(url).bearer_auth(api.token.as_ref().unwrap()).send().await.unwrap();
    assert_eq!((down.status(), down.content_length()), (StatusCode::OK, Some(SIZE)));
    assert_eq!(sha256_of(Box::pin(down.bytes_stream())).await, (sha256, SIZE));
    assert_eq!(stored(&server), [SIZE]);

    let peak = server.peak_memory();
    eprintln!("the server's peak memory: {} MiB", peak / 1024 / 1024);
    assert!(peak <= MEMORY, "{peak} bytes");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes two gibibytes: `make soak` does"]
async fn two_gibibytes_are_taken_with_a_warning() {
    const SIZE: u64 = 1 << 31;
    let server = Server::start(Engine::Sqlite).await;
    let (api, partner) = (server.client().await, server.partner());
    let zeros = Bytes::from(vec![0; PIECE]);
    let pieces = futures::stream::iter((0..SIZE / PIECE as u64).map(move |_| Ok::<_, io::Error>(zeros.clone())));
    let upload = api.request(Method::POST, &format!("/v1/ota/partners/{partner}/binaries"));
    let upload = upload.timeout(Duration::from_secs(600)).body(Body::wrap_stream(pieces));
    let taken = Answer::of(upload.header("content-type", "application/octet-stream")).await.ok().body;
    assert!(taken["warnings"][0].as_str().unwrap().contains("2 GiB"), "{taken}");
    assert_eq!(stored(&server), [SIZE]);
}

/// The sizes of the files in the repository.
fn stored(server: &Server) -> Vec<u64> {
    server.repository_files().into_iter().map(|(_, size)| size).collect()
}

/// How a request's body is framed, and what precedes the file in it.
struct Framing {
    headers: &'static str,
    before: &'static str,
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_leaves_nothing(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let framings = [
        Framing { headers: "content-type: application/octet-stream\r\ncontent-length: 100000000\r\n", before: "" },
        Framing {
            headers: "content-type: application/octet-stream\r\ntransfer-encoding: chunked\r\n",
            before: "5F5E100\r\n",
        },
        Framing {
            headers: "content-type: multipart/form-data; boundary=part\r\ncontent-length: 100000000\r\n",
            before: "--part\r\ncontent-disposition: form-data; name=\"file\"; filename=\"cut.bin\"\r\n\r\n",
        },
    ];
    for framing in &framings {
        cut(&server, &api, &partner, framing).await;
    }
    // All that while the rest goes on as usual.
    let url = api.publish_bytes(&partner, "whole").await;
    assert!(url.contains("/binaries/"));
    assert_eq!(stored(&server), [5]);
}

/// Sends a part of a file, cuts the connection once some of it is on the server's disk, and sees it go.
async fn cut(server: &Server, api: &Api, partner: &str, framing: &Framing) {
    let Framing { headers, before } = framing;
    let part = Noise::new(7).bytes(3 * 1024 * 1024);
    let head = format!(
        "POST /v1/ota/partners/{partner}/binaries HTTP/1.1\r\nhost: otaria\r\nauthorization: Bearer {}\r\n{headers}\r\n",
        api.token.as_ref().unwrap(),
    );
    let mut connection = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).await.unwrap();
    for bytes in [head.as_bytes(), before.as_bytes(), &part] {
        connection.write_all(bytes).await.unwrap();
    }
    until("the upload has begun", || async { stored(server).iter().any(|size| *size > 0) }).await;
    drop(connection);
    until("nothing is left of the upload", || async { stored(server).is_empty() }).await;
    let sent = HEXLOWER.encode(&Sha256::digest(&part));
    let path = format!("/v1/ota/partners/{partner}/binaries/moveToRepository");
    api.post(&path, json!({ "value": sent })).await.is_error(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_as_too_large_is_refused_before_it_comes() {
    let server = Server::start_with(Engine::Sqlite, &[("OTARIA_MAX_BINARY_BYTES", "1000")]).await;
    let (api, partner) = (server.client().await, server.partner());
    for expect in ["expect: 100-continue\r\n", ""] {
        let head = format!(
            "POST /v1/ota/partners/{partner}/binaries HTTP/1.1\r\nhost: otaria\r\nauthorization: Bearer {}\r\n\
             content-type: application/octet-stream\r\ncontent-length: 1001\r\n{expect}\r\n",
            api.token.as_ref().unwrap(),
        );
        let mut connection = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).await.unwrap();
        connection.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("at most 1000 bytes"), "{answer}");
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::File::create(folder.path().join("large.bin")).unwrap().set_len(256 << 20).unwrap();
    let mut sent = tokio::process::Command::new("curl");
    sent.args([
        "-sS",
        "-H",
        "Expect:",
        "-H",
        "Content-Type: application/octet-stream",
        "-X",
        "POST",
        "-T",
        "large.bin",
    ])
    .args(["-H", &format!("Authorization: Bearer {}", api.token.as_ref().unwrap())])
    .args(["-w", " %{size_upload}", &format!("{}/v1/ota/partners/{partner}/binaries", server.url())])
    .current_dir(folder.path());
    let sent = sent.output().await.unwrap();
    let said = String::from_utf8(sent.stdout).unwrap();
    assert!(said.contains("payload_too_large"), "{said} {}", String::from_utf8_lossy(&sent.stderr));
    let uploaded: u64 = said.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(uploaded < 128 << 20, "{uploaded}");
    assert!(stored(&server).is_empty());
}
