//! What a device says about itself.

use otaria_core::push::{PushState, Stage};
use otaria_core::unreadable::Outcome;
use otaria_core::{FirmwareType, VersionNumber};
use rstest::rstest;
use serde_json::json;

use crate::scratch::Engine;
use crate::world::World;

#[rstest]
#[tokio::test]
async fn attributes_are_merged_replaced_and_removed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    for (body, expected) in [
        (
            json!({"id": "", "status": {"execution": "closed"}, "data": {"a": "1", "b": "2"}}),
            json!({"a": "1", "b": "2"}),
        ),
        (
            json!({"mode": "merge", "data": {"b": null, "c": "3", "d\u{0}": "\u{1}x"}}),
            json!({"a": "1", "c": "3", "d": "x"}),
        ),
        (json!({"mode": null, "data": {"a": "4"}}), json!({"a": "4", "c": "3", "d": "x"})),
        (json!({"mode": "remove", "data": {"c": "", "zz": null}}), json!({"a": "4", "d": "x"})),
        (json!({"mode": "replace", "data": {"e": "5"}}), json!({"e": "5"})),
    ] {
        assert_eq!(world.configures(body.clone()).await, 200);
        assert_eq!(world.config().await, expected, "{body}");
    }
    assert_eq!(world.configures(json!({"data": {"f": {"b": 1}}})).await, 200);
    assert_eq!(world.config().await, json!({"e": "5", "f": r#"{"b":1}"#}));
    assert_eq!(world.configures(json!({"data": 1})).await, 400);
}

#[rstest]
#[tokio::test]
async fn too_many_attributes_are_cut_and_not_refused(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let many = |prefix: char| {
        let named = (0..150).map(|number| (format!("{prefix}{number:03}"), json!("x".repeat(500))));
        json!({"data": serde_json::Map::from_iter(named)})
    };
    assert_eq!(world.configures(many('a')).await, 200);
    assert_eq!(world.config().await.as_object().unwrap().len(), 100);
    world.wait(std::time::Duration::from_secs(1));
    assert_eq!(world.configures(json!({"data": {"z": "new"}})).await, 200);
    let config = world.config().await;
    assert_eq!(config.as_object().unwrap().len(), 100);
    assert_eq!(config["z"], "new", "the latest stays");
    assert_eq!(config["a000"], "x".repeat(128));
}

#[rstest]
#[tokio::test]
async fn a_device_that_tells_its_version_number_has_succeeded(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    let old = json!({"data": {"otaria.version.5": 0}});
    assert_eq!(world.configures(old).await, 200);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(VersionNumber::from_i64(0)));
    assert_eq!(world.state(&pushed).await, PushState::Fetched, "it had not said that it was installed");

    let new = json!({"data": {"otaria.version.5": pushed.number.to_string(), "otaria.version.x": "1"}});
    assert_eq!(world.configures(new).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(pushed.number));
    assert_eq!(world.config().await, json!({"otaria.version.x": "1"}));
    assert!(world.poll().await["_links"]["deploymentBase"].is_null());
}

#[rstest]
#[tokio::test]
async fn a_device_that_boots_the_old_image_has_failed(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    use otaria_server::actions::updates::Feedback;
    use otaria_store::SecretHash;
    use otaria_store::scopes::AuthenticatedDevice;

    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    world.configures(json!({"data": {"otaria.version.5": "0"}})).await;
    let token = SecretHash::of(crate::world::TOKEN);
    let found = AuthenticatedDevice::by_token(&mut world.conn().await, "default", &world.device(), &token).await;
    let feedback = Feedback { stage: Stage::Installed, progress: None, said: Vec::new() };
    world.service.report(&found.unwrap().unwrap(), pushed.action, feedback).await.unwrap();
    world.configures(json!({"data": {"otaria.version.5": "0"}})).await;
    assert_eq!(world.state(&pushed).await, PushState::Failed);
}

#[rstest]
#[tokio::test]
async fn a_version_in_its_makers_words_is_understood(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0-rc.1").await;
    assert_eq!(world.configures(json!({"data": {"otaria.version.5": "2.0"}})).await, 200);
    assert_eq!(world.installed(FirmwareType::HUB).await, None);
    assert_eq!(world.config().await, json!({"otaria.version.5": "2.0"}));
    assert!(world.unreadable().await[0].reason.contains(r#"otaria.version.5 "2.0" is neither"#));
    assert_eq!(world.configures(json!({"data": {"otaria.version.5": "1.0-rc.1"}})).await, 200);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(pushed.number));
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
    assert_eq!(world.config().await, json!({}), "what it said before is over");
}

/// Digits can be a version number and, in its maker's words, another image's version.
#[rstest]
#[tokio::test]
async fn of_two_meanings_the_one_counts_that_is_known(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let old = world.push("1.0").await;
    world.associates(FirmwareType::HUB, &old.number.to_string(), b"called so").await;
    let says = async |version: &str| world.configures(json!({"data": {"otaria.version.5": version}})).await;
    assert_eq!(says(&old.number.to_string()).await, 200);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(old.number));
    assert_eq!(world.state(&old).await, PushState::Succeeded);

    let new = world.push("20261127").await;
    world.associates(FirmwareType::HUB, &new.number.to_string(), b"called otherwise").await;
    assert_eq!(says("20261127\n").await, 200);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(new.number));

    let unknown = VersionNumber::from_i64(new.number.as_i64() + 1);
    world.associates(FirmwareType::HUB, &unknown.to_string(), b"one more").await;
    assert_eq!(says(&unknown.to_string()).await, 200);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(new.number), "which one is meant cannot be told");
    assert!(world.unreadable().await[0].reason.contains("could be several"));
}

