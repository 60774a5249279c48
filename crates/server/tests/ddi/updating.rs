//! From the offer to the end of an update.

use otaria_core::FirmwareType;
use otaria_core::push::PushState;
use rstest::rstest;
use serde_json::{Value, json};
use sha2::Digest as _;

use crate::scratch::Engine;
use crate::world::World;

#[rstest]
#[tokio::test]
async fn an_update_from_the_offer_to_the_end(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    assert_eq!(world.configures(json!({"data": {"a": "b"}})).await, 200);
    let pushed = world.push("1.0").await;

    let poll = world.poll().await;
    assert_eq!(poll["_links"].as_object().unwrap().len(), 1);
    let deployment: Value =
        world.get(world.path(&poll["_links"], "deploymentBase")).send().await.unwrap().json().await.unwrap();
    assert_eq!(world.state(&pushed).await, PushState::Fetched);
    assert_eq!(deployment["id"], "1");
    assert_eq!(deployment["deployment"]["download"], "forced");
    assert_eq!(deployment["deployment"]["update"], "forced");
    let chunk = &deployment["deployment"]["chunks"][0];
    assert_eq!((&chunk["part"], &chunk["name"], &chunk["version"]), (&json!("os"), &json!("rootfs"), &json!("1.0")));
    assert_eq!(chunk["metadata"], json!([{"key": "versionNumber", "value": pushed.number.to_string()}]));
    let artifact = &chunk["artifacts"][0];
    assert_eq!(artifact["filename"], "root fs+1.swu");
    assert_eq!(artifact["size"], json!(world.bytes.len()));
    assert_eq!(artifact["_links"].as_object().unwrap().len(), 2, "no links over TLS without TLS");

    let path = world.path(&artifact["_links"], "download-http");
    assert_eq!(path, "/softwaremodules/1/artifacts/root%20fs%2B1.swu");
    let bytes = world.get(path).send().await.unwrap().bytes().await.unwrap();
    assert_eq!(artifact["hashes"]["sha256"], data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(&bytes)));
    assert_eq!(artifact["hashes"]["sha1"], data_encoding::HEXLOWER.encode(&sha1::Sha1::digest(&bytes)));
    assert_eq!(artifact["hashes"]["md5"], data_encoding::HEXLOWER.encode(&md5::Md5::digest(&bytes)));
    assert_eq!(world.state(&pushed).await, PushState::Downloading);

    assert_eq!(world.says(1, "downloaded", "none", &[]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Downloaded);
    let progress = json!({"id": 1, "time": "20261122T184337", "status": {"execution": "proceeding",
        "result": {"finished": "none", "progress": {"cnt": 1, "of": 4}}, "details": ["writing", "slot b"]}});
    let response = world.post("/deploymentBase/1/feedback").json(&progress).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let record = world.record(&pushed).await;
    assert_eq!((record.state, record.progress), (PushState::Installing, Some(25)));
    assert_eq!(record.message.as_deref(), Some("slot b"));
    assert_eq!(world.latest(&pushed).await.details, ["writing", "slot b"]);

    assert_eq!(world.says(1, "closed", "success", &["Update Installed."]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(pushed.number));
    let links = world.poll().await["_links"].clone();
    assert_eq!(
        links.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["configData", "installedBase"],
        "asked again after a success"
    );
    let states: Vec<_> = world.history(&pushed).await.iter().rev().map(|entry| entry.entry.state.as_str()).collect();
    assert_eq!(states, ["offered", "fetched", "downloading", "downloaded", "installing", "succeeded"]);
}

#[rstest]
#[tokio::test]
async fn a_final_report_may_be_repeated(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    for _ in 0..3 {
        assert_eq!(world.says(1, "closed", "success", &["done"]).await, 200);
    }
    let count = world.history(&pushed).await.len();
    assert_eq!(world.configures(json!({"data": {"a": "b"}})).await, 200);
    assert_eq!(world.says(1, "closed", "success", &["done"]).await, 200);
    assert_eq!(world.history(&pushed).await.len(), count, "a repetition makes no history");
    assert!(world.poll().await["_links"]["configData"].is_null(), "nor is it news");
    assert_eq!(world.says(1, "closed", "failure", &["on second thoughts"]).await, 200);
    assert_eq!(world.state(&pushed).await, PushState::Succeeded);
    assert_eq!(world.history(&pushed).await.len(), count + 1);
    assert_eq!(world.get("/deploymentBase/1").send().await.unwrap().status(), 200, "it is still shown");
}

#[rstest]
#[tokio::test]
async fn only_the_first_fetch_is_written_down(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    let fetched = world.record(&pushed).await;
    world.wait(std::time::Duration::from_secs(9));
    world.get("/deploymentBase/1?c=-12").send().await.unwrap();
    assert_eq!(world.record(&pushed).await, fetched);
}

#[rstest]
#[tokio::test]
async fn what_is_no_action_of_the_device_is_not_found(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    for (path, status) in [
        ("/deploymentBase/2", 404),
        ("/deploymentBase/0", 404),
        ("/deploymentBase/4294967297", 404),
        ("/deploymentBase/abc", 400),
        ("/deploymentBase/1?c=abc", 400),
        ("/deploymentBase/1?actionHistory=all", 400),
        ("/cancelAction/1", 404),
        ("/cancelAction/2", 404),
        ("/installedBase/1", 404),
        ("/installedBase/2", 404),
        ("/confirmationBase/1", 404),
        ("/confirmationBase/2", 404),
        ("/softwaremodules/2/artifacts", 404),
        ("/softwaremodules/2/artifacts/a", 404),
        ("/softwaremodules/2/artifacts/a.MD5SUM", 404),
    ] {
        assert_eq!(world.get(path).send().await.unwrap().status(), status, "{path}");
    }
    assert_eq!(world.says(2, "closed", "success", &[]).await, 404);
    assert_eq!(world.feedback("/cancelAction/2/feedback", "closed", "success", &[]).await, 404);
}

#[rstest]
#[tokio::test]
async fn without_a_device_there_is_nothing_and_no_body(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    for path in ["/DEFAULT/controller/v1", "/default/controller/v1/"] {
        let response = world.get_without_token(path).send().await.unwrap();
        assert_eq!(response.status(), 404);
        assert!(response.bytes().await.unwrap().is_empty());
    }
}

#[rstest]
#[tokio::test]
async fn who_only_looks_has_fetched_nothing(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    assert_eq!(world.head("/deploymentBase/1").send().await.unwrap().status(), 200);
    assert_eq!(world.state(&pushed).await, PushState::Offered);
    assert_eq!(world.get("/deploymentBase/1").send().await.unwrap().status(), 200);
    assert_eq!(world.state(&pushed).await, PushState::Fetched);
}

#[rstest]
#[tokio::test]
async fn who_says_again_that_it_succeeded_may_run_something_else_by_now(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let (old, new) = (world.push("1.0").await, world.push("2.0").await);
    assert_eq!(world.says(new.action, "closed", "success", &["done"]).await, 200);
    let rolled_back = json!({"data": {"otaria.version.5": old.number.to_string()}});
    assert_eq!(world.configures(rolled_back).await, 200);
    assert_eq!(world.says(new.action, "closed", "success", &["done"]).await, 200);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(old.number));
}

