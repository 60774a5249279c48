//! curl as the client that fetches parts of files: a tool that everybody has and we did not write.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::process::Stdio;

use otaria_conformance::publisher::Publisher;
use otaria_conformance::slow_link::Trouble;
use otaria_conformance::{Api, Engine, Noise, Server};
use rstest::rstest;
use tokio::process::Command;

/// Runs curl on a URL of the partner API; its standard output.
async fn curl(api: &Api, arguments: &[&str], url: &str) -> Vec<u8> {
    let authorization = format!("authorization: Bearer {}", api.token.as_ref().unwrap());
    curl_with(&authorization, arguments, url).await
}

/// Runs curl on a URL with this header; its standard output.
async fn curl_with(header: &str, arguments: &[&str], url: &str) -> Vec<u8> {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--fail", "--max-time", "60", "--header", header]);
    let output = command.args(arguments).arg(url).stderr(Stdio::inherit()).output().await.unwrap();
    assert!(output.status.success(), "curl {arguments:?}");
    output.stdout
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_come_as_curl_asks_for_them() {
    let server = Server::start(Engine::Sqlite).await;
    let (api, bytes) = (server.client().await, Noise::new(11).bytes(3_000_000));
    let url = api.publish_bytes(&server.partner(), bytes.clone()).await;

    let answer = curl(&api, &["--include", "-r", "0-9,20-29"], &url).await;
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let (head, body) = answer.split_at(split);
    let head = String::from_utf8(head.to_vec()).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 206 "), "{head}");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
    let boundary = head.split("multipart/byteranges; boundary=").nth(1).unwrap().lines().next().unwrap();
    let mut expected = Vec::new();
    for (named, part) in [("0-9", &bytes[..10]), ("20-29", &bytes[20..30])] {
        let announced = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {named}/3000000\r\n\r\n"
        );
        expected.extend_from_slice(announced.as_bytes());
        expected.extend_from_slice(part);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!(body, expected);

    assert_eq!(curl(&api, &["-r", "-5"], &url).await, &bytes[2_999_995..]);
    assert_eq!(curl(&api, &["-r", "0-9,10-19"], &url).await, &bytes[..20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_goes_on_with_a_download_where_it_stopped() {
    let server = Server::start(Engine::Sqlite).await;
    let (api, bytes) = (server.client().await, Noise::new(12).bytes(3_000_000));
    let url = api.publish_bytes(&server.partner(), bytes.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.bin");
    let name = file.to_str().unwrap();

    std::fs::write(&file, &bytes[..1_234_567]).unwrap();
    let received =
        curl(&api, &["-C", "-", "--output", name, "--write-out", "%{http_code} %{size_download}"], &url).await;
    assert_eq!(String::from_utf8(received).unwrap(), "206 1765433");
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_device_with_curl_gets_its_artifact_whatever_happens(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let bytes = Noise::new(13).bytes(3_000_000);
    let (url, header) = publisher.artifact("lamp-1", "image.bin", bytes.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("image.bin");
    let download = ["-C", "-", "--output", file.to_str().unwrap(), "--write-out", "%{http_code} %{size_download}"];
    let goes_on = || async { String::from_utf8(curl_with(&header, &download, &url).await).unwrap() };

    // Cut in the middle, and then on from there.
    publisher.link.meets(Trouble::CutAfter(1_000_000));
    let mut command = Command::new("curl");
    command.args(["--silent", "--header", &header]).args(download).arg(&url);
    assert_eq!(command.output().await.unwrap().status.code(), Some(18), "curl did not notice");
    let got = std::fs::metadata(&file).unwrap().len();
    assert!((1..3_000_000).contains(&got), "{got}");
    assert_eq!(goes_on().await, format!("206 {}", 3_000_000 - got));
    assert!(std::fs::read(&file).unwrap() == bytes);
    // There is no more of it, which `--fail` calls a failure and everything else an end.
    let mut command = Command::new("curl");
    let nothing = command.args(["--silent", "--header", &header]).args(download).arg(&url).output().await.unwrap();
    assert_eq!((nothing.status.code(), nothing.stdout.as_slice()), (Some(0), &b"416 0"[..]));
    assert!(std::fs::read(&file).unwrap() == bytes);

    let parts = curl_with(&header, &["-r", "0-99,2000000-2000099,-100"], &url).await;
    for part in [&bytes[..100], &bytes[2_000_000..2_000_100], &bytes[2_999_900..]] {
        assert!(otaria_conformance::contains(&parts, part));
    }
    assert!(parts.len() < 1000);

    let head = String::from_utf8(curl_with(&header, &["--head"], &url).await).unwrap().to_lowercase();
    let tag = head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().trim().to_owned();
    for (tag, expected) in [(tag.as_str(), &bytes[1000..1100]), ("\"another\"", &bytes[..])] {
        let condition = format!("if-range: {tag}");
        assert!(curl_with(&header, &["-r", "1000-1099", "--header", &condition], &url).await == expected, "{tag}");
    }
}
