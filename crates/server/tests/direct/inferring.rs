//! What is read from a question.

use otaria_core::VersionNumber;
use otaria_core::push::PushState;
use reqwest::Method;
use rstest::rstest;
use sha2::Digest as _;

use crate::scratch::Engine;
use crate::world::World;
use crate::{APPLICATION, bytes, md5, sha256};

#[rstest]
#[tokio::test]
async fn a_device_that_reports_the_new_version_has_succeeded(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let old = world.publish("1.0").await;
    world.rests("1.0").await;
    assert_eq!(world.state(&old).await, PushState::Succeeded, "it came with it");
    assert_eq!(world.installed(APPLICATION).await, Some(old.number));

    let new = world.publish("1.1").await;
    world.gets("1.0", "1.1").await;
    assert_eq!(world.state(&new).await, PushState::Downloading);
    world.rests("1.1").await;
    assert_eq!(world.state(&new).await, PushState::Succeeded);
    assert_eq!(world.installed(APPLICATION).await, Some(new.number));
    let told = world.told(&new).await;
    assert_eq!(
        told[1..],
        ["downloading".into(), format!("succeeded: the device runs version number {}", new.number)]
    );

    world.rests("1.0").await;
    assert_eq!(world.installed(APPLICATION).await, Some(old.number), "it went back by itself");
    assert_eq!(world.state(&new).await, PushState::Succeeded, "ended is final");
}

#[rstest]
#[case::number(|_: &str, number: VersionNumber| ("x-esp8266-version", number.to_string()))]
#[case::md5(|version: &str, _: VersionNumber| ("x-esp8266-sketch-md5", md5(&bytes(version))))]
#[case::sha256(|version: &str, _: VersionNumber| ("x-esp32-sketch-sha256", sha256(&bytes(version)).to_uppercase()))]
#[tokio::test]
async fn a_number_or_a_digest_says_as_much(
    #[case] said: fn(&str, VersionNumber) -> (&'static str, String),
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let old = world.publish("a").await;
    let (name, value) = said("a", old.number);
    world.asks_in_vain(&[(name, &value)]).await;
    assert_eq!(world.installed(APPLICATION).await, Some(old.number));
    let new = world.publish("b").await;
    assert_eq!(world.asks(&[(name, &value)]).await.bytes().await.unwrap(), bytes("b"));
    let (name, value) = said("b", new.number);
    world.asks_in_vain(&[(name, &value)]).await;
    assert_eq!(world.state(&new).await, PushState::Succeeded);
}

#[rstest]
#[tokio::test]
async fn the_digest_at_the_end_of_an_image_is_what_an_esp32_reports(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let mut image = bytes("1.1");
    let seal = sha2::Sha256::digest(&image);
    image.extend_from_slice(&seal);
    let pushed = world.push_bytes(APPLICATION, "1.1", &image).await;
    let unknown = [("x-esp32-sketch-sha256", "00".repeat(32)), ("x-esp32-version", "0".into())];
    let unknown = unknown.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(world.asks(&unknown).await.bytes().await.unwrap(), image);
    let seal = data_encoding::HEXUPPER.encode(&seal);
    world.asks_in_vain(&[("x-esp32-sketch-sha256", &seal), ("x-esp32-version", "0")]).await;
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
    assert_eq!(world.installed(APPLICATION).await, Some(pushed.number));
}

#[rstest]
#[tokio::test]
async fn a_known_digest_is_believed_before_a_version(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.publish("1.0").await;
    world.rests("1.0").await;
    let new = world.publish("1.1").await;
    let old = md5(&bytes("1.0"));
    let lying = [("x-esp8266-version", "1.1"), ("x-esp8266-sketch-md5", old.as_str())];
    assert_eq!(world.asks(&lying).await.status(), 200, "the new version's name on the old program");
    assert_eq!(world.state(&new).await, PushState::Downloading);
    let digest = md5(&bytes("1.1"));
    world.asks_in_vain(&[("x-esp8266-version", "1.0"), ("x-esp8266-sketch-md5", &digest)]).await;
    assert_eq!(world.state(&new).await, PushState::Succeeded);
}

#[rstest]
#[tokio::test]
async fn only_news_is_written(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.publish("1.0").await;
    let head = world.asks_with(Method::HEAD, APPLICATION, &[("x-esp32-version", "1.0")]).await;
    assert_eq!((head.status().as_u16(), world.state(&pushed).await), (304, PushState::Offered), "it only looked");
    world.rests("1.0").await;
    let (versions, told) = (world.shown().await.versions, world.told(&pushed).await);
    assert_eq!(told.len(), 2);
    for _ in 0..5 {
        world.wait(std::time::Duration::from_secs(60));
        world.rests("1.0").await;
        world.rests("something else").await;
        world.asks_in_vain(&[]).await;
    }
    assert_eq!(world.shown().await.versions, versions, "with the time since when it is known");
    assert_eq!(world.told(&pushed).await, told);
}

#[rstest]
#[tokio::test]
async fn what_other_devices_have_is_not_claimed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let hub = world.push("9.9").await;
    world.rests("9.9").await;
    assert_eq!(world.installed(APPLICATION).await, None, "that is a version of another type");
    assert_eq!(world.state(&hub).await, PushState::Offered);
}

#[rstest]
#[tokio::test]
async fn there_is_no_downgrade(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let old = world.publish("1.0").await;
    world.gets("0.9", "1.0").await;
    world.associates(APPLICATION, "2.0", &bytes("2.0")).await;
    let later = VersionNumber::from_i64(old.number.as_i64() + 1);
    let configured = serde_json::json!({"data": {"otaria.version.3": later.to_string()}});
    assert_eq!(world.configures(configured).await, 200);
    world.rests("0.9").await;
    assert_eq!(world.state(&old).await, PushState::Superseded);
}
