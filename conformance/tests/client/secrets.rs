//! Nothing prints a secret, wherever somebody put it, and nothing that others chose steers the terminal.

use std::process::Output;

use otaria_conformance::Engine;
use serde_json::{Value, json};

use crate::world::{World, prints};

const SECRET: &str = "ota_at_0123456789012345678901234567890123456789012";

/// That a command fails, and that the secret is in nothing that it printed.
#[track_caller]
fn is_refused_without(secret: &str, output: &Output) -> String {
    let said = prints_all(output);
    assert!(!output.status.success() && !said.contains(secret), "{said}");
    said
}

fn prints_all(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn a_secret_in_the_wrong_place_is_not_printed() {
    let world = World::start(Engine::Sqlite).await;
    // Also one whose form nobody knows.
    for secret in [SECRET, "hunter2hunter2"] {
        for variable in ["OTARIA_TOKEN_FILE", "OTARIA_CLIENT_SECRET_FILE", "OTARIA_CLIENT_ID_FILE"] {
            let mut command = world.command_of_nobody(&["type", "list", "--url", &world.server.url()]);
            let said = is_refused_without(secret, &command.env(variable, secret).output().unwrap());
            assert!(said.contains(&format!("{variable} names a file that cannot be read")), "{said}");
        }
        for arguments in [
            &["type", "list", "--token-stdin", secret][..],
            &["type", "list", &format!("--token-stdin={secret}")],
            &["login", "--password-stdin", secret],
            &["login", &format!("--password-stdin={secret}")],
        ] {
            is_refused_without(secret, &world.command(arguments).output().unwrap());
            is_refused_without(secret, &world.command(&[arguments, &["--json"]].concat()).output().unwrap());
        }
        for url in [secret, &format!("http://h/?x={secret}"), &format!("http://{secret}@h/")] {
            is_refused_without(secret, &world.command(&["doctor"]).env("OTARIA_URL", url).output().unwrap());
            is_refused_without(secret, &world.command(&["type", "list", "--url", url]).output().unwrap());
        }
        std::fs::write(world.folder.path().join("otaria.toml"), format!("[publish]\ntype = {secret:?}\n")).unwrap();
        let said = is_refused_without(secret, &world.command(&["publish", "a", "--version", "1"]).output().unwrap());
        assert!(said.contains("[publish]: invalid type: string …"), "{said}");
        std::fs::remove_file(world.folder.path().join("otaria.toml")).unwrap();
        let dry_run = world.command(&["api", "POST", &format!("/x?token={secret}"), "--dry-run"]).output().unwrap();
        assert!(dry_run.status.success() && !prints_all(&dry_run).contains(secret), "{}", prints(&dry_run));
    }
    let doctor = world.command(&["doctor"]).env("OTARIA_CLIENT_ID", SECRET).output().unwrap();
    assert!(is_refused_without(SECRET, &doctor).contains("client_id is ota_…"));
}

#[tokio::test]
async fn a_line_feed_behind_a_secret_is_none_of_it() {
    let world = World::start(Engine::Sqlite).await;
    let mut command = world.command(&["type", "list"]);
    command.env("OTARIA_CLIENT_ID", format!("{}\n", world.server.first("clientId")));
    let output = command.env("OTARIA_CLIENT_SECRET", format!("{}\n", world.server.first("clientSecret"))).output();
    assert!(output.as_ref().unwrap().status.success(), "{}", prints(&output.unwrap()));
}

#[tokio::test]
async fn what_others_chose_does_not_steer_the_terminal() {
    let world = World::start(Engine::Sqlite).await;
    // No control character gets to the server; those that turn the direction of writing do.
    let name = "a\u{202e}b";
    let types = format!("/v1/ota/partners/{}/types", world.server.partner());
    let made = world.server.client().await.post(&types, json!({ "type": 101, "name": name })).await;
    assert!(made.status.is_success());
    let shown = |arguments: &[&str]| String::from_utf8(world.command(arguments).output().unwrap().stdout).unwrap();
    for arguments in [&["type", "list"][..], &["type", "show", "101"], &["type", "list", "--json"]] {
        let shown = shown(arguments);
        assert!(!shown.contains('\u{202e}'), "{shown:?}");
    }
    let list: Value = serde_json::from_str(&shown(&["type", "list", "--json"])).unwrap();
    assert_eq!(list[0]["name"], name);
    std::fs::write(world.folder.path().join("app.bin"), "light").unwrap();
    let name = "\u{1b}]0;pwned\u{7}a\u{1b}[31m\u{9b}31m";
    let mut publish = world.command(&["publish", "app.bin", "--type", "5", "--version", "1", "--name", name]);
    let output = publish.arg("--dry-run").output().unwrap();
    assert!(!prints_all(&output).contains(['\u{1b}', '\u{7}', '\u{9b}']), "{:?}", prints_all(&output));
}
