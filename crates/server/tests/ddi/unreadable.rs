//! What a device sends that cannot be read as it is, is kept for those who look after it.

use std::time::Duration;

use otaria_core::unreadable::{EXCERPT, KEPT, Outcome};
use reqwest::Response;
use rstest::rstest;
use serde_json::json;

use crate::scratch::Engine;
use crate::world::{DEVICE, TOKEN, World};

const FEEDBACK: &str = "/deploymentBase/1/feedback";

async fn put(world: &World, body: impl Into<Vec<u8>>) -> Response {
    world.put("/configData").header("content-type", "application/json").body(body.into()).send().await.unwrap()
}

#[rstest]
#[tokio::test]
async fn what_was_sent_can_be_seen(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    assert_eq!(put(&world, "{\"data\":{\"a\":\"b\nc\"}}").await.status(), 200);
    assert_eq!(put(&world, "{\"data\":1}\x01").await.status(), 400);
    let closed = r#"{"status":{"execution":"closed","result":{"finished":"maybe"}}}"#;
    assert_eq!(world.post(FEEDBACK).body(closed).send().await.unwrap().status(), 400);
    assert_eq!(world.get("").header("accept", "text/html").send().await.unwrap().status(), 406);
    assert_eq!(world.get("/deploymentBase/x?c=y").send().await.unwrap().status(), 400);
    assert_eq!(put(&world, vec![b' '; 300_000]).await.status(), 413);
    // What is in order is not kept, nor that somebody asks for what is not there.
    assert_eq!(world.configures(json!({"data": {"a": "b"}})).await, 200);
    assert_eq!(world.get("/deploymentBase/9").send().await.unwrap().status(), 404);
    assert_eq!(world.says(9, "closed", "success", &["words"]).await, 404);
    assert_eq!(world.feedback("/cancelAction/1/feedback", "closed", "success", &[]).await, 405);

    let sent = world.unreadable().await;
    let shown: Vec<_> = sent.iter().rev().map(|one| (one.request.as_str(), one.outcome, one.times)).collect();
    assert_eq!(
        shown,
        [
            ("PUT /configData", Outcome::Repaired, 1),
            ("PUT /configData", Outcome::Refused, 1),
            ("POST /deploymentBase/1/feedback", Outcome::Refused, 1),
            ("GET /", Outcome::Refused, 1),
            ("GET /deploymentBase/x", Outcome::Refused, 1),
            ("PUT /configData", Outcome::Refused, 1),
            ("POST /deploymentBase/9/feedback", Outcome::Refused, 1),
            ("POST /cancelAction/1/feedback", Outcome::Refused, 1),
        ]
    );
    let reasons = [
        "control characters",
        "no JSON",
        r#"finished "maybe""#,
        "Accept: text/html",
        "integer",
        "262144",
        "no such action",
        "",
    ];
    for (one, reason) in sent.iter().rev().zip(reasons) {
        assert!(one.reason.contains(reason), "{one:?}");
    }
    let [.., first] = sent.as_slice() else { panic!("nothing was kept") };
    assert_eq!(first.body, "{\"data\":{\"a\":\"b\nc\"}}");
    assert_eq!(
        (sent[6].body.as_str(), sent[6].media_type.as_deref()),
        (r#"{"data":1}\x01"#, Some("application/json"))
    );
    assert_eq!(sent[5].media_type, None);
    assert_eq!((sent[2].body.as_str(), sent[2].length), ("", 0), "it was not even taken");
    assert!(sent[1].body.contains("words"));

    let pieces = futures::stream::iter((0..300).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1000])));
    let body = reqwest::Body::wrap_stream(pieces);
    assert_eq!(world.put("/configData").body(body).send().await.unwrap().status(), 413);
    let sent = world.unreadable().await;
    assert_eq!(sent[0].body.len(), EXCERPT);
    assert!(sent[0].length > 256 * 1024);
}

