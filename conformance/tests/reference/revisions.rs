//! Records that are read with an ETag, and changed only if they are still what was read

use otaria_conformance::people::privileges;
use otaria_conformance::{Answer, Engine};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Here, text};

/// That the record at this path is changed only as its ETag says that it is known; `bodies` are two things to say about
/// it.
async fn is_changed_only_as_it_is_known(here: &Here, path: &str, bodies: [Value; 2]) {
    let [one, other] = bodies;
    let read = async || here.api.get(path).await.ok();
    let tag_of = |answer: &Answer| answer.headers["etag"].to_str().unwrap().to_owned();
    let put = async |tags: &[&str], body: &Value| {
        let mut request = here.api.request(Method::PUT, path);
        for tag in tags {
            request = request.header("if-match", *tag);
        }
        Answer::of(request.json(body)).await
    };
    let before = tag_of(&read().await);
    assert!(before.len() == 34 && before.starts_with('"') && before.ends_with('"'), "{before}");
    assert_eq!(tag_of(&read().await), before);

    assert!(put(&[&before], &one).await.status.is_success());
    let changed = read().await;
    let now = tag_of(&changed);
    assert_ne!(now, before);
    for outdated in [before.as_str(), &format!("W/{now}"), "\"\"", "x", ""] {
        put(&[outdated], &other).await.is_error(412, "precondition_failed");
    }
    let same = read().await;
    assert_eq!((&same.body, tag_of(&same)), (&changed.body, now.clone()));
    for (tags, body) in [(&[before.as_str(), &now][..], &other), (&["*"], &one), (&[], &other)] {
        let last = read().await.body;
        assert!(put(tags, body).await.status.is_success(), "{tags:?}");
        assert_ne!(read().await.body, last, "{tags:?}");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_image_is_changed_only_as_it_is_known(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let made = here.plain_image(3, "1").await;
    let number = text(&made, "versionNumber");
    let path = here.ota(&format!("pool/types/3/versionNumbers/{number}"));
    assert_eq!(here.api.get(&path).await.ok().body, here.pool().await[0]);
    let tagged = |tag: &str| json!({ "name": "app", "version": "1", "tags": [tag] });
    is_changed_only_as_it_is_known(&here, &path, [tagged("one"), tagged("two")]).await;
    for absent in ["pool/types/3/versionNumbers/987654321", &format!("pool/types/5/versionNumbers/{number}")] {
        here.api.get(&here.ota(absent)).await.is_error(404, "not_found");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_device_type_is_changed_only_as_it_is_known(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.own(&format!("deviceTypes/{}", here.api.device_type(&here.partner, "Lamp").await));
    let nightly = json!({ "name": "Lamp", "maintenance": { "windows": [{ "opens": "02:00", "minutes": 60 }] } });
    is_changed_only_as_it_is_known(&here, &lamp, [nightly, json!({ "name": "Lamp" })]).await;
    let missing = here.own(&format!("deviceTypes/{}", uuid::Uuid::now_v7()));
    let tagged = here.api.request(Method::PUT, &missing).header("if-match", "\"x\"").json(&json!({ "name": "x" }));
    Answer::of(tagged).await.is_error(404, "not_found");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_firmware_type_is_changed_only_as_it_is_known(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    here.api.post(&here.ota("types"), json!({ "name": "Radio", "type": 101 })).await.is(StatusCode::CREATED);
    let bodies = [json!({ "name": "Radio", "part": "bApp" }), json!({ "name": "Radio" })];
    is_changed_only_as_it_is_known(&here, &here.ota("types/101"), bodies).await;
    // Also what nobody changes has one.
    assert!(here.api.get(&here.ota("types/5")).await.ok().headers.contains_key("etag"));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_partner_is_changed_only_as_it_is_known(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let own = format!("/v1/partners/{}", here.partner);
    let bodies = [json!({ "name": "Acme", "shortName": "acme" }), json!({ "name": "Acme" })];
    is_changed_only_as_it_is_known(&here, &own, bodies).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_somebody_may_do_is_changed_only_as_it_is_known(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let may = |names: &[&str]| json!({ "privileges": privileges(names) });
    let bodies = || [may(&["viewDeviceInfo", "inviteUsers"]), may(&["manageDeviceProfiles"])];
    let ada = here.server.person(&here.api, &here.partner, "ada@example.com", &["viewDeviceInfo"]).await;
    is_changed_only_as_it_is_known(&here, &here.own(&format!("users/{}", ada.id)), bodies()).await;
    let invited = here.server.invite(&here.api, &here.partner, "bob@example.com", &["viewDeviceInfo"]).await;
    let bob = here.own(&format!("users/{}", text(&invited.is(StatusCode::CREATED).body, "userId")));
    is_changed_only_as_it_is_known(&here, &bob, bodies()).await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn somebody_is_known_by_what_they_may_do_and_not_by_when_they_sign_in(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let ada = here.server.person(&here.api, &here.partner, "ada@example.com", &["viewDeviceInfo"]).await;
    let path = here.own(&format!("users/{}", ada.id));
    let read = here.api.get(&path).await.ok();
    assert_eq!(here.api.get(&here.own("users?sort=email")).await.ok().body["content"][0], read.body);
    ada.sign_in_again(&here.server).await;
    assert_eq!(here.api.get(&path).await.ok().headers["etag"], read.headers["etag"]);
    for absent in [uuid::Uuid::now_v7().to_string(), "x".to_owned()] {
        here.api.get(&here.own(&format!("users/{absent}"))).await.is_error(404, "not_found");
    }

    // Whoever accepts their invitation is somebody else than who was asked.
    let invited = here.server.invite(&here.api, &here.partner, "bob@example.com", &["viewDeviceInfo"]).await;
    let invited = invited.is(StatusCode::CREATED).body;
    let path = here.own(&format!("users/{}", text(&invited, "userId")));
    let asked = here.api.get(&path).await.ok();
    assert_eq!((text(&asked.body, "status"), asked.body.get("token")), ("INVITED", None));
    here.server.accept(text(&invited, "token"), "long enough").await.ok();
    let came = here.api.get(&path).await.ok();
    assert_eq!(text(&came.body, "status"), "ACTIVE");
    assert_ne!(came.headers["etag"], asked.headers["etag"]);
}
