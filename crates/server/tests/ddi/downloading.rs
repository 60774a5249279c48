//! The bytes of an update.

use std::time::Duration;

use otaria_core::FirmwareType;
use otaria_core::push::PushState;
use rstest::rstest;
use serde_json::Value;

use crate::scratch::Engine;
use crate::world::{DEVICE, TOKEN, World};

const FILE: &str = "/softwaremodules/1/artifacts/root%20fs%2B1.swu";

#[rstest]
#[tokio::test]
async fn a_look_writes_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    let response = world.head(FILE).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert_eq!(headers["content-length"], "1000000");
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert_eq!(headers["accept-ranges"], "bytes");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["content-disposition"], "attachment; filename=\"root fs+1.swu\"");
    assert_eq!(headers["etag"].len(), 66);
    let list: Value = world.get("/softwaremodules/1/artifacts").send().await.unwrap().json().await.unwrap();
    assert_eq!(list[0]["filename"], "root fs+1.swu");
    assert_eq!(list[0]["hashes"]["sha256"], headers["etag"].to_str().unwrap().trim_matches('"'));
    assert!(world.path(&list[0]["_links"], "md5sum-http").ends_with(".swu.MD5SUM"));
    let sum = world.get(&format!("{FILE}.MD5SUM")).header("Accept", "image/png").send().await.unwrap();
    assert_eq!(sum.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(sum.text().await.unwrap(), format!("{}  root fs+1.swu", list[0]["hashes"]["md5"].as_str().unwrap()));
    assert_eq!(world.state(&pushed).await, PushState::Offered);
}

#[rstest]
#[tokio::test]
async fn a_download_goes_on_where_it_stopped(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    let etag = world.head(FILE).send().await.unwrap().headers()["etag"].clone();
    for (range, content_range, bytes) in [
        ("bytes=700000-", "bytes 700000-999999/1000000", &world.bytes[700_000..]),
        ("bytes=0-0", "bytes 0-0/1000000", &world.bytes[..1]),
        ("bytes=131072-262143", "bytes 131072-262143/1000000", &world.bytes[131_072..262_144]),
        ("bytes=-5", "bytes 999995-999999/1000000", &world.bytes[999_995..]),
    ] {
        let response = world.get(FILE).header("Range", range).header("If-Range", &etag).send().await.unwrap();
        assert_eq!(response.status(), 206, "{range}");
        assert_eq!(response.headers()["content-range"], content_range);
        assert_eq!(response.headers()["content-length"], bytes.len().to_string().as_str());
        assert_eq!(response.headers()["etag"], etag);
        assert_eq!(response.bytes().await.unwrap(), bytes);
    }
    let beyond = world.get(FILE).header("Range", "bytes=1000000-").send().await.unwrap();
    assert_eq!(beyond.status(), 416);
    assert_eq!(beyond.headers()["content-range"], "bytes */1000000");
    for malformed in ["bytes=5-4", "bytes=a-b", "bytes=", "bytes=--1", "bytes=0 - 1"] {
        let refused = world.get(FILE).header("Range", malformed).send().await.unwrap();
        assert_eq!(refused.status(), 416, "{malformed}");
        assert_eq!(refused.headers()["content-range"], "bytes */1000000");
        let stale = world.get(FILE).header("Range", malformed).header("If-Range", "\"old\"").send().await.unwrap();
        assert_eq!(stale.status(), 200, "{malformed} of something else");
        let head = world.head(FILE).header("Range", malformed).send().await.unwrap();
        assert_eq!(head.status(), 200, "{malformed} concerns GET only");
    }
    for (name, value) in [("Range", "lines=5-4"), ("Range", "lines=1-2"), ("If-Match", "*")] {
        let whole = world.get(FILE).header(name, value).send().await.unwrap();
        assert_eq!((whole.status().as_u16(), whole.headers()["content-length"].len()), (200, 7), "{value}");
        assert!(!whole.headers().contains_key("transfer-encoding"));
    }
    let stale = world.get(FILE).header("Range", "bytes=5-").header("If-Range", "\"old\"").send().await.unwrap();
    assert_eq!(stale.status(), 200);
    let known = world.get(FILE).header("If-None-Match", &etag).send().await.unwrap();
    assert_eq!((known.status().as_u16(), known.headers()["etag"] == etag), (304, true));
    assert_eq!(world.get(FILE).header("If-Match", "\"old\"").send().await.unwrap().status(), 412);
    assert_eq!(world.state(&pushed).await, PushState::Downloading);
}

