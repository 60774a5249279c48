//! The command `otaria` as an operator runs it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::net::TcpListener;
use std::process::{Command, Output};

use otaria_conformance::{Engine, Server, binary};
use rstest::rstest;
use serde_json::Value;

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_second_bootstrap_changes_nothing_and_exits_with_5(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let again =
        server.command(&["bootstrap", "--name", "Else", "--email", "x@example.com", "--json"]).output().unwrap();
    assert_eq!(again.status.code(), Some(5), "{}", text(&again.stderr));
    assert_eq!(text(&again.stdout), "");
    assert!(text(&again.stderr).contains("already"), "{}", text(&again.stderr));
    // The first credentials still hold.
    server.owner().await.get("/v1/users/me").await.ok();
    assert!(!server.log().contains("otaria bootstrap"), "{}", server.log());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_lost_password_is_replaced_on_the_server(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let before = server.owner().await;
    let reset = server.command(&["reset-password", "--email", "Owner@example.com"]).output().unwrap();
    assert!(reset.status.success(), "{}", text(&reset.stderr));
    let password = text(&reset.stdout).trim().to_owned();
    before.get("/v1/users/me").await.is_error(401, "unauthorized");
    let form = [("grant_type", "password"), ("username", "owner@example.com"), ("password", &password)];
    let anonymous = server.anonymous();
    let token = anonymous.token(&server.first("clientId"), &server.first("clientSecret"), &form).await.ok();
    let owner = anonymous.with_token(token.body["access_token"].as_str().unwrap());
    let log = format!("/v1/partners/{}/auditLog?action=password.reset", server.partner());
    assert_eq!(owner.get(&log).await.ok().body["totalElements"], 1);
    let nobody = server.command(&["reset-password", "--email", "nobody@example.com"]).output().unwrap();
    assert_eq!((nobody.status.code(), text(&nobody.stdout)), (Some(3), String::new()));
}

#[tokio::test]
async fn a_check_of_nothing_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let check = Command::new(binary()).arg("check").env("OTARIA_DATA", folder.path().join("typo")).output().unwrap();
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stderr).contains("is this the right folder"), "{}", text(&check.stderr));
}

#[tokio::test]
async fn bootstrap_prints_exactly_what_is_needed_to_begin() {
    let server = Server::start(Engine::Sqlite).await;
    let names: Vec<_> = server.first.as_object().unwrap().keys().cloned().collect();
    let expected =
        ["accountId", "clientId", "clientSecret", "partnerId", "password", "publicUrl", "userId", "username"];
    assert_eq!(names, expected);
    assert_eq!(server.first("publicUrl"), server.url());
}

#[test]
fn wrong_settings_are_named_and_exit_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, value: &str| -> Output {
        Command::new(binary()).arg("config").env(name, value).current_dir(folder.path()).output().unwrap()
    };
    for (name, value, setting) in [
        ("OTARIA_PUBLIC_URL", "ota.example.com", "public_url"),
        ("OTARIA_DATABASE_URL", "mysql://x", "database_url"),
        ("OTARIA_POLL_SECONDS", "0", "poll_seconds"),
        ("OTARIA_LISTEN", "nowhere", "listen"),
    ] {
        let refused = run(name, value);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused.stderr).to_lowercase().contains(setting), "{}", text(&refused.stderr));
    }
    let printed = run("OTARIA_DATABASE_URL", "postgres://me:hunter2@db/ota?password=hunter2");
    assert!(printed.status.success());
    assert!(!text(&printed.stdout).contains("hunter2"), "{}", text(&printed.stdout));
}

#[test]
fn the_demo_tells_its_story_again_and_again_on_a_port_that_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for run in 1..=2 {
        let told = Command::new(binary())
            .args(["demo", "--once", "--listen", &address.to_string()])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let story = text(&told.stdout);
        assert!(told.status.success(), "{story}\n{}", text(&told.stderr));
        assert!(story.contains(&format!("Port {} is taken", address.port())), "{story}");
        assert!(
            story.contains(&format!("All devices run 1.0.{run}: their version attribute 2005 reads 0{run}0000")),
            "{story}"
        );
        assert_eq!(story.matches("offered → fetched → downloading → downloaded → installing → succeeded").count(), 3);
    }
    // Credentials are kept for the next run, and for nobody else.
    use std::os::unix::fs::PermissionsExt as _;
    let file = folder.path().join("otaria-data/demo/demo.json");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let state: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(state["published"], 2);
}
