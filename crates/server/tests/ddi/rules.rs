//! The rules that clients in the field impose on the server: a function each, by its number in the protocol's notes.

use otaria_core::FirmwareType;
use otaria_core::push::PushState;
use otaria_core::unreadable::Outcome;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scratch::Engine;
use crate::world::{DEVICE, TOKEN, World};

const FEEDBACK: &str = "/deploymentBase/1/feedback";

/// The head of a request to the device's own resources, open for more headers.
fn head(method: &str, path: &str) -> String {
    let base = format!("/DEFAULT/controller/v1/{DEVICE}");
    format!("{method} {base}{path} HTTP/1.1\r\nHost: ota\r\nAuthorization: TargetToken {TOKEN}\r\n")
}

/// The head of an answer, in lower case, and as many bytes of a body as it announces.
async fn answer(connection: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(|text| text.parse().unwrap());
    let mut body = vec![0; length.unwrap_or(0)];
    connection.read_exact(&mut body).await.unwrap();
    (head, body)
}

async fn asked(connection: &mut TcpStream, request: &str) -> (String, Vec<u8>) {
    connection.write_all(request.as_bytes()).await.unwrap();
    answer(connection).await
}

fn feedback(more: &str) -> String {
    format!(r#"{{{more}"status":{{"execution":"proceeding","result":{{"finished":"none"}},"details":["on"]}}}}"#)
}

#[rstest]
#[tokio::test]
async fn r2_the_id_in_feedback_may_be_anything(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
    let (first, second) = (world.push("1.0").await, world.push_type(FirmwareType::APPLICATION, "2.0").await);
    for id in ["", r#""id":"","#, r#""id":1,"#, r#""id":"2","#, r#""id":2,"#, r#""id":null,"#, r#""id":{"a":[]},"#] {
        assert_eq!(world.post(FEEDBACK).body(feedback(id)).send().await.unwrap().status(), 200, "{id}");
    }
    assert_eq!(world.state(&first).await, PushState::Installing);
    assert_eq!(world.state(&second).await, PushState::Offered, "only the path says which push it is");
    assert!(world.unreadable().await.is_empty());
}

#[rstest]
#[tokio::test]
async fn r3_the_time_in_feedback_may_be_anything(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
    let pushed = world.push("1.0").await;
    for time in [r#""20261122T184337""#, r#""""#, "1790000000000", "-1", "1.5", "null", "[]", r#""yesterday""#] {
        for name in ["time", "timestamp"] {
            let body = feedback(&format!(r#""{name}":{time},"#));
            assert_eq!(world.post(FEEDBACK).body(body).send().await.unwrap().status(), 200, "{name} {time}");
        }
    }
    let said: Vec<_> =
        world.history(&pushed).await.into_iter().filter(|entry| entry.entry.message.is_some()).collect();
    assert_eq!((said.len(), said[0].at), (1, world.now()), "the server's own clock counts");
}

#[rstest]
#[tokio::test]
async fn r4_bodies_are_read_leniently_bounded_and_kept(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
    let pushed = world.push("1.0").await;
    let line = |text: &str| feedback("").replace("[\"on\"]", &format!("[\"{text}\"]"));
    for (body, expected) in [
        (line("a\nb"), vec!["a", "b"]),
        (line(r"half \ud800 a character"), vec!["half \u{fffd} a character"]),
        (line(r"C:\path"), vec!["C:\\path"]),
        (format!("\u{feff}{}", line("mark")), vec!["mark"]),
        (format!("{}\0\0rest of the buffer", line("nul")), vec!["nul"]),
    ] {
        assert_eq!(world.post(FEEDBACK).body(body.clone()).send().await.unwrap().status(), 200, "{body}");
        let latest = world.latest(&pushed).await;
        let said = if latest.details.is_empty() { latest.message.into_iter().collect() } else { latest.details };
        assert_eq!(said, expected, "{body}");
        let kept = world.unreadable().await.remove(0);
        assert_eq!((kept.outcome, kept.length), (Outcome::Repaired, body.len() as i64));
    }
    for body in ["", "{", "[]", r#"{"status":[]}"#, &"[".repeat(100_000)] {
        assert_eq!(world.post(FEEDBACK).body(body.to_owned()).send().await.unwrap().status(), 400);
        let kept = world.unreadable().await.remove(0);
        assert_eq!((kept.outcome, kept.length), (Outcome::Refused, body.len() as i64));
        assert!(body.starts_with(&kept.body));
    }
    // A word that nobody knows is a note, never an end; and an end that is not understood is none.
    let word = |execution: &str, finished: &str| json!({"status": {"execution": execution, "result": {"finished": finished}}});
    for (body, status) in [
        (word("finished", "success"), 200),
        (word("failed", "failure"), 200),
        (word("closed", "ok"), 400),
        (json!({"status": {"execution": "closed"}}), 400),
    ] {
        assert_eq!(world.post(FEEDBACK).json(&body).send().await.unwrap().status(), status, "{body}");
        assert_eq!(world.state(&pushed).await, PushState::Installing, "{body}");
    }
    assert_eq!(world.post(FEEDBACK).body(vec![b' '; 256 * 1024 + 1]).send().await.unwrap().status(), 413);
}

#[rstest]
#[tokio::test]
async fn r5_feedback_never_fails_for_how_much_it_is(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
    let pushed = world.push("1.0").await;
    let lines: Vec<String> = (0..120).map(|number| format!("<b>{number}</b>{}", "x".repeat(1500))).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(world.says(1, "proceeding", "none", &lines).await, 200);
    let said = world.latest(&pushed).await.details;
    assert!(said.len() <= 120 && said.last().unwrap().starts_with("<b>119</b>x"), "the last lines stay, with markup");
    assert!(said.iter().all(|line| line.chars().count() >= 512), "{}", said[0].len());

    // Many at once, as a gateway sends them: each batch is in order, its lines need not be.
    let say = async |lines: &[String]| {
        let reports = lines.iter().map(async |line| world.says(1, "proceeding", "none", &[line]).await);
        assert!(futures::future::join_all(reports).await.iter().all(|status| *status == 200));
    };
    for _ in 0..6 {
        say(&vec!["the same".to_owned(); 50]).await;
    }
    let before = world.history(&pushed).await;
    assert_eq!((before[0].entry.message.as_deref(), before[0].times), (Some("the same"), 300));
    let lines: Vec<String> = (0..1_200).map(|number| format!("line {number:04}")).collect();
    for batch in lines.chunks(50) {
        say(batch).await;
    }
    let history = world.history(&pushed).await;
    assert!(history.len() <= 1_000, "{}", history.len());
    let mut said: Vec<_> = history.iter().take(900).map(|entry| entry.entry.message.clone().unwrap()).collect();
    said.sort_unstable();
    assert_eq!(said, lines[300..], "the last ones stay");
    for _ in 0..2 {
        assert_eq!(world.says(1, "closed", "success", &["done"]).await, 200);
    }
    assert_eq!((world.state(&pushed).await, world.history(&pushed).await[0].times), (PushState::Succeeded, 2));
}

#[rstest]
#[tokio::test]
async fn r6_what_was_taken_is_answered_with_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    let config = r#"{"data":{"a":"b"}}"#.to_owned();
    let mut connection = world.connection().await;
    for (method, path, body) in [
        ("PUT", "/configData", config),
        ("POST", FEEDBACK, feedback("")),
        ("POST", "/cancelAction/1/feedback", feedback("")),
    ] {
        if path.starts_with("/cancel") {
            world.cancel(&pushed).await;
        }
        let request = format!("{}Content-Length: {}\r\n\r\n{body}", head(method, path), body.len());
        let (head, _) = asked(&mut connection, &request).await;
        assert!(head.starts_with("http/1.1 200 ") && head.contains("\r\ncontent-length: 0\r\n"), "{path}: {head}");
        assert!(!head.contains("content-type") && !head.contains("transfer-encoding"), "{path}: {head}");
    }
}

#[rstest]
#[tokio::test]
async fn r7_answers_have_a_length_and_are_as_they_are(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
    let pushed = world.push("1.0").await;
    let mut connection = world.connection().await;
    for path in [
        "",
        "/deploymentBase/1",
        "/softwaremodules/1/artifacts",
        "/softwaremodules/1/artifacts/a.MD5SUM",
        "/cancelAction/1",
    ] {
        if path.starts_with("/cancel") {
            world.cancel(&pushed).await;
        }
        for accept in ["application/json", "application/cbor"] {
            let request =
                format!("{}Accept: {accept}\r\nAccept-Encoding: gzip, br, zstd, deflate\r\n\r\n", head("GET", path));
            let (head, body) = asked(&mut connection, &request).await;
            assert!(head.starts_with("http/1.1 200 ") && !body.is_empty(), "{path}: {head}");
            assert!(!head.contains("transfer-encoding") && !head.contains("content-encoding"), "{path}: {head}");
        }
    }
    let text = world.get("").send().await.unwrap().text().await.unwrap();
    assert!(text.starts_with(r#"{"config":{"polling":{"sleep":"00:"#) && text.len() < 400, "{text}");
}

#[rstest]
#[tokio::test]
async fn r8_all_three_hashes_and_an_integer_for_the_size(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
    world.push("1.0").await;
    let list: Value = world.get("/softwaremodules/1/artifacts").send().await.unwrap().json().await.unwrap();
    assert_eq!(list[0]["size"].as_u64(), Some(world.bytes.len() as u64));
    for (name, digits) in [("md5", 32), ("sha1", 40), ("sha256", 64)] {
        let hash = list[0]["hashes"][name].as_str().unwrap();
        assert!(hash.len() == digits && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{hash}");
    }
}

#[rstest]
#[tokio::test]
async fn r13_expectations_chunks_and_odd_headers(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    let config = r#"{"data":{"a":"b"}}"#.to_owned();
    let routes = [
        ("PUT", "/configData", config),
        ("POST", FEEDBACK, feedback("")),
        ("POST", "/cancelAction/1/feedback", feedback("")),
    ];
    for (method, path, body) in routes {
        // After chunks the server closes the connection.
        let mut connection = world.connection().await;
        if path.starts_with("/cancel") {
            world.cancel(&pushed).await;
        }
        let odd = "charsets: utf-8\r\nContent_Type: text/html\r\nX-Something: \u{fc}\r\n";
        let expecting =
            format!("{}{odd}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n", head(method, path), body.len());
        let (interim, _) = asked(&mut connection, &expecting).await;
        assert!(interim.starts_with("http/1.1 100 "), "{path}: {interim}");
        assert!(asked(&mut connection, &body).await.0.starts_with("http/1.1 200 "), "{path}");

        let (one, other) = body.split_at(7);
        let chunks = format!("7\r\n{one}\r\n{:x};ext=1\r\n{other}\r\n0\r\n\r\n", other.len());
        let chunked = format!("{}{odd}Transfer-Encoding: chunked\r\n\r\n{chunks}", head(method, path));
        assert!(asked(&mut connection, &chunked).await.0.starts_with("http/1.1 200 "), "{path}");
    }
    // Whoever is refused does not send in vain.
    let stranger = head("PUT", "/configData").replace(TOKEN, "wrong");
    let (refused, _) =
        asked(&mut world.connection().await, &format!("{stranger}Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"))
            .await;
    assert!(refused.starts_with("http/1.1 401 "), "{refused}");
}
