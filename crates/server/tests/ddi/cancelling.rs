//! Letting go of an update.

use otaria_core::push::PushState;
use rstest::rstest;
use serde_json::{Value, json};

use crate::scratch::Engine;
use crate::world::{Pushed, World};

const FEEDBACK: &str = "/cancelAction/1/feedback";

/// A push that the device has fetched and that somebody cancelled.
async fn cancelling(world: &World) -> Pushed {
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    world.says(1, "download", "none", &[]).await;
    world.cancel(&pushed).await;
    assert_eq!(world.state(&pushed).await, PushState::Cancelling);
    pushed
}

#[rstest]
#[tokio::test]
async fn a_device_lets_go(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = cancelling(&world).await;
    let links = world.poll().await["_links"].clone();
    assert!(links["deploymentBase"].is_null());
    let path = world.path(&links, "cancelAction");
    assert_eq!(path, "/cancelAction/1");
    let asked: Value = world.get(path).send().await.unwrap().json().await.unwrap();
    assert_eq!(asked, json!({"id": "1", "cancelAction": {"stopId": "1"}}));
    assert_eq!(world.get("/deploymentBase/1").send().await.unwrap().status(), 404);
    assert_eq!(world.head("/softwaremodules/1/artifacts/a").send().await.unwrap().status(), 200, "still streaming");

    assert_eq!(world.feedback(FEEDBACK, "canceled", "success", &["hm"]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Cancelling, "that is no acceptance");
    assert_eq!(world.feedback(FEEDBACK, "closed", "success", &["cancellation acknowledged."]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Cancelled);
    assert_eq!(world.latest(&pushed).await.message.as_deref(), Some("cancellation acknowledged."));
    assert_eq!(world.feedback(FEEDBACK, "closed", "success", &["again"]).await, 200, "late words are history");
    assert_eq!(world.state(&pushed).await, PushState::Cancelled);
    assert_eq!(world.get("/cancelAction/1").send().await.unwrap().status(), 200);
    assert_eq!(world.get("/softwaremodules/1/artifacts/a").send().await.unwrap().status(), 404);
    assert!(world.poll().await["_links"]["cancelAction"].is_null());
}

#[rstest]
#[case("closed", "failure")]
#[case("rejected", "success")]
#[tokio::test]
async fn a_device_refuses(
    #[case] execution: &str,
    #[case] finished: &str,
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let pushed = cancelling(&world).await;
    assert_eq!(world.feedback(FEEDBACK, execution, finished, &["too late"]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Downloading, "back where it was");
    assert!(world.path(&world.poll().await["_links"], "deploymentBase").starts_with("/deploymentBase/1"));
    assert_eq!(world.get("/cancelAction/1").send().await.unwrap().status(), 404);
}

#[rstest]
#[tokio::test]
async fn a_refusal_does_not_bring_back_what_was_replaced(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let first = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    let second = world.push("2.0").await;
    assert_eq!(world.state(&first).await, PushState::Cancelling);
    assert_eq!(world.feedback(FEEDBACK, "rejected", "none", &["busy"]).await, 200);
    assert_eq!(world.state(&first).await, PushState::Cancelling);
    assert_eq!(world.feedback(FEEDBACK, "closed", "none", &[]).await, 200);
    assert_eq!(world.state(&first).await, PushState::Cancelled);
    assert_eq!(world.state(&second).await, PushState::Offered);
    assert!(world.path(&world.poll().await["_links"], "deploymentBase").starts_with("/deploymentBase/2"));
}

#[rstest]
#[tokio::test]
async fn the_end_of_the_update_wins(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = cancelling(&world).await;
    assert_eq!(world.says(1, "closed", "success", &["too late"]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
    assert_eq!(world.feedback(FEEDBACK, "closed", "success", &[]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
}

#[rstest]
#[tokio::test]
async fn who_was_not_asked_cannot_answer(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    for state in [PushState::Offered, PushState::Fetched] {
        assert_eq!(world.feedback(FEEDBACK, "closed", "success", &[]).await, 405);
        assert_eq!(world.state(&pushed).await, state);
        world.get("/deploymentBase/1").send().await.unwrap();
    }
}
