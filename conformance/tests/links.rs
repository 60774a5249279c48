//! Signed links to artifacts outlive the process that made them, and no change of mind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use otaria_conformance::{Answer, Engine, Server};
use reqwest::{Method, StatusCode};
use rstest::rstest;

/// The most that a small client keeps of a link, in bytes: Zephyr's buffer, which has the path alone.
const SMALL: usize = 300;

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_link_is_good_after_a_restart_and_ends_where_links_are_plain_again(#[case] engine: Engine) {
    let mut server = Server::start_with(engine, &[("OTARIA_ARTIFACT_LINKS", "signed")]).await;
    let (api, partner, device) = (server.client().await, server.partner(), uuid::Uuid::now_v7().to_string());
    let device_type = api.device_type(&partner, "lamp").await;
    let token = api.device(&server.account(), &device_type, &device).await;
    let (_, image) = api.publish(&partner, &device_type, 3, "1.1", b"the bytes".to_vec()).await;
    api.push(&partner, &device_type, &image, &device).await.is(StatusCode::ACCEPTED);
    let path = format!("/{partner}/controller/v1/{device}/deploymentBase/1");
    let request = server.anonymous().request(Method::GET, &path);
    let deployment = Answer::of(request.header("authorization", format!("TargetToken {token}"))).await.ok().body;
    let links = &deployment["deployment"]["chunks"][0]["artifacts"][0]["_links"];
    let path = |name: &str| links[name]["href"].as_str().unwrap().strip_prefix(&server.url()).unwrap().to_owned();
    let (file, sum) = (path("download-http"), path("md5sum-http"));
    assert!(file.len() < SMALL && sum.len() < SMALL, "{sum}");

    assert_eq!(server.anonymous().get(&file).await.ok().text, "the bytes");
    server.terminate();
    server.launch();
    assert_eq!(server.anonymous().get(&file).await.ok().text, "the bytes");
    assert!(server.anonymous().get(&sum).await.ok().text.starts_with("ab48e870"));
    let log = server.log();
    assert!(!log.contains("signature="), "{log}");

    server.terminate();
    server.set("OTARIA_ARTIFACT_LINKS", "plain");
    server.launch();
    let refused = server.anonymous().get(&file).await.is(StatusCode::UNAUTHORIZED);
    assert_eq!(refused.text, "");
}
