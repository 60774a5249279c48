//! JSON and CBOR, in either direction.

use otaria_core::push::PushState;
use reqwest::{RequestBuilder, Response};
use rstest::rstest;
use serde_json::{Value, json};

use crate::scratch::Engine;
use crate::world::World;

const CBOR: &str = "application/cbor";

fn cbor(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", CBOR).body(cbor4ii::serde::to_vec(Vec::new(), body).unwrap())
}

async fn from_cbor(response: Response) -> Value {
    assert_eq!(response.headers()["content-type"], CBOR);
    let length = response.content_length();
    let bytes = response.bytes().await.unwrap();
    assert_eq!(length, Some(bytes.len() as u64));
    cbor4ii::serde::from_slice(&bytes).unwrap()
}

#[rstest]
#[tokio::test]
async fn a_device_may_speak_cbor_all_along(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let config = json!({"mode": "merge", "data": {"board": "1.0", "cpus": 4}});
    assert_eq!(cbor(world.put("/configData"), &config).send().await.unwrap().status(), 200);
    assert_eq!(world.config().await, json!({"board": "1.0", "cpus": "4"}));

    let pushed = world.push("1.0").await;
    let get = async |path: &str| from_cbor(world.get(path).header("accept", CBOR).send().await.unwrap()).await;
    let poll = get("").await;
    let deployment = get(world.path(&poll["_links"], "deploymentBase")).await;
    assert_eq!(deployment, world.get("/deploymentBase/1").send().await.unwrap().json::<Value>().await.unwrap());
    assert_eq!(get("/softwaremodules/1/artifacts").await, deployment["deployment"]["chunks"][0]["artifacts"]);

    let says = async |path: &str, execution: &str, id: Value| {
        let body = json!({"id": id, "status": {"execution": execution, "result": {"finished": "none"}, "x": [1]}});
        cbor(world.post(path), &body).send().await.unwrap().status()
    };
    assert_eq!(says("/deploymentBase/1/feedback", "download", json!(7)).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Downloading);
    world.cancel(&pushed).await;
    assert_eq!(get("/cancelAction/1").await, json!({"id": "1", "cancelAction": {"stopId": "1"}}));
    assert_eq!(says("/cancelAction/1/feedback", "closed", json!("")).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Cancelled);
    assert!(world.unreadable().await.is_empty());
}

#[rstest]
#[tokio::test]
async fn a_body_is_what_it_is_and_not_what_it_is_declared_to_be(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let put = async |declared: &'static str, body: &[u8]| {
        let response = world.put("/configData").header("content-type", declared).body(body.to_vec());
        response.send().await.unwrap().status()
    };
    for declared in [CBOR, "application/hal+json", "text/html", "garbage"] {
        assert_eq!(put(declared, b" {\"data\":{\"a\":\"json\"}}").await, 200, "{declared}");
        assert_eq!(world.config().await["a"], "json");
        assert_eq!(put(declared, b"\xa1\x64data\xa1\x61a\x64cbor").await, 200, "{declared}");
        assert_eq!(world.config().await["a"], "cbor");
    }
    for body in [&b"\xa1\x64data\xa1\x61a\x64cb"[..], b"\x64text", b"", b"[]", b"\xff"] {
        assert_eq!(put(CBOR, body).await, 400, "{body:?}");
    }
    assert_eq!(world.unreadable().await.len(), 5);
}

#[rstest]
#[tokio::test]
async fn the_device_chooses_and_what_it_has_is_not_sent_again(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    let path = "/deploymentBase/1";
    let mut tags = Vec::new();
    for (accept, media_type) in [
        (None, "application/hal+json"),
        (Some("application/json"), "application/json"),
        (Some("application/cbor, application/json"), CBOR),
        (Some("application/json, application/cbor"), "application/json"),
        (Some("application/json;q=0.5, application/cbor;q=0.6"), CBOR),
        (Some("*/*"), "application/hal+json"),
    ] {
        let ask = || accept.iter().fold(world.get(path), |request, accept| request.header("accept", *accept));
        let response = ask().send().await.unwrap();
        assert_eq!(response.headers()["content-type"], media_type, "{accept:?}");
        let tag = response.headers()["etag"].clone();
        let known = ask().header("if-none-match", &tag).send().await.unwrap();
        assert_eq!((known.status().as_u16(), &known.headers()["etag"]), (304, &tag));
        assert!(known.bytes().await.unwrap().is_empty());
        tags.push((media_type, tag));
    }
    assert_ne!(tags[1].1, tags[2].1, "what is written differently has another tag");
    assert_eq!(tags[2].1, tags[4].1);
    for accept in ["text/html", "application/cbor;q=0"] {
        assert_eq!(world.get(path).header("accept", accept).send().await.unwrap().status(), 406, "{accept}");
    }
}