#[rstest]
#[tokio::test]
async fn bodies_are_read_with_patience_and_within_bounds(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    let raw = "{\"id\":\"\",\"status\":{\"execution\":\"proceeding\",\"result\":{\"finished\":\"none\"},\
               \"details\":[\"line one\nline two\"]}}";
    let path = "/deploymentBase/1/feedback";
    for content_type in [None, Some("text/plain"), Some("application/json;charset=utf-8"), Some("application/cbor")] {
        let mut request = world.post(path).body(raw);
        if let Some(content_type) = content_type {
            request = request.header("Content-Type", content_type);
        }
        assert_eq!(request.send().await.unwrap().status(), 200, "{content_type:?}");
    }
    assert_eq!(world.latest(&pushed).await.details, ["line one", "line two"]);
    let wrong = world.post(path).body("{\"status\":{}}").send().await.unwrap();
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await.unwrap().contains("execution"), "the device's log shows why");
    assert_eq!(world.post(path).body(vec![b' '; 256 * 1024 + 1]).send().await.unwrap().status(), 413);
    let padded = format!("{raw}{}", " ".repeat(256 * 1024 - raw.len()));
    assert_eq!(world.post(path).body(padded).send().await.unwrap().status(), 200);
}

#[rstest]
#[tokio::test]
async fn the_reason_of_a_failure_is_its_headline(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    world.says(1, "proceeding", "none", &["[ERROR] : SW not compatible with hardware", "[INFO ] : waiting"]).await;
    world.says(1, "closed", "failure", &["No suitable .swu image found\n"]).await;
    let record = world.record(&pushed).await;
    assert_eq!(record.state, PushState::Failed);
    assert_eq!(record.message.as_deref(), Some("[ERROR] : SW not compatible with hardware"));
    assert_eq!(world.installed(FirmwareType::HUB).await, None);

    let shown: Value = world.get("/deploymentBase/1?actionHistory=2").send().await.unwrap().json().await.unwrap();
    assert_eq!(
        shown["actionHistory"],
        json!({"status": "ERROR", "messages": ["No suitable .swu image found", "[INFO ] : waiting"]})
    );
}

