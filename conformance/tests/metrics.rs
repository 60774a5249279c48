//! Metrics as whoever scrapes them sees them: what was done shows, and nothing that a client says becomes a label.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::net::TcpListener;

use futures::future::join_all;
use otaria_conformance::publisher::Publisher;
use otaria_conformance::{Answer, Api, Engine, Server};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

/// The value of a metric with these labels; 0 if it is not there.
fn value(metrics: &str, name: &str, labels: &[&str]) -> f64 {
    let lines =
        metrics.lines().filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// An address that nobody listens on yet.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

async fn scrape(address: &str) -> String {
    let api = Api { http: reqwest::Client::new(), url: format!("http://{address}"), token: None };
    let answer = api.get("/metrics").await.ok();
    assert_eq!(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(api.get("/v1/users/me").await.status, StatusCode::NOT_FOUND);
    answer.text
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_is_counted(#[case] engine: Engine) {
    let address = free_address();
    let server = Server::start_with(engine, &[("OTARIA_METRICS_LISTEN", &address)]).await;
    let (api, partner) = (server.owner().await, server.partner());
    let device_type = api.device_type(&partner, "thermostat").await;
    let token = api.device(&server.account(), &device_type, "dev-1").await;
    let (_, image) = api.publish(&partner, &device_type, 3, "1.0", vec![7; 300_000]).await;
    api.push(&partner, &device_type, &image, "dev-1").await.is(StatusCode::ACCEPTED);
    let device = |method, path: &str| {
        let url = format!("{}/{partner}/controller/v1/dev-1{path}", server.url());
        api.http.request(method, url).header("authorization", format!("TargetToken {token}"))
    };
    Answer::of(device(Method::GET, "")).await.ok();
    let deployment = Answer::of(device(Method::GET, "/deploymentBase/1")).await.ok().body;
    let artifact = &deployment["deployment"]["chunks"][0]["artifacts"][0];
    let link = artifact["_links"]["download-http"]["href"].as_str().unwrap();
    let ranged = api.http.get(link).header("authorization", format!("TargetToken {token}"));
    Answer::of(ranged.header("range", "bytes=0-9,20-29")).await.is(StatusCode::PARTIAL_CONTENT);
    let done = json!({ "id": "1", "status": { "execution": "closed", "result": { "finished": "success" } } });
    Answer::of(device(Method::POST, "/deploymentBase/1/feedback").json(&done)).await.ok();
    let wrong = [("grant_type", "password"), ("username", "owner@example.com"), ("password", "wrong")];
    let (id, secret) = (server.first("clientId"), server.first("clientSecret"));
    api.token(&id, &secret, &wrong).await.is(StatusCode::BAD_REQUEST);
    api.token(&id, "wrong", &wrong).await.is(StatusCode::UNAUTHORIZED);
    let secret_path = "/hunter2-was-put-into-the-path";
    api.get(secret_path).await.is(StatusCode::NOT_FOUND);
    Answer::of(api.request(Method::from_bytes(b"HUNTER2").unwrap(), "/livez")).await;

    let metrics = scrape(&address).await;
    let requests = |labels: &[&str]| value(&metrics, "otaria_http_requests_total", labels);
    let poll = r#"route="/{tenant}/controller/v1/{controllerId}""#;
    assert!(requests(&[poll, r#"method="GET""#, r#"status="200""#]) >= 1.0, "{metrics}");
    assert_eq!(requests(&[r#"route="unmatched""#, r#"status="404""#]), 1.0, "{metrics}");
    assert_eq!(requests(&[r#"method="other""#]), 1.0);
    let seconds = value(&metrics, "otaria_http_request_seconds_count", &[poll]);
    assert!(seconds >= 1.0 && value(&metrics, "otaria_http_request_seconds_bucket", &[poll, r#"le="+Inf""#]) >= 1.0);
    assert_eq!(value(&metrics, "otaria_transfer_received_bytes_total", &[]), 300_000.0);
    assert_eq!(value(&metrics, "otaria_transfer_sent_bytes_total", &[]), 20.0);
    assert_eq!(value(&metrics, "otaria_pushes_ended_total", &[r#"state="succeeded""#]), 1.0);
    assert_eq!(value(&metrics, "otaria_sign_ins_refused_total", &[r#"reason="invalid_grant""#]), 1.0);
    assert_eq!(value(&metrics, "otaria_sign_ins_refused_total", &[r#"reason="invalid_client""#]), 1.0);
    assert_eq!(value(&metrics, "otaria_device_polls_total", &[]), 1.0);
    let has_writer = metrics.lines().any(|line| line.starts_with("otaria_sqlite_writes_waiting "));
    assert_eq!(has_writer, engine == Engine::Sqlite);
    for said in ["hunter2", "HUNTER2", "dev-1", &partner, &token] {
        assert!(!metrics.contains(said), "{said} became a label");
    }
    assert!(!server.log().contains("hunter2"));
}

/// Clients send their log line by line, all at once, and the word that it failed among it.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn an_end_counts_once_whatever_is_said_after_it(#[case] engine: Engine) {
    let address = free_address();
    let publisher = Publisher::start_with(engine, &[("OTARIA_METRICS_LISTEN", &address)]).await;
    let (_, image) = publisher.publish(3, "1", b"image".to_vec()).await;
    for device in ["dev-1", "dev-2", "dev-3", "dev-4", "dev-5"] {
        let token = publisher.device(device).await;
        publisher.push(&image, device).await;
        let url = format!("{}/default/controller/v1/{device}/deploymentBase/1/feedback", publisher.server.url());
        let says = |line: usize| {
            let (execution, finished) = if line == 2 { ("closed", "failure") } else { ("proceeding", "none") };
            let line = format!("line {line}");
            let status = json!({ "execution": execution, "result": { "finished": finished }, "details": [line] });
            let request = publisher.api.http.post(&url).header("authorization", format!("TargetToken {token}"));
            request.json(&json!({ "status": status })).send()
        };
        for answer in join_all((0..17).map(says)).await {
            assert_eq!(answer.unwrap().status(), StatusCode::OK);
        }
    }
    let metrics = scrape(&address).await;
    assert_eq!(value(&metrics, "otaria_pushes_ended_total", &[r#"state="failed""#]), 5.0);
    assert_eq!(value(&metrics, "otaria_pushes_ended_total", &[]), 5.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_nowhere_unless_asked_for() {
    let server = Server::start(Engine::Sqlite).await;
    server.anonymous().get("/metrics").await.is_error(404, "not_found");
}
