//! installedBase: what a device runs, as it was told and as it says.

use otaria_core::FirmwareType;
use otaria_core::push::PushState;
use otaria_core::unreadable::Outcome;
use rstest::rstest;
use serde_json::{Value, json};

use crate::scratch::Engine;
use crate::world::World;

impl World {
    async fn states(&self, name: &str, version: &str) -> u16 {
        let body = json!({"name": name, "version": version});
        let response = self.put("/installedBase").json(&body).send().await.unwrap();
        let status = response.status().as_u16();
        if status < 300 {
            assert_eq!(response.headers()["content-length"], "0");
        }
        status
    }
}

#[rstest]
#[tokio::test]
async fn a_device_states_what_it_runs(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let old = world.push("1.0").await;
    let new = world.push("1.1").await;
    assert_eq!(world.states("rootfs", "1.1").await, 201);
    assert_eq!(world.state(&new).await, PushState::Succeeded);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(new.number));
    assert_eq!(world.states("rootfs", "1.1").await, 200);
    assert_eq!(world.states("rootfs", "1.0").await, 201, "it went back by itself");
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(old.number));
    for (name, version) in [("rootfs", "9"), ("else", "1.0"), ("", "")] {
        assert_eq!(world.states(name, version).await, 404, "{name} {version}");
    }
    assert_eq!(world.put("/installedBase").body("{\"name\":1}").send().await.unwrap().status(), 400);
    assert_eq!(world.states("root\0fs", "1.0").await, 404);
    assert_eq!(world.states("rootfs", "\x001.0").await, 404);
}

#[rstest]
#[tokio::test]
async fn what_was_installed_can_be_looked_at(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    assert_eq!(world.get("/installedBase/1").send().await.unwrap().status(), 404, "it is not over");
    assert!(world.poll().await["_links"]["installedBase"].is_null());
    world.says(1, "closed", "success", &["done"]).await;
    let links = world.poll().await["_links"].clone();
    assert_eq!(world.path(&links, "installedBase"), "/installedBase/1");
    let shown: Value = world.get("/installedBase/1?actionHistory=1").send().await.unwrap().json().await.unwrap();
    assert_eq!((&shown["id"], &shown["deployment"]["chunks"][0]["version"]), (&json!("1"), &json!("1.0")));
    assert_eq!(shown["actionHistory"], json!({"status": "FINISHED", "messages": ["done"]}));

    let cancelled = world.push("1.1").await;
    world.cancel(&cancelled).await;
    assert_eq!(world.get("/installedBase/2").send().await.unwrap().status(), 404);
    world.push("1.2").await;
    world.says(3, "closed", "failure", &["no"]).await;
    assert_eq!(world.get("/installedBase/3").send().await.unwrap().status(), 200);
    assert_eq!(world.path(&world.poll().await["_links"], "installedBase"), "/installedBase/1");
    assert_eq!(world.get("/installedBase/4").send().await.unwrap().status(), 404);
}

#[rstest]
#[tokio::test]
async fn what_could_be_several_is_not_found_and_that_can_be_seen(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    world.push_type(FirmwareType::APPLICATION, "1.0").await;
    assert_eq!(world.states("rootfs", "1.0").await, 404, "which of the two?");
    assert_eq!(world.states("rootfs", "2.0").await, 404);
    let sent = world.unreadable().await;
    assert!(sent.iter().all(|one| (one.outcome, one.request.as_str()) == (Outcome::Refused, "PUT /installedBase")));
    let reasons: Vec<_> = sent.iter().rev().map(|one| one.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "Images of several firmware types have this name and version: say otaria.version.TYPE in configData.",
            "There is no such image here.",
        ]
    );
}

#[rstest]
#[tokio::test]
async fn of_two_partners_images_that_of_the_devices_own_type_is_meant(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let (own, theirs) = (world.in_the_pool("1.0").await, world.image_of_another_partner("1.0").await);
    assert_ne!(own, theirs);
    assert_eq!(world.states("rootfs", "1.0").await, 201);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(theirs));

    let own = world.push("1.1").await.number;
    let theirs = world.image_of_another_partner("1.1").await;
    assert_ne!(own, theirs);
    assert_eq!(world.states("rootfs", "1.1").await, 404, "both are for it");
    assert_eq!(
        world.unreadable().await[0].reason,
        "Several images of firmware type 5 have this name and version: say otaria.version.5 in configData."
    );
}
