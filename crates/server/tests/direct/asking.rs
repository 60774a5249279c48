//! The question and its answer.

use otaria_core::FirmwareType;
use otaria_core::push::PushState;
use reqwest::Method;
use rstest::rstest;

use crate::scratch::Engine;
use crate::world::World;
use crate::{APPLICATION, bytes, md5, sha256};

#[rstest]
#[tokio::test]
async fn an_image_comes_whole_and_with_its_digests(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.asks_in_vain(&[]).await;
    let pushed = world.publish("1.1").await;
    let expected = bytes("1.1");
    for method in [Method::HEAD, Method::GET] {
        assert_eq!(world.state(&pushed).await, PushState::Offered, "who only looks moves nothing");
        let response = world.asks_with(method.clone(), APPLICATION, &[]).await;
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        assert_eq!(headers["content-length"], "100000");
        assert_eq!(headers["content-type"], "application/octet-stream");
        assert_eq!(headers["x-md5"], md5(&expected).as_str());
        assert_eq!(headers["x-sha256"], sha256(&expected).as_str());
        assert_eq!(headers["etag"], format!("\"{}\"", sha256(&expected)).as_str());
        for absent in ["transfer-encoding", "content-encoding", "location"] {
            assert!(!headers.contains_key(absent), "{absent}");
        }
        let body = response.bytes().await.unwrap();
        assert_eq!(body, if method == Method::GET { expected.clone() } else { Vec::new() });
    }
    assert_eq!(world.state(&pushed).await, PushState::Downloading);
    assert_eq!(world.told(&pushed).await, ["offered", "downloading"]);
}

#[rstest]
#[tokio::test]
async fn the_type_in_the_path_decides(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let own = FirmwareType::from_number(101).unwrap();
    let application = world.publish("1.1").await;
    let files = world.push_bytes(own, "7", &bytes("7")).await;
    let spiffs = [("x-ESP32-mode", "spiffs"), ("x-ESP32-version", "6"), ("x-ESP32-free-space", "1")];
    assert_eq!(world.asks_with(Method::GET, own, &spiffs).await.status(), 304, "one after the other");
    world.gets("1.0", "1.1").await;
    world.rests("1.1").await;
    assert_eq!(world.state(&application).await, PushState::Succeeded);
    let response = world.asks_with(Method::GET, own, &spiffs).await;
    assert_eq!(response.bytes().await.unwrap(), bytes("7"), "the room is of another partition");
    assert_eq!(world.asks_with(Method::GET, own, &[("x-ESP32-version", "7")]).await.status(), 304);
    assert_eq!(world.state(&files).await, PushState::Succeeded);
    assert_eq!(world.installed(own).await, Some(files.number));
    for (number, status) in [("0", 404), ("201", 404), ("x", 404), ("150", 404), ("99", 404), ("5", 304)] {
        let path = format!("/lamps/direct/v1/{}/types/{number}", crate::DEVICE);
        let request = world.without_token(Method::GET, &path).basic_auth(crate::DEVICE, Some(crate::TOKEN));
        assert_eq!(request.send().await.unwrap().status(), status, "{number}");
    }
}

#[rstest]
#[tokio::test]
async fn a_boot_loader_resumes_and_may_say_what_it_has(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.publish("1.1").await;
    let etag = format!("\"{}\"", sha256(&bytes("1.1")));
    for (range, expected) in [("bytes=0-49999", 0..50_000), ("bytes=50000-", 50_000..100_000)] {
        let expected = bytes("1.1")[expected].to_vec();
        let response = world.asks(&[("range", range), ("if-range", &etag)]).await;
        assert_eq!(response.status(), 206);
        assert_eq!(response.headers()["x-md5"], md5(&bytes("1.1")).as_str(), "of the whole");
        assert_eq!(response.bytes().await.unwrap(), expected);
    }
    assert_eq!(world.asks(&[("range", "bytes=100000-")]).await.status(), 416);
    let (record, told) = (world.record(&pushed).await, world.told(&pushed).await);
    assert_eq!(told, ["offered", "downloading"], "one download in two parts");
    for _ in 0..10 {
        let response = world.asks(&[("if-none-match", &etag)]).await;
        assert_eq!((response.status().as_u16(), response.headers()["etag"].to_str().unwrap()), (304, etag.as_str()));
    }
    assert_eq!(world.record(&pushed).await, record, "to have it is not to run it");
}

#[rstest]
#[tokio::test]
async fn a_resumed_download_counts_though_it_never_began_here(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let pushed = world.publish("1.1").await;
    assert_eq!(world.asks(&[("range", "bytes=50000-")]).await.status(), 206);
    assert_eq!(world.state(&pushed).await, PushState::Downloading);
    for _ in 0..10 {
        assert_eq!(world.asks(&[("range", "bytes=50000-")]).await.status(), 206);
    }
    assert_eq!(world.told(&pushed).await, ["offered", "downloading"]);
}
