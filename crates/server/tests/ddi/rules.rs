//! The rules that clients in the field impose on the server: a function each, by its number in the protocol's notes.

use otaria_core::FirmwareType;
use otaria_core::maintenance::{Maintenance, Outside, Window, WindowClock};
use otaria_core::policy::Policy;
use otaria_core::push::PushState;
use otaria_core::unreadable::Outcome;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::scratch::Engine;
use crate::world::{DEVICE, Pushed, TOKEN, World};

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
    let world = World::on(engine).await;
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
    let world = World::on(engine).await;
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
    let world = World::on(engine).await;
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
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    let lines: Vec<String> = (0..120).map(|number| format!("<b>{number}</b>{}", "x".repeat(1500))).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(world.says(1, "proceeding", "none", &lines).await, 200);
    let said = world.latest(&pushed).await.details;
    assert!(said.len() == 16 && said.last().unwrap().starts_with("<b>119</b>x"), "the last lines stay, with markup");
    assert!(said.iter().all(|line| line.chars().count() >= 512), "{}", said[0].len());

    // Of what is too long for a body the beginning does, and of what is no JSON the words that matter.
    let long = "x".repeat(300_000);
    let quoted = format!(
        r#"{{"status":{{"execution":"proceeding","result":{{"finished":"none"}},"details":["open "{long}""]}}}}"#
    );
    for body in [&quoted, &quoted[..200]] {
        assert_eq!(
            world.post("/deploymentBase/1/feedback").body(body.to_owned()).send().await.unwrap().status(),
            200
        );
        assert!(world.latest(&pushed).await.message.unwrap().contains("proceeding"));
    }

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
    assert!(history.len() <= 1_000 + PushState::ALL.len(), "{}", history.len());
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
    let world = World::on(engine).await;
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
    let world = World::on(engine).await;
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
    let world = World::on(engine).await;
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
    let world = World::on(engine).await;
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

#[rstest]
#[tokio::test]
async fn r1_an_action_is_named_by_a_positive_number_below_two_to_the_31(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    let shown: Value = world.get("/deploymentBase/1").send().await.unwrap().json().await.unwrap();
    assert_eq!(shown["id"].as_str().unwrap().parse::<i32>().unwrap(), pushed.action);
    world.cancel(&pushed).await;
    let cancel: Value = world.get("/cancelAction/1").send().await.unwrap().json().await.unwrap();
    assert_eq!(cancel, json!({"id": "1", "cancelAction": {"stopId": "1"}}));
    for none in ["0", "-1", "2147483648", "99999999999999999999"] {
        assert_eq!(world.get(&format!("/deploymentBase/{none}")).send().await.unwrap().status(), 404, "{none}");
    }
}

#[rstest]
#[case::plain("http://ota.example", &["download-http", "md5sum-http"])]
#[case::over_tls("https://ota.example", &["download", "download-http", "md5sum", "md5sum-http"])]
#[tokio::test]
async fn r9_links_are_absolute_and_have_both_names_over_tls(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] public_url: &str,
    #[case] names: &[&str],
) {
    let set = |raw: &mut otaria_server::RawSettings| raw.public_url = Some(public_url.to_owned());
    let world = World::with(engine, set).await;
    world.push("1.0").await;
    let shown: Value = world.get("/deploymentBase/1").send().await.unwrap().json().await.unwrap();
    let links = shown["deployment"]["chunks"][0]["artifacts"][0]["_links"].as_object().unwrap();
    assert_eq!(links.keys().map(String::as_str).collect::<Vec<_>>(), names);
    for (name, link) in links {
        let href = link["href"].as_str().unwrap();
        let start = format!("{public_url}/DEFAULT/controller/v1/{DEVICE}/softwaremodules/1/artifacts/");
        assert!(href.starts_with(&start), "{name}: {href}");
    }
}

