//! The bytes of an update.

use std::time::Duration;

use otaria_core::push::PushState;
use rstest::rstest;
use serde_json::Value;

use crate::scratch::Engine;
use crate::world::World;

const FILE: &str = "/softwaremodules/1/artifacts/root%20fs%2B1.swu";

#[rstest]
#[tokio::test]
async fn a_look_writes_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
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
    let Some(world) = World::on(engine).await else { return };
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
    for (name, value) in [("Range", "bytes=0-1,4-5"), ("Range", "lines=1-2"), ("If-Match", "*")] {
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
async fn only_the_first_range_is_written_down(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let Some(world) = World::on(engine).await else { return };
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
    let Some(world) = World::on(engine).await else { return };
    world.push("1.0").await;
    let response = world.get("/softwaremodules/1/artifacts/else.bin").send().await.unwrap();
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"else.bin\"");
    assert_eq!(response.bytes().await.unwrap(), world.bytes);
}