#[rstest]
#[tokio::test]
async fn the_reason_of_a_failure_is_found_some_reports_earlier(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    // As SWUpdate says it without a boot loader's environment, and with a damaged image.
    let harmless = "ERROR : Cannot read stored update state.";
    world.says(1, "proceeding", "none", &[harmless, "ERROR : HASH mismatch : 1 <--> 2"]).await;
    world.says(1, "proceeding", "none", &["Image invalid or corrupted. Not installing ...", harmless]).await;
    world.says(1, "proceeding", "none", &["ERROR : No suitable .swu image found", "Waiting for requests..."]).await;
    world.says(1, "closed", "failure", &["No suitable .swu image found\n"]).await;
    assert_eq!(world.record(&pushed).await.message.as_deref(), Some("ERROR : HASH mismatch : 1 <--> 2"));
}

#[rstest]
#[tokio::test]
async fn a_device_that_installed_and_boots_the_old_image_has_failed(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    let old = json!({ "data": { "otaria.version.5": "0" } });
    world.says(1, "proceeding", "none", &["Installed Chunk."]).await;
    world.configures(old.clone()).await;
    assert_eq!(world.record(&pushed).await.state, PushState::Installing);
    world.says(1, "proceeding", "none", &["All Chunks Installed."]).await;
    assert_eq!(world.record(&pushed).await.state, PushState::Installed);
    world.configures(old).await;
    assert_eq!(world.record(&pushed).await.state, PushState::Failed);
}

#[rstest]
#[tokio::test]
async fn two_types_come_one_after_the_other(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    world.push("1.0").await;
    world.wait(std::time::Duration::from_secs(1));
    world.push_type(FirmwareType::APPLICATION, "7").await;
    assert!(world.path(&world.poll().await["_links"], "deploymentBase").starts_with("/deploymentBase/1?c="));
    world.says(1, "closed", "success", &[]).await;
    let links = world.poll().await["_links"].clone();
    let path = world.path(&links, "deploymentBase");
    assert!(path.starts_with("/deploymentBase/2?c="));
    let second: Value = world.get(path).send().await.unwrap().json().await.unwrap();
    assert_eq!(second["deployment"]["chunks"][0]["part"], "bApp");
}

#[rstest]
#[tokio::test]
async fn a_late_success_counts_for_the_version_and_for_nothing_else(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let first = world.push("1.0").await;
    world.says(1, "closed", "failure", &["Update Failed."]).await;
    let second = world.push("2.0").await;
    world.says(1, "closed", "success", &["after all"]).await;
    assert_eq!(world.state(&first).await, PushState::Failed);
    assert_eq!(world.installed(FirmwareType::HUB).await, Some(first.number));
    assert_eq!(world.state(&second).await, PushState::Offered);
}

#[rstest]
#[tokio::test]
async fn a_word_of_the_protocol_is_in_the_history(#[values(Engine::Sqlite, Engine::Postgres)] engine: Engine) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    world.get("/deploymentBase/1").send().await.unwrap();
    for word in ["rejected", "canceled", "scheduled", "resumed"] {
        assert_eq!(world.says(1, word, "none", &[]).await, 200);
        let latest = world.latest(&pushed).await;
        assert_eq!((latest.state, latest.message.as_deref()), (PushState::Fetched, Some(word)));
        assert_eq!(world.says(1, word, "none", &["battery low"]).await, 200);
        let latest = world.latest(&pushed).await;
        assert_eq!(
            (latest.message.as_deref(), latest.details),
            (Some("battery low"), vec![word.into(), "battery low".into()])
        );
        assert_eq!(world.says(1, word, "none", &["Update was ", word]).await, 200);
        assert_eq!(world.latest(&pushed).await.details, ["Update was", word], "it adds nothing");
    }
    let count = world.history(&pushed).await.len();
    assert_eq!(world.says(1, "resumed", "none", &["Update was ", "resumed"]).await, 200);
    assert_eq!(world.history(&pushed).await.len(), count, "a repetition makes no history");
    world.cancel(&pushed).await;
    assert_eq!(world.feedback("/cancelAction/1/feedback", "canceled", "none", &[]).await, 200);
    assert_eq!(world.latest(&pushed).await.message.as_deref(), Some("canceled"));
}

#[rstest]
#[tokio::test]
async fn what_only_follows_from_a_failure_is_not_its_reason(
    #[values(Engine::Sqlite, Engine::Postgres)] engine: Engine,
) {
    let world = World::on(engine).await;
    let pushed = world.push("1.0").await;
    let log = [
        "ERROR : SW not compatible with hardware",
        "ERROR : Channel operation returned error (23): 'Failed writing received data to disk/application'",
        "[ERROR] : SWUPDATE failed [0] ERROR Image invalid or corrupted. Not installing ...",
    ];
    world.says(1, "proceeding", "none", &log).await;
    world.says(1, "closed", "failure", &["No suitable .swu image found\n"]).await;
    assert_eq!(world.record(&pushed).await.message.as_deref(), Some("ERROR : SW not compatible with hardware"));
}