#[rstest]
#[tokio::test]
async fn r10_a_tenant_is_found_without_case_and_links_say_default(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    for tenant in ["DEFAULT", "default", "DeFault", "LAMPS", "lamps"] {
        let url = world.base().replace("/DEFAULT/", &format!("/{tenant}/"));
        let answer = reqwest::Client::new().get(url).header("Authorization", format!("TargetToken {TOKEN}"));
        let answer: Value = answer.send().await.unwrap().json().await.unwrap();
        assert_eq!(world.path(&answer["_links"], "configData"), "/configData", "{tenant}");
    }
}

#[rstest]
#[tokio::test]
async fn r11_one_chunk_with_one_artifact_and_a_part_by_firmware_type(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let own = FirmwareType::from_number(120).unwrap();
    world.own_type(own, "motorFw").await;
    let parts = [(FirmwareType::HUB, "os"), (FirmwareType::APPLICATION, "bApp"), (own, "motorFw")];
    for (action, (firmware_type, part)) in (1..).zip(parts) {
        world.push_type(firmware_type, "1.0").await;
        let shown: Value =
            world.get(&format!("/deploymentBase/{action}")).send().await.unwrap().json().await.unwrap();
        let chunks = shown["deployment"]["chunks"].as_array().unwrap();
        assert_eq!((chunks.len(), chunks[0]["artifacts"].as_array().unwrap().len()), (1, 1));
        assert_eq!(chunks[0]["part"], part);
        assert!(chunks[0]["artifacts"][0]["filename"].as_str().unwrap().ends_with(".swu"), "the extension stays");
        assert_eq!(world.says(action, "closed", "success", &[]).await, 200);
    }
}

#[rstest]
#[tokio::test]
async fn r12_artifacts_take_head_ranges_and_a_header_or_a_signed_query(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let signed = |raw: &mut otaria_server::RawSettings| raw.artifact_links = Some("signed".to_owned());
    let world = World::with(engine, signed).await;
    world.push("1.0").await;
    let shown: Value = world.get("/deploymentBase/1").send().await.unwrap().json().await.unwrap();
    let path = world.path(&shown["deployment"]["chunks"][0]["artifacts"][0]["_links"], "download-http");
    let (bare, _) = path.split_once('?').unwrap();
    let below_root = |path: &str| format!("/DEFAULT/controller/v1/{DEVICE}{path}");
    let size = world.bytes.len();
    for (by, request) in [("header", world.get(bare)), ("query", world.get_without_token(&below_root(path)))] {
        let whole = request.try_clone().unwrap().header("Accept-Encoding", "gzip").send().await.unwrap();
        assert_eq!(whole.status(), 200, "{by}");
        let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
        assert!(tag.starts_with('"') && tag.len() == 66, "the SHA-256: {tag}");
        assert!(whole.headers().get("content-encoding").is_none());
        assert_eq!(whole.headers()["accept-ranges"], "bytes");
        assert_eq!(whole.bytes().await.unwrap(), world.bytes, "{by}");
        for (range, status) in [("bytes=1-3", 206), ("bytes=0-0,5-6", 206), (&format!("bytes={size}-"), 416)] {
            let part = request.try_clone().unwrap().header("Range", range).send().await.unwrap();
            assert_eq!(part.status(), status, "{by} {range}");
        }
    }
    for (by, request) in [("header", world.head(bare)), ("query", world.head_without_token(&below_root(path)))] {
        let looked = request.send().await.unwrap();
        assert_eq!(
            (looked.status().as_u16(), looked.headers()["content-length"].to_str().unwrap()),
            (200, &*size.to_string()),
            "{by}"
        );
    }
    assert_eq!(world.get_without_token(&below_root(bare)).send().await.unwrap().status(), 401);
}

#[rstest]
#[tokio::test]
async fn r14_the_time_to_sleep_is_jittered_by_device_and_shorter_while_an_update_is_on_its_way(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let sleep = async || world.poll().await["config"]["polling"]["sleep"].as_str().unwrap().to_owned();
    let idle = sleep().await;
    assert_eq!(idle.len(), 8);
    assert!(("00:04:45"..="00:05:15").contains(&idle.as_str()), "{idle}");
    world.wait(std::time::Duration::from_secs(7));
    assert_eq!(sleep().await, idle, "the same for the same device, so that the answer need not be sent again");
    world.push("1.0").await;
    assert!(sleep().await.as_str() < "00:00:40");
}