/// It would keep every image from the device, for good.
#[rstest]
#[tokio::test]
async fn a_number_that_was_never_given_out_is_not_believed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let first = world.push("1.0").await;
    let next = first.number.as_i64() + 1;
    for number in [next.to_string(), "1795808973375".to_owned(), i64::MAX.to_string()] {
        assert_eq!(world.configures(json!({"data": {"otaria.version.5": number}})).await, 200);
        assert_eq!(world.installed(FirmwareType::HUB).await, None);
        assert_eq!(world.state(&first).await, PushState::Offered);
    }
    let said = json!({"data": {"otaria.version.4": "1", "otaria.version.200": "1"}});
    assert_eq!(world.configures(said).await, 200);
    assert_eq!(world.installed(FirmwareType::DEVICE_DESCRIPTION).await, None);
    assert!(world.unreadable().await.iter().all(|sent| sent.reason.contains("never given out")));
    let second = world.push("2.0").await;
    assert_eq!(second.number.as_i64(), next);
    assert_eq!(world.state(&second).await, PushState::Offered);
}

#[rstest]
#[tokio::test]
async fn what_is_left_out_can_be_seen(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let mut data: serde_json::Map<_, _> = (0..120).map(|number| (format!("a{number:03}"), json!("x"))).collect();
    data.insert("otaria.timeZone".to_owned(), json!("Europe/Berlin"));
    data.insert("a long value".to_owned(), json!("x".repeat(129)));
    assert_eq!(world.configures(json!({ "data": data })).await, 200);
    assert_eq!(world.config().await["otaria.timeZone"], "Europe/Berlin");
    let sent = world.unreadable().await;
    assert_eq!((sent.len(), sent[0].outcome), (1, Outcome::Repaired));
    assert_eq!(
        sent[0].reason,
        "22 attributes were left out: 100 are kept; 1 name or value was cut to 128 characters"
    );

    // What Otaria itself reads makes room for nothing.
    world.wait(std::time::Duration::from_secs(1));
    let more: serde_json::Map<_, _> = (0..100).map(|number| (format!("b{number:03}"), json!("x"))).collect();
    assert_eq!(world.configures(json!({ "data": more })).await, 200);
    let config = world.config().await;
    assert_eq!((config.as_object().unwrap().len(), &config["otaria.timeZone"]), (100, &json!("Europe/Berlin")));
    assert_eq!(world.unreadable().await[0].reason, "100 attributes were left out: 100 are kept");
}

#[rstest]
#[tokio::test]
async fn a_version_is_known_by_its_type_however_it_is_spelt(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let mut data = serde_json::Map::new();
    for zeros in 0..3000 {
        data.insert(format!("otaria.version.{}5", "0".repeat(zeros % 30)), json!(zeros.to_string()));
        data.insert(format!("otaria.version.{}1", "0".repeat(zeros % 30)), json!("9"));
    }
    let pushed = world.push("1.0").await;
    data.insert("otaria.version.5".to_owned(), json!(pushed.number.to_string()));
    assert_eq!(world.configures(json!({ "data": data })).await, 200);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(pushed.number));
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
}

#[rstest]
#[tokio::test]
async fn nothing_to_replace_everything_with_is_refused(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    assert_eq!(world.configures(json!({"data": {"a": "1"}})).await, 200);
    for mode in ["replace", "merge", "remove"] {
        assert_eq!(world.configures(json!({"mode": mode, "data": {}})).await, 400, "{mode}");
    }
    assert_eq!(world.config().await, json!({"a": "1"}));
}
