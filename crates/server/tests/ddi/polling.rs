//! The base resource.

use rstest::rstest;
use serde_json::json;

use crate::scratch::Engine;
use crate::world::World;

#[rstest]
#[tokio::test]
async fn an_idle_poll_has_nothing_to_do(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::with(engine, |raw| raw.poll_seconds = Some(19)).await;
    let first = world.poll().await;
    assert_eq!(first["_links"], json!({"configData": {"href": format!("{}/configData", world.base())}}));
    assert_eq!(world.configures(json!({"data": {"hw": "3"}})).await, 200);
    assert_eq!(world.poll().await, json!({"config": {"polling": {"sleep": "00:00:19"}}}));
}

#[rstest]
#[tokio::test]
async fn a_device_polls_faster_while_something_is_on_its_way(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::with(engine, |raw| raw.busy_poll_seconds = Some(7)).await;
    let sleep = world.poll().await["config"]["polling"]["sleep"].as_str().unwrap().to_owned();
    assert!(("00:04:45"..="00:05:15").contains(&sleep.as_str()), "{sleep}");
    world.push("1.0").await;
    assert_eq!(world.poll().await["config"]["polling"]["sleep"], "00:00:07");
}

#[rstest]
#[tokio::test]
async fn the_device_chooses_the_name_of_the_format(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    for (accept, expected) in [
        (None, "application/hal+json"),
        (Some("application/hal+json"), "application/hal+json"),
        (Some("application/json;charset=UTF-8"), "application/json"),
    ] {
        let mut request = world.get("");
        if let Some(accept) = accept {
            request = request.header("Accept", accept);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], expected);
    }
    let refused = world.get("").header("Accept", "text/html").send().await.unwrap();
    assert_eq!(refused.status(), 406);
}

#[rstest]
#[tokio::test]
async fn an_unchanged_answer_is_not_sent_again(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::with(engine, |raw| raw.poll_seconds = Some(10)).await;
    let first = world.get("").send().await.unwrap();
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "{tag}");
    let second = world.get("").header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(second.status(), 304);
    world.push("1.0").await;
    let third = world.get("").header("If-None-Match", &tag).send().await.unwrap();
    assert_eq!(third.status(), 200);
}

#[rstest]
#[tokio::test]
async fn other_methods_are_refused_by_name(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    for (response, allow) in [
        (world.post("").send().await, "GET,HEAD"),
        (world.post("/deploymentBase/1").send().await, "GET,HEAD"),
        (world.get("/deploymentBase/1/feedback").send().await, "POST"),
        (world.post("/configData").send().await, "PUT"),
    ] {
        let response = response.unwrap();
        assert_eq!((response.status().as_u16(), &response.headers()["allow"]), (405, &allow.parse().unwrap()));
    }
}

#[rstest]
#[tokio::test]
async fn a_poll_is_a_sign_of_life_that_is_written_down_later(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    world.poll().await;
    assert_eq!(world.shown().await.last_seen, None);
    world.service.flush_sightings().await.unwrap();
    assert_eq!(world.shown().await.last_seen, Some(world.now()));
}
