//! Bodies and names that mean harm: bombs, numbers that fit nowhere, paths in place of names.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::time::{Duration, Instant};

use otaria_conformance::{Answer, Engine, Server};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

const MEBIBYTE: usize = 1024 * 1024;
/// The binary under test is not optimised.
const QUICKLY: Duration = Duration::from_secs(3);

/// Sends a request, which is refused quickly. A body that is far too large may be cut off instead.
async fn refused_quickly(request: reqwest::RequestBuilder, path: &str) {
    let began = Instant::now();
    if let Ok(answer) = Answer::try_of(request).await {
        assert!(answer.status.is_client_error(), "{path}: {} {}", answer.status, answer.text);
    }
    assert!(began.elapsed() < QUICKLY, "{path} took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_quickly() {
    let server = Server::start(Engine::Sqlite).await;
    let (api, partner) = (server.owner().await, server.partner());
    let device_type = api.device_type(&partner, "thermostat").await;
    let token = api.device(&server.account(), &device_type, "dev-1").await;
    let (_, image) = api.publish(&partner, &device_type, 3, "1.0", b"bytes".to_vec()).await;
    api.push(&partner, &device_type, &image, "dev-1").await.is(StatusCode::ACCEPTED);

    let keys = |count: usize| (0..count).map(|number| format!("\"key{number}\":0")).collect::<Vec<_>>().join(",");
    let bombs = [
        "[".repeat(MEBIBYTE),
        format!("{{\"name\":{}", "[".repeat(MEBIBYTE - 20)),
        "{\"name\":".repeat(MEBIBYTE / 8),
        format!("{{{}}}", keys(70_000)),
        format!("{{\"name\":\"{}\"}}", "x".repeat(MEBIBYTE - 20)),
        format!("{{\"name\":\"{}\"}}", "\\u0000".repeat(MEBIBYTE / 7)),
        format!("{{\"name\":{}}}", "9".repeat(MEBIBYTE - 20)),
        format!("{{\"name\":1e{}}}", "9".repeat(MEBIBYTE - 20)),
        format!("{{\"tags\":[{}\"\"]}}", "\"\",".repeat(MEBIBYTE / 4)),
        "x".repeat(64 * MEBIBYTE),
        "\0".repeat(MEBIBYTE),
        "\"".repeat(MEBIBYTE),
    ];
    let base = format!("/{partner}/controller/v1/dev-1");
    for bomb in bombs {
        for path in ["/v1/partners".to_owned(), format!("/v1/ota/partners/{partner}/pool"), "/oauth/token".to_owned()]
        {
            let request = api.request(Method::POST, &path).header("content-type", "application/json");
            refused_quickly(request.body(bomb.clone()), &path).await;
        }
        for (method, path) in [(Method::PUT, "configData"), (Method::POST, "deploymentBase/1/feedback")] {
            let request = api.http.request(method, format!("{}{base}/{path}", server.url()));
            let request = request.header("authorization", format!("TargetToken {token}"));
            refused_quickly(request.body(bomb.clone()), path).await;
        }
    }
    server.anonymous().get("/readyz").await.ok();
    let log = server.log();
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_does_not_fit_is_refused_by_its_name() {
    let server = Server::start(Engine::Sqlite).await;
    let (api, partner) = (server.owner().await, server.partner());
    let pool = format!("/v1/ota/partners/{partner}/pool");
    for number in [
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616",
        "99999999999999999999999999999999",
        "4294967299",
        "1e400",
        "3e0",
        "3.5",
        "\"9223372036854775808\"",
        "\"99999999999999999999\"",
        "\"3.0\"",
        "\" 3\"",
        "\"\"",
        "true",
        "[3]",
    ] {
        let body = format!("{{\"name\":\"app\",\"version\":\"1\",\"url\":\"\",\"type\":{number}}}");
        let answer = api.send(Method::POST, &pool, None, body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.fields()),
            (400, vec!["type".to_owned()]),
            "{number}: {}",
            answer.text
        );
        let query = number.trim_matches('"');
        if query.is_empty() {
            continue;
        }
        let answer = api.get(&format!("{pool}?page={}", query.replace('[', "%5B").replace(' ', "%20"))).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{number}: {}", answer.text);
        if answer.status == StatusCode::OK {
            assert_eq!(answer.body["number"].to_string(), query, "a wrong number was understood");
        }
    }
    let twice = r#"{"name":"app","type":3,"type":5,"version":"1","url":""}"#;
    api.send(Method::POST, &pool, None, twice).await.is(StatusCode::BAD_REQUEST);
    assert_eq!(api.get(&pool).await.ok().body["totalElements"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_character_is_refused_by_the_name_of_its_field() {
    let server = Server::start(Engine::Sqlite).await;
    let (api, partner) = (server.owner().await, server.partner());
    let pool = format!("/v1/ota/partners/{partner}/pool");
    for character in ["\0", "\u{1}", "\u{7f}", "\r", "\u{1b}", "\u{85}"] {
        for field in ["name", "version", "description"] {
            let mut body = json!({ "name": "app", "type": 3, "version": "1", "description": "text", "url": "" });
            body[field] = json!(format!("a{character}b"));
            let answer = api.post(&pool, body).await;
            assert_eq!((answer.status.as_u16(), answer.fields()), (400, vec![field.to_owned()]), "{character:?}");
        }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_never_called_by_a_path(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.owner().await, server.partner());
    let device_type = api.device_type(&partner, "thermostat").await;
    let long = "x".repeat(10_000);
    let cases = [
        ("../../x.bin", "x.bin"),
        ("C:\\x.bin", "x.bin"),
        ("a/b.bin", "b.bin"),
        ("..", ""),
        ("a/..", ""),
        ("a\0b.bin", "ab.bin"),
        ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
        ("\u{1b}[2Jx.bin", "[2Jx.bin"),
        (long.as_str(), &long[..255]),
    ];
    for (number, (said, kept)) in cases.into_iter().enumerate() {
        let bytes = format!("file {number}");
        let encoded = percent_encoding::utf8_percent_encode(said, percent_encoding::NON_ALPHANUMERIC);
        let path = format!("/v1/ota/partners/{partner}/binaries");
        let upload = api.request(Method::POST, &path).header("content-type", "application/octet-stream");
        let upload = upload.header("content-disposition", format!("attachment; filename*=UTF-8''{encoded}"));
        let uploaded = Answer::of(upload.body(bytes.clone())).await.ok();
        if !said.contains(|character: char| character.is_control()) {
            // The same as a form says it; the latest name counts.
            let form = Form::new().part("file", Part::bytes(bytes.into_bytes()).file_name(said.to_owned()));
            Answer::of(api.request(Method::POST, &path).multipart(form)).await.ok();
        }
        let moved = api.post(&format!("{path}/moveToRepository"), uploaded.body).await.ok();
        let url = moved.body["value"].as_str().unwrap();
        let got = api.get(url.strip_prefix(&server.url()).unwrap()).await.ok();
        let disposition = got.headers["content-disposition"].to_str().unwrap();
        let name =
            if kept.is_empty() { url.rsplit('/').next().unwrap().to_owned() + ".bin" } else { kept.to_owned() };
        assert!(disposition.starts_with(&format!("attachment; filename=\"{name}\"")), "{said:?}: {disposition}");

        // And as the device sees it.
        let device = format!("dev-{number}");
        let token = api.device(&server.account(), &device_type, &device).await;
        let body = json!({
            "name": "app", "type": 3, "version": format!("{number}"), "url": url, "associations": { (partner.as_str()): [device_type] },
        });
        let image = api.post(&format!("/v1/ota/partners/{partner}/pool"), body).await.is(StatusCode::CREATED).body;
        let version = image["versionNumber"].as_str().unwrap();
        let associated = format!(
            "/v1/ota/partners/{partner}/deviceTypes/{device_type}/firmwareImages/types/3/versionNumbers/{version}"
        );
        let id = api.get(&associated).await.ok().body["id"].as_str().unwrap().to_owned();
        api.push(&partner, &device_type, &id, &device).await.is(StatusCode::ACCEPTED);
        let base = format!("{}/{partner}/controller/v1/{device}", server.url());
        let get = |url: String| api.http.get(url).header("authorization", format!("TargetToken {token}"));
        let deployment = Answer::of(get(format!("{base}/deploymentBase/1"))).await.ok().body;
        let artifact = &deployment["deployment"]["chunks"][0]["artifacts"][0];
        let shown = artifact["filename"].as_str().unwrap();
        assert!(kept.is_empty() || shown == kept, "{said:?}: {shown}");
        assert!(!shown.contains(['/', '\\', '\0', '\r', '\n']) && !shown.starts_with(".."), "{shown}");
        let link = artifact["_links"]["download-http"]["href"].as_str().unwrap();
        let downloaded = Answer::of(get(link.to_owned())).await.ok();
        assert_eq!(downloaded.text, format!("file {number}"));
        assert!(downloaded.headers["content-disposition"].to_str().unwrap().contains(&format!("\"{shown}\"")));
    }
}
