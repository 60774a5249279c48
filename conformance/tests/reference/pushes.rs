//! `/firmwareImages/{firmwareImageId}/push` and `/pushes`

use otaria_conformance::{Answer, Engine, fields_are};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Here, PAGE, and, integer, is_millis, text, with};

const PUSH: &[&str] = &[
    "id",
    "deviceId",
    "deviceTypeId",
    "firmwareImageId",
    "type",
    "versionNumber",
    "version",
    "state",
    "createdTimestamp",
    "updatedTimestamp",
    "requestedBy",
];

impl Here {
    async fn push(&self, device_type: &str, image: &str, device: &str) -> Answer {
        self.api.push(&self.partner, device_type, image, device).await
    }

    /// Pushes, and says where the push is.
    async fn pushed(&self, device_type: &str, image: &str, device: &str) -> String {
        let answer = self.push(device_type, image, device).await.is(StatusCode::ACCEPTED);
        assert_eq!(answer.text, "");
        answer.headers["location"].to_str().unwrap().to_owned()
    }

    async fn state(&self, push: &str) -> String {
        text(&self.api.get(push).await.ok().body, "state").to_owned()
    }

    async fn publish(&self, device_type: &str, firmware_type: i64, version: &str) -> (Value, String) {
        self.api.publish(&self.partner, device_type, firmware_type, version, version.into()).await
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_push_is_accepted_once_and_shown(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    here.api.device(&here.server.account(), &lamp, "lamp-1").await;
    here.api.device(&here.server.account(), &lamp, "lamp-2").await;
    let (image, id) = here.publish(&lamp, 3, "1").await;
    let device = format!("/v1/accounts/{}/devices/lamp-1", here.server.account());
    assert_eq!(here.api.get(&device).await.ok().body["updating"], false);

    let location = here.pushed(&lamp, &id, "lamp-1").await;
    let push = location.strip_prefix(&here.ota("pushes/")).expect("the Location is a path of the partner");
    uuid::Uuid::try_parse(push).unwrap();
    let shown = here.api.get(&location).await.ok().body;
    fields_are(&shown, &and(PUSH, &["history"]));
    is_millis(&shown, "createdTimestamp");
    is_millis(&shown, "updatedTimestamp");
    let history = &shown["history"];
    assert_eq!((history.as_array().unwrap().len(), &history[0]["state"]), (1, &json!("offered")));
    fields_are(&history[0], &["timestamp", "state"]);
    let expected = json!({
        "id": push, "deviceId": "lamp-1", "deviceTypeId": lamp, "firmwareImageId": id, "type": 3,
        "versionNumber": image["versionNumber"], "version": "1", "state": "offered",
    });
    assert_eq!(shown, with(&shown, expected));
    assert_eq!(here.api.get(&device).await.ok().body["updating"], true);

    // The same while it is under way is that push, whoever asks; another device has a push of its own.
    assert_eq!(here.pushed(&lamp, &id, "lamp-1").await, location);
    let owner = here.server.owner().await;
    let again = owner.push(&here.partner, &lamp, &id, "lamp-1").await.is(StatusCode::ACCEPTED);
    assert_eq!(again.headers["location"], location.as_str());
    let other = owner.push(&here.partner, &lamp, &id, "lamp-2").await.is(StatusCode::ACCEPTED);
    let other = here.api.get(other.headers["location"].to_str().unwrap()).await.ok().body;
    assert_eq!((&other["deviceId"], &other["requestedBy"]), (&json!("lamp-2"), &json!("owner@example.com")));

    assert_eq!(here.api.delete(&location).await.is(StatusCode::NO_CONTENT).text, "");
    let cancelled = here.api.get(&location).await.ok().body;
    fields_are(&cancelled, &and(PUSH, &["history", "finishedTimestamp"]));
    is_millis(&cancelled, "finishedTimestamp");
    let states: Vec<_> = cancelled["history"].as_array().unwrap().iter().map(|entry| text(entry, "state")).collect();
    assert_eq!((states.first(), states.last()), (Some(&"cancelled"), Some(&"offered")));
    assert_eq!(here.api.get(&device).await.ok().body["updating"], false);
    here.api.delete(&location).await.is_error(409, "push_has_ended");
    let absent = here.ota(&format!("pushes/{}", uuid::Uuid::now_v7()));
    for absent in [absent, here.ota("pushes/x")] {
        here.api.get(&absent).await.is_error(404, "not_found");
        here.api.delete(&absent).await.is_error(404, "not_found");
    }
    assert_ne!(here.pushed(&lamp, &id, "lamp-1").await, location);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_push_needs_a_binary_in_the_repository(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    here.api.device(&here.server.account(), &lamp, "lamp-1").await;
    let image = here.plain_image(3, "1").await;
    let id = here.api.post(&here.images(&lamp, ""), image.clone()).await.is(StatusCode::CREATED).body;
    let id = text(&id, "id");
    let path = here.ota(&format!("pool/types/3/versionNumbers/{}", text(&image, "versionNumber")));
    let temporary = here.api.upload(&here.partner, "temporary").await.ok().body;
    let (public_url, temporary) = (here.server.first("publicUrl"), text(&temporary, "value"));
    for url in [
        String::new(),
        "TBD".to_owned(),
        "https://elsewhere.example/app.bin".to_owned(),
        format!("{public_url}{}", here.ota(&format!("binaries/{temporary}"))),
        format!("{public_url}{}", here.ota(&format!("binaries/{}", "0".repeat(64)))),
    ] {
        here.api.put(&path, with(&image, json!({ "url": url }))).await.is(StatusCode::NO_CONTENT);
        here.push(&lamp, id, "lamp-1").await.is_error(409, "no_binary");
    }
    let bytes = here.api.publish_bytes(&here.partner, "the real one").await;
    let published = with(&image, json!({ "url": bytes }));
    here.api.put(&path, published.clone()).await.is(StatusCode::NO_CONTENT);
    here.pushed(&lamp, id, "lamp-1").await;

    // From now on its binary is fixed; the rest is not.
    let other = here.api.publish_bytes(&here.partner, "another").await;
    for url in [other.as_str(), "", "https://elsewhere.example/app.bin"] {
        let refused = here.api.put(&path, with(&published, json!({ "url": url }))).await;
        refused.is_error(409, "binary_is_fixed");
    }
    let change = with(&published, json!({ "name": "renamed", "tags": ["release"], "description": "d" }));
    here.api.put(&path, change).await.is(StatusCode::NO_CONTENT);
    let now = here.pool().await[0].clone();
    assert_eq!((text(&now, "name"), text(&now, "url")), ("renamed", bytes.as_str()));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_push_goes_to_a_device_of_its_device_type(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let (lamp, plug) =
        (here.api.device_type(&here.partner, "Lamp").await, here.api.device_type(&here.partner, "Plug").await);
    here.api.device(&here.server.account(), &lamp, "lamp-1").await;
    here.api.device(&here.server.account(), &plug, "plug-1").await;
    let (image, id) = here.publish(&lamp, 3, "1").await;
    let nowhere = uuid::Uuid::now_v7().to_string();
    for (device_type, image, device) in [
        (&lamp, id.as_str(), "plug-1"),
        (&lamp, &id, "lamp-2"),
        (&lamp, &id, "no device id!"),
        (&plug, &id, "plug-1"),
        (&plug, &id, "lamp-1"),
        (&nowhere, &id, "lamp-1"),
        (&lamp, "987654321", "lamp-1"),
        (&lamp, "x", "lamp-1"),
    ] {
        here.push(device_type, image, device).await.is_error(404, "not_found");
    }
    for body in [json!({}), json!({ "value": null }), json!({ "value": 1 }), json!({ "value": ["lamp-1"] })] {
        let refused = here.api.put(&here.images(&lamp, &format!("/{id}/push")), body).await;
        assert_eq!(refused.is_error(400, "invalid_fields").fields(), ["value"]);
    }
    // A dissociated image is pushed no more, and what no device has fetched of it is cancelled.
    let push = here.pushed(&lamp, &id, "lamp-1").await;
    let one = here.images(&lamp, &format!("/types/3/versionNumbers/{}", text(&image, "versionNumber")));
    here.api.delete(&one).await.is(StatusCode::NO_CONTENT);
    assert_eq!(here.state(&push).await, "cancelled");
    here.push(&lamp, &id, "lamp-1").await.is_error(404, "not_found");
    // So it is with a device that leaves its account.
    let id = here.api.post(&here.images(&lamp, ""), image).await.is(StatusCode::CREATED).body;
    let push = here.pushed(&lamp, text(&id, "id"), "lamp-1").await;
    here.api
        .delete(&format!("/v1/accounts/{}/devices/lamp-1", here.server.account()))
        .await
        .is(StatusCode::NO_CONTENT);
    assert_eq!(here.state(&push).await, "cancelled");
    here.push(&lamp, text(&id, "id"), "lamp-1").await.is_error(404, "not_found");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_newer_push_supersedes_and_an_older_one_is_refused(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    here.api.device(&here.server.account(), &lamp, "lamp-1").await;
    let (_, older) = here.publish(&lamp, 3, "1").await;
    let (_, newer) = here.publish(&lamp, 3, "2").await;
    let (_, of_another_type) = here.publish(&lamp, 5, "3").await;

    let first = here.pushed(&lamp, &older, "lamp-1").await;
    let second = here.pushed(&lamp, &newer, "lamp-1").await;
    let third = here.pushed(&lamp, &of_another_type, "lamp-1").await;
    assert_eq!(here.state(&first).await, "superseded");
    assert_eq!(here.state(&second).await, "offered");
    assert_eq!(here.state(&third).await, "offered");
    here.push(&lamp, &older, "lamp-1").await.is_error(409, "newer_under_way");
    here.api.delete(&first).await.is_error(409, "push_has_ended");
    // Once nothing newer is on its way, the older one may go.
    here.api.delete(&second).await.is(StatusCode::NO_CONTENT);
    here.pushed(&lamp, &older, "lamp-1").await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn pushes_are_listed_filtered_and_sorted(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    for device in ["lamp-1", "lamp-2"] {
        here.api.device(&here.server.account(), &lamp, device).await;
    }
    let (_, application) = here.publish(&lamp, 3, "1").await;
    let (_, hub) = here.publish(&lamp, 5, "2").await;
    let mut pushes = Vec::new();
    for (image, device) in [(&application, "lamp-2"), (&hub, "lamp-1"), (&application, "lamp-1"), (&hub, "lamp-2")] {
        pushes.push(here.pushed(&lamp, image, device).await);
    }
    here.api.delete(&pushes[1]).await.is(StatusCode::NO_CONTENT);

    let page = here.api.get(&here.ota("pushes")).await.ok().body;
    fields_are(&page, PAGE);
    assert_eq!((&page["totalElements"], &page["sort"]), (&json!(4), &json!("createdTimestamp: DESC")));
    for push in page["content"].as_array().unwrap() {
        let ended: &[&str] = if push["state"] == "cancelled" { &["finishedTimestamp"] } else { &[] };
        fields_are(push, &and(PUSH, ended));
    }
    let listed = async |query: &str| {
        let found = here.api.all(&here.ota(&format!("pushes?{query}"))).await;
        let place = |push: &Value| pushes.iter().position(|path| path.ends_with(text(push, "id"))).unwrap();
        let mut places: Vec<_> = found.iter().map(place).collect();
        places.sort_unstable();
        places
    };
    for (query, expected) in [
        ("", &[0, 1, 2, 3][..]),
        ("deviceId=lamp-1", &[1, 2]),
        ("type=3", &[0, 2]),
        ("state=offered", &[0, 2, 3]),
        ("state=cancelled&deviceId=lamp-1&type=5", &[1]),
        ("state=timed_out", &[]),
        ("deviceId=lamp", &[]),
    ] {
        assert_eq!(listed(query).await, expected, "{query}");
    }
    for (query, field) in [("state=done", "state"), ("type=0", "type"), ("type=x", "type"), ("sort=history", "sort")]
    {
        let refused = here.api.get(&here.ota(&format!("pushes?{query}"))).await;
        assert_eq!(refused.is_error(400, "invalid_fields").fields(), [field]);
    }
    for (field, expected) in
        [("deviceId", "lamp-1lamp-1lamp-2lamp-2"), ("type", "3355"), ("state", "cancelledofferedofferedoffered")]
    {
        for (direction, descending) in [("asc", false), ("desc", true)] {
            let page = here.api.get(&here.ota(&format!("pushes?sort={field},{direction}"))).await.ok().body;
            let values =
                page["content"].as_array().unwrap().iter().map(|push| push[field].to_string().replace('"', ""));
            let mut values: Vec<_> = values.collect();
            if descending {
                values.reverse();
            }
            assert_eq!(values.concat(), expected);
        }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_a_device_runs_or_less_is_never_pushed_to_it(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    let token = here.api.device(&here.server.account(), &lamp, "lamp-1").await;
    let (_, older) = here.publish(&lamp, 3, "1").await;
    let (_, newer) = here.publish(&lamp, 3, "2").await;
    let (_, newest) = here.publish(&lamp, 3, "3").await;

    // The device fetches the second one and says that it runs it.
    let push = here.pushed(&lamp, &newer, "lamp-1").await;
    let device = |method: Method, url: &str| {
        here.api.http.request(method, url).header("authorization", format!("TargetToken {token}"))
    };
    let base =
        Answer::of(device(Method::GET, &format!("{}/default/controller/v1/lamp-1", here.server.url()))).await.ok();
    let deployment = text(&base.body["_links"]["deploymentBase"], "href").split('?').next().unwrap().to_owned();
    let fetched = Answer::of(device(Method::GET, &deployment)).await.ok().body;
    let done =
        json!({ "id": fetched["id"], "status": { "execution": "closed", "result": { "finished": "success" } } });
    Answer::of(device(Method::POST, &format!("{deployment}/feedback")).json(&done)).await.ok();
    let ended = here.api.get(&push).await.ok().body;
    assert_eq!((&ended["state"], &ended["progress"]), (&json!("succeeded"), &json!(100)));
    fields_are(&ended, &and(PUSH, &["history", "progress", "startedTimestamp", "finishedTimestamp"]));

    here.push(&lamp, &newer, "lamp-1").await.is_error(409, "already_installed");
    here.push(&lamp, &older, "lamp-1").await.is_error(409, "newer_installed");
    here.pushed(&lamp, &newest, "lamp-1").await;
    let shown = here.api.get(&here.own("devices/lamp-1?expansions=attributes")).await.ok().body;
    let version = &shown["versions"][0];
    fields_are(version, &["type", "versionNumber", "version", "updatedTimestamp"]);
    assert_eq!((&version["type"], &version["version"]), (&json!(3), &json!("2")));
    let attribute = &shown["attributes"][0];
    fields_are(attribute, &["id", "data", "updatedTimestamp"]);
    let number = integer(version, "versionNumber").to_le_bytes();
    assert_eq!(
        (&attribute["id"], text(attribute, "data")),
        (&json!(2003), data_encoding::HEXLOWER.encode(&number).as_str())
    );
}
