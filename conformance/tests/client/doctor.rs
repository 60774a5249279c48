//! `otaria doctor`: what is wrong is found, and told with a remedy.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use otaria_conformance::authority::{Authority, Pair};
use otaria_conformance::{Engine, Server};
use rcgen::{BasicConstraints, CertificateParams, IsCa, date_time_ymd};
use rstest::rstest;

use crate::world::{World, prints};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_works_is_said_to_work(#[case] engine: Engine) {
    let world = World::start(engine).await;
    let console = world.console(&[
        "otaria doctor",
        "otaria doctor --json",
        "OTARIA_CLIENT_SECRET=wrong otaria doctor",
        "OTARIA_CLIENT_SECRET= otaria doctor",
        "env -u OTARIA_PARTNER otaria doctor",
        "OTARIA_PARTNER=00000000-0000-7000-8000-000000000000 otaria doctor --json > /dev/null",
        "OTARIA_ACCOUNT=00000000-0000-7000-8000-000000000000 otaria doctor | grep -A 1 account:",
        "OTARIA_URL=ota.example.com otaria doctor",
        "env -u OTARIA_URL otaria doctor",
        "OTARIA_URL=http://127.0.0.1:1 otaria doctor",
        "OTARIA_URL=http://name.invalid otaria doctor | sed 's/\\(name.invalid\\):.*/\\1/'",
        "OTARIA_URL=https://${OTARIA_URL#http://} otaria doctor",
    ]);
    insta::assert_snapshot!("doctor", console);
}

#[tokio::test]
async fn somebody_who_may_only_look_is_told_so() {
    let world = World::start(Engine::Sqlite).await;
    let output = world.command(&["doctor"]).env("OTARIA_TOKEN", world.guest().await).output().unwrap();
    assert!(output.status.success(), "{}", prints(&output));
    assert!(prints(&output).contains("you may look, and neither publish nor push"), "{}", prints(&output));
}

#[tokio::test]
async fn a_binary_that_cannot_be_read_is_found() {
    let world = World::start(Engine::Sqlite).await;
    let mut publish = world
        .shell("echo light > app.bin && otaria publish app.bin --type 5 --name app --version 1 && otaria doctor");
    let output = publish.output().unwrap();
    assert!(prints(&output).contains("ok   storage: the binary of app 1 can be read"), "{}", prints(&output));
    std::fs::remove_dir_all(world.server.data().join("repository")).unwrap();
    let output = world.command(&["doctor"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", prints(&output));
    assert!(prints(&output).contains("FAIL storage: a binary cannot be read"), "{}", prints(&output));
}

/// What is found of a server that has this certificate, by somebody who trusts this authority.
async fn found(pair: &Pair, trusted: &Authority) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = (file("server.pem", &pair.certificate), file("key.pem", &pair.key));
    let settings = [("OTARIA_TLS_CERTIFICATE", certificate.as_str()), ("OTARIA_TLS_KEY", key.as_str())];
    let world = World::beside(Server::start_with(Engine::Sqlite, &settings).await);
    let command = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("OTARIA_CA_FILE", file("ca.pem", &trusted.pem())).output().unwrap()
    };
    // Every other command says the same, once: the same again ends the same.
    let list = command(&["type", "list", "--json"]);
    if !list.status.success() {
        let error: serde_json::Value = serde_json::from_slice(&list.stderr).unwrap_or_default();
        assert_eq!((&error["code"], &error["retryable"]), (&"untrusted".into(), &false.into()), "{}", prints(&list));
    }
    prints(&command(&["doctor"]))
}

fn certified(authority: &Authority, change: impl FnOnce(&mut CertificateParams)) -> Pair {
    authority.certify("localhost", |params| {
        let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        params.subject_alt_names = names.subject_alt_names;
        change(params);
    })
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_found() {
    let (ours, another) = (Authority::new("Ours"), Authority::new("Another"));
    for (pair, trusted, expected) in [
        (ours.server(), &another, "--ca-file FILE"),
        (certified(&ours, |params| params.not_after = date_time_ymd(2020, 1, 1)), &ours, "has expired"),
        (certified(&ours, |params| params.not_before = date_time_ymd(2200, 1, 1)), &ours, "is not valid yet"),
        (certified(&ours, |params| params.subject_alt_names.clear()), &ours, "is not for 127.0.0.1"),
        (certified(&ours, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), &ours, "(CA:TRUE"),
        (ours.server(), &ours, "ok   partner: Acme"),
    ] {
        let found = found(&pair, trusted).await;
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

/// Somebody who answers every request with this.
fn somebody(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            // Whoever has gone does not mind.
            drop(stream.read(&mut request).and_then(|_| stream.write_all(answer.as_bytes())));
        }
    });
    url
}

#[tokio::test]
async fn a_clock_that_is_wrong_and_a_server_that_is_none_of_ours_are_found() {
    let world = World::start(Engine::Sqlite).await;
    let doctor = |answer: &'static str| {
        prints(&world.command(&["doctor"]).env("OTARIA_URL", somebody(answer)).output().unwrap())
    };
    let found = doctor("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi");
    assert!(found.contains("FAIL otaria: "), "{found}");
    let found = doctor(
        "HTTP/1.1 301 Moved\r\nconnection: close\r\nlocation: https://ota.example.com/\r\ncontent-length: 0\r\n\r\n",
    );
    assert!(found.contains("it redirects to https://ota.example.com/"), "{found}");
    let found = doctor(
        "HTTP/1.1 200 OK\r\nconnection: close\r\nx-request-id: 1\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 2\r\n\r\n{}",
    );
    assert!(found.contains("warn clock: the server's is") && found.contains("s behind this machine's"), "{found}");
}

#[tokio::test]
async fn a_public_url_that_leads_elsewhere_is_found() {
    let settings = [("OTARIA_PUBLIC_URL", "https://another.invalid")];
    let another = Server::start_with(Engine::Sqlite, &settings).await;
    let nobody = somebody("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    for (public, expected) in [
        (another.url(), "FAIL public URL: another server answers there, which calls itself https://another.invalid"),
        (nobody, "FAIL public URL: what answers there is no Otaria server"),
        ("http://name.invalid".to_owned(), "warn public URL: http://name.invalid/ does not answer from here"),
        ("http://name.invalid".to_owned(), "is not encrypted"),
    ] {
        let settings = [("OTARIA_PUBLIC_URL", public.as_str())];
        let world = World::beside(Server::start_with(Engine::Sqlite, &settings).await);
        let found = prints(&world.command(&["doctor"]).output().unwrap());
        assert!(found.contains(expected), "{expected}: {found}");
    }
}

#[tokio::test]
async fn what_answers_something_else_is_no_server_of_ours_for_every_command() {
    let world = World::start(Engine::Sqlite).await;
    std::fs::write(world.folder.path().join("app.bin"), "light").unwrap();
    for answer in [
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 13\r\n\r\n<html></html>",
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 11\r\n\r\n{\"value\":5}",
    ] {
        let url = somebody(answer);
        // By a token, and by a client that has none yet.
        for line in [
            "otaria publish app.bin --type 5 --name app --version 1",
            "OTARIA_TOKEN=one otaria type list",
            "OTARIA_TOKEN=one otaria image list",
        ] {
            let output = world.shell(line).env("OTARIA_URL", &url).output().unwrap();
            assert_eq!(output.status.code(), Some(1), "{line}: {}", prints(&output));
            assert!(prints(&output).contains("something else than an Otaria server would"), "{}", prints(&output));
            assert!(prints(&output).contains("is this the URL"), "{}", prints(&output));
        }
    }
}