#[rstest]
#[tokio::test]
async fn several_ranges_come_in_one_answer(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    let ask = |range: String| world.get(FILE).header("Range", range).send();
    let ranges = [500_000..800_000, 0..10, 999_999..1_000_000];
    let response = ask("bytes=500000-799999, 0-9, 4000000-, -1".into()).await.unwrap();
    assert_eq!(response.status(), 206);
    assert!(!response.headers().contains_key("content-range") && response.headers().contains_key("etag"));
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let announced: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let body = response.bytes().await.unwrap();
    let mut expected = Vec::new();
    for range in ranges {
        let (first, last) = (range.start, range.end - 1);
        let head = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {first}-{last}/1000000\r\n\r\n"
        );
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(&world.bytes[range]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!((body.len(), body == expected), (announced, true));
    let merged = ask("bytes=0-9,10-14".into()).await.unwrap();
    assert_eq!(
        (merged.status().as_u16(), &merged.headers()["content-range"]),
        (206, &"bytes 0-14/1000000".parse().unwrap())
    );
    assert_eq!(merged.bytes().await.unwrap(), &world.bytes[..15]);
    assert_eq!(ask("bytes=0-9,5-14".into()).await.unwrap().status(), 416);
    assert_eq!(ask("bytes=1000000-,-0".into()).await.unwrap().status(), 416);
    assert_eq!(ask(format!("bytes=0-{}", ",0-".repeat(1000))).await.unwrap().status(), 416);
    let head = world.head(FILE).header("Range", "bytes=0-9,20-29").send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-length"]), (200, &"1000000".parse().unwrap()));
}

#[rstest]
#[tokio::test]
async fn bytes_that_are_lost_are_gone(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    world.lose_all_bytes().await;
    for request in [world.get(FILE), world.get(FILE).header("Range", "bytes=5-9")] {
        assert_eq!(request.send().await.unwrap().status(), 410);
    }
}

#[rstest]
#[tokio::test]
async fn only_the_first_range_is_written_down(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    world.get(FILE).header("Range", "bytes=0-9").send().await.unwrap();
    let (record, history) = (world.record(&pushed).await, world.history(&pushed).await.len());
    assert_eq!(record.state, PushState::Downloading);
    for _ in 0..20 {
        world.wait(Duration::from_secs(1));
        assert_eq!(world.get(FILE).header("Range", "bytes=10-19").send().await.unwrap().status(), 206);
    }
    assert_eq!(world.record(&pushed).await, record);
    assert_eq!(world.history(&pushed).await.len(), history);
}

#[rstest]
#[tokio::test]
async fn any_name_gets_the_one_file(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    let response = world.get("/softwaremodules/1/artifacts/else.bin").send().await.unwrap();
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"else.bin\"");
    assert_eq!(response.bytes().await.unwrap(), world.bytes);
}

#[rstest]
#[case("/softwaremodules/1/artifacts/a.swu", "DEFAULT/controller/v1", "TargetToken ")]
#[case("/types/5", "DEFAULT/direct/v1", "TargetToken ")]
#[tokio::test]
async fn a_device_that_takes_bytes_is_heard_of(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
    #[case] path: &str,
    #[case] base: &str,
    #[case] scheme: &str,
) {
    let world = World::on(engine).await;
    // More than any system keeps of what a client has yet to take.
    let bytes = vec![7; 32 * 1024 * 1024];
    world.push_bytes(FirmwareType::HUB, "1.0", &bytes).await;
    let request = world.get_without_token(&format!("/{base}/{DEVICE}{path}"));
    let mut response = request.header("authorization", format!("{scheme}{TOKEN}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut taken = response.chunk().await.unwrap().unwrap().len();
    let begun = world.now();
    world.wait(Duration::from_secs(7200));
    while let Some(chunk) = response.chunk().await.unwrap() {
        taken += chunk.len();
    }
    assert_eq!(taken, bytes.len());
    world.service.flush_sightings().await.unwrap();
    assert_eq!(world.shown().await.last_seen, Some(world.now()), "not at {begun:?}");
}