#[rstest]
#[tokio::test]
async fn a_device_that_says_it_again_and_again_is_counted(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let first = world.now();
    for round in 0..3 {
        for second in 0..20 {
            let body = format!(r#"{{"time":"20261122T1843{second:02}","round":{round},"data":[]}}"#);
            assert_eq!(put(&world, body).await.status(), 400);
        }
        world.wait(Duration::from_secs(60));
        let sent = world.unreadable().await;
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert_eq!((sent[0].times, sent[0].first), (20 * (round + 1), first));
        assert!(sent[0].body.contains(&format!("T184319\",\"round\":{round}")), "the latest is shown");
    }
    for number in 0..KEPT + 3 {
        assert_eq!(put(&world, format!(r#"{{"data":"{}"}}"#, "x".repeat(number))).await.status(), 400);
        if number % 5 == 0 {
            world.unreadable().await;
        }
    }
    let sent = world.unreadable().await;
    assert_eq!(sent.len(), KEPT);
    assert!(
        sent[0].body.contains(&"x".repeat(KEPT + 2)) && sent[KEPT - 1].body.contains("\"xxx\""),
        "the last ones stay"
    );
}

#[rstest]
#[tokio::test]
async fn no_credential_is_kept_nor_what_strangers_send(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    assert_eq!(put(&world, format!(r#"{{"token":"{TOKEN}","data":"{TOKEN}""#)).await.status(), 400);
    // One of somebody else's is known by how it begins.
    let somebody_elses = format!("ota_rt_{}", "-aZ_0".repeat(8) + "xyz");
    assert_eq!(put(&world, format!(r#"{{"data":["{somebody_elses}x","ota_rt_"]"#)).await.status(), 400);
    let path = format!("/deploymentBase/{somebody_elses}");
    assert_eq!(world.get(&path).send().await.unwrap().status(), 400);
    let stranger = world.get_without_token("/DEFAULT/controller/v1/dev-7/deploymentBase/x");
    assert_eq!(stranger.header("authorization", "TargetToken wrong").send().await.unwrap().status(), 401);
    let basic = data_encoding::BASE64.encode(format!("{DEVICE}:{TOKEN}").as_bytes());
    let escaped: String = TOKEN.bytes().map(|byte| format!("\\u00{byte:02X}")).collect();
    let percent: String = TOKEN.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for spelt in [basic.clone(), basic.trim_end_matches('=').to_owned(), escaped, percent, TOKEN.to_uppercase()] {
        assert_eq!(put(&world, format!(r#"{{"data":["{spelt}"]"#)).await.status(), 400);
        assert_eq!(world.unreadable().await[0].body, r#"{"data":["***"]"#, "{spelt}");
    }
    let sent = world.unreadable().await.split_off(1);
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[0].request, "GET /deploymentBase/***");
    assert_eq!(sent[1].body, r#"{"data":["***x","ota_rt_"]"#);
    assert_eq!(sent[2].body, r#"{"token":"***","data":"***""#);
}

#[rstest]
#[tokio::test]
async fn bad_links_push_out_no_body(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    assert_eq!(put(&world, r#"{"data":"a"}"#).await.status(), 400);
    assert_eq!(world.post(FEEDBACK).body("{}").send().await.unwrap().status(), 400);
    for round in 0..2 {
        for letter in 'a'..='z' {
            assert_eq!(world.get(&format!("/deploymentBase/{letter}")).send().await.unwrap().status(), 400);
        }
        let sent = world.unreadable().await;
        assert_eq!(sent.len(), KEPT, "{round}");
        assert_eq!(sent[KEPT - 1].body, r#"{"data":"a"}"#);
        assert_eq!(sent[KEPT - 2].body, "{}");
        assert_eq!(sent[0].request, "GET /deploymentBase/z");
    }
    // Nor does one problem push out another.
    for letter in 'a'..='z' {
        assert_eq!(put(&world, format!("{letter}")).await.status(), 400);
    }
    let sent = world.unreadable().await;
    assert_eq!(sent[0].body, "z");
    assert!(["{}", r#"{"data":"a"}"#].iter().all(|body| sent.iter().any(|one| one.body == *body)), "{sent:?}");
}