#[rstest]
#[tokio::test]
async fn r15_outside_its_window_only_a_client_that_downloads_ahead_gets_a_link(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    for (outside, offered) in [(Outside::Withhold, false), (Outside::DownloadAhead, true)] {
        let world = World::on(engine).await;
        let windows = vec![Window { days: vec![], opens: "23:00".parse().unwrap(), minutes: 60 }];
        let clock = WindowClock::Fixed("UTC".parse().unwrap());
        let maintenance = Some(Maintenance { clock, windows, outside });
        world.wants(Policy { maintenance, ..Policy::default() }).await;
        world.push("1.0").await;
        for (agent, understands) in
            [("libcurl-agent/1.0", false), ("rauc-hawkbit-c-agent/1.0", true), ("curl/8.0", false), ("", false)]
        {
            let poll: Value = world.get("").header("User-Agent", agent).send().await.unwrap().json().await.unwrap();
            assert_eq!(!poll["_links"]["deploymentBase"].is_null(), offered && understands, "{agent} {outside:?}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn r16_late_feedback_is_kept_and_answered_200(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    world.says(1, "closed", "failure", &["no"]).await;
    assert_eq!(world.says(1, "proceeding", "none", &["still at it"]).await, 200);
    assert_eq!(world.says(1, "closed", "success", &["after all"]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Failed);
    assert_eq!(world.latest(&pushed).await.message.as_deref(), Some("after all"));
    assert_eq!(world.says(7, "closed", "success", &[]).await, 404, "it never had that");
}

#[rstest]
#[tokio::test]
async fn r17_a_burst_is_taken_whole(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    burst(&world, &pushed).await;
}

#[rstest]
#[tokio::test]
async fn r17_a_limit_of_polls_is_each_devices_own_and_leaves_feedback_alone(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::with(engine, |raw| raw.polls_per_minute = Some(7)).await;
    let pushed = world.push("1.0").await;
    let stranger = async || {
        let request = world.get_without_token(&format!("/DEFAULT/controller/v1/{DEVICE}"));
        request.header("Authorization", "TargetToken wrong").send().await.unwrap().status().as_u16()
    };
    for _ in 0..20 {
        assert_eq!(stranger().await, 401);
    }
    for _ in 0..7 {
        world.poll().await;
    }
    let (polled, ()) = tokio::join!(world.get("").send(), burst(&world, &pushed));
    let polled = polled.unwrap();
    assert_eq!((polled.status().as_u16(), polled.headers()["retry-after"].to_str().unwrap()), (429, "9"));
    assert_eq!(polled.headers()["content-length"], "0");
    assert_eq!(stranger().await, 401, "nobody learns how often it polled");
    assert_eq!(world.get("/deploymentBase/1").send().await.unwrap().status(), 200);
    assert!(world.unreadable().await.is_empty(), "there was nothing wrong with it");

    let gateway = world.gateway("plug and play", true).await;
    let other = reqwest::Client::new().get(world.base().replace(DEVICE, "dev-8"));
    let other = other.header("Authorization", format!("GatewayToken {gateway}")).send().await.unwrap();
    assert_eq!(other.status(), 200, "another device");

    world.wait(std::time::Duration::from_secs(8));
    assert_eq!(world.get("").send().await.unwrap().status(), 429);
    world.wait(std::time::Duration::from_secs(1));
    world.poll().await;
    assert_eq!(world.get("").send().await.unwrap().status(), 429, "one at a time");
    world.wait(std::time::Duration::from_secs(60));
    for _ in 0..7 {
        world.poll().await;
    }
}

/// Thirty pieces of feedback at once, each of which is taken.
async fn burst(world: &World, pushed: &Pushed) {
    let lines: Vec<String> = (0..30).map(|step| format!("{step} of 30")).collect();
    let posts = lines.iter().map(|line| {
        let status = json!({"execution": "proceeding", "result": {"finished": "none"}, "details": [line]});
        world.post(FEEDBACK).json(&json!({"status": status})).send()
    });
    for answer in futures::future::join_all(posts).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    let said: std::collections::BTreeSet<_> =
        world.history(pushed).await.into_iter().filter_map(|entry| entry.entry.message).collect();
    assert!(lines.iter().all(|line| said.contains(line)), "{said:?}");
}

#[rstest]
#[tokio::test]
async fn r18_states_are_kept_apart(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    use PushState::{Cancelled, Cancelling, Downloaded, Downloading, Fetched, Installed, Installing, Offered};

    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    let mut seen = vec![world.state(&pushed).await];
    world.get("/deploymentBase/1").send().await.unwrap();
    seen.push(world.state(&pushed).await);
    for (execution, details) in
        [("download", ""), ("downloaded", ""), ("proceeding", "writing"), ("proceeding", "All Chunks Installed.")]
    {
        world.says(1, execution, "none", &[details]).await;
        seen.push(world.state(&pushed).await);
    }
    world.says(1, "rejected", "none", &["not now"]).await;
    assert_eq!(world.state(&pushed).await, Installed, "a device that does not like it says no end");
    world.cancel(&pushed).await;
    seen.push(world.state(&pushed).await);
    world.feedback("/cancelAction/1/feedback", "closed", "success", &[]).await;
    seen.push(world.state(&pushed).await);
    let expected = [Offered, Fetched, Downloading, Downloaded, Installing, Installed, Cancelling, Cancelled];
    assert_eq!(seen, expected);
}

#[rstest]
#[tokio::test]
async fn r19_a_device_is_asked_again_what_it_is_after_a_success_and_every_few_days(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::with(engine, |raw| raw.config_data_seconds = Some(1000)).await;
    let asked = async || !world.poll().await["_links"]["configData"].is_null();
    assert!(asked().await, "a new one");
    assert_eq!(world.configures(json!({"data": {"hw": "3"}})).await, 200);
    assert!(!asked().await);
    world.push("1.0").await;
    world.says(1, "closed", "success", &[]).await;
    assert!(asked().await, "it may have become another");
    assert_eq!(world.configures(json!({"data": {"hw": "3"}})).await, 200);
    world.wait(std::time::Duration::from_secs(999));
    assert!(!asked().await);
    world.wait(std::time::Duration::from_secs(1));
    assert!(asked().await);
}

#[rstest]
#[tokio::test]
async fn r20_a_gateway_makes_an_unknown_device_where_it_may_and_a_wrong_token_is_401(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let (may, may_not) = (world.gateway("may register", true).await, world.gateway("may not", false).await);
    let poll = async |device: &str, token: &str| {
        let url = world.base().replace(DEVICE, device);
        let request = reqwest::Client::new().get(url).header("Authorization", format!("GatewayToken {token}"));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(poll("new-1", &may_not).await, 401, "not 404");
    assert_eq!(poll("new-1", "0123456789abcdef0123456789abcdef").await, 401);
    assert_eq!(poll("new-1", &may).await, 200, "plug and play");
    assert_eq!(poll("new-1", &may_not).await, 200, "it is known by now");
}

#[rstest]
#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_sent(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    for expect in ["", "Expect: 100-continue\r\n"] {
        let mut connection = world.connection().await;
        let request = format!("{}{expect}Content-Length: 262145\r\n\r\n", head("PUT", "/configData"));
        let (answer, _) = asked(&mut connection, &request).await;
        assert!(answer.starts_with("http/1.1 413 ") && answer.contains("\r\nconnection: close\r\n"), "{answer}");
        if !expect.is_empty() {
            assert_eq!(connection.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
        }
    }
    assert_eq!(world.unreadable().await[0].reason, "The body is too large: at most 262144 bytes are taken.");
}
