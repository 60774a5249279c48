//! `/deviceTypes/{deviceTypeId}/firmwareImages`, apart from their pages and pushes

use otaria_conformance::{Engine, fields_are};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Here, IMAGE, PAGE, and, integer, is_millis, text, with};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_pool_image_is_associated_read_and_dissociated(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let (lamp, plug) =
        (here.api.device_type(&here.partner, "Lamp").await, here.api.device_type(&here.partner, "Plug").await);
    let url = here.api.publish_bytes(&here.partner, "firmware").await;
    let bare = here.plain_image(3, "0").await;
    let image = here
        .image(json!({
            "name": "app", "type": 3, "version": "1", "description": "first", "tags": ["qa"], "url": url,
        }))
        .await;
    let number = text(&image, "versionNumber");

    // The record as the pool has it, with fields that the endpoint does not take.
    let record =
        with(&here.pool().await[1], json!({ "url2": "x", "associations": "whatever", "deviceTypeId": plug }));
    let made = here.api.post(&here.images(&lamp, ""), record.clone()).await.is(StatusCode::CREATED).body;
    fields_are(&made, &and(IMAGE, &["deviceTypeId", "description"]));
    let of_pool = json!({
        "id": made["id"], "deviceTypeId": lamp, "versionAttributeId": null,
        "createdTimestamp": made["createdTimestamp"], "updatedTimestamp": made["updatedTimestamp"],
    });
    assert_eq!(made, with(&image, of_pool));
    integer(&made, "id");
    is_millis(&made, "createdTimestamp");
    is_millis(&made, "updatedTimestamp");
    here.api.post(&here.images(&lamp, ""), record.clone()).await.is_error(409, "already_associated");

    // Another device type has it under an id of its own; numbers may be numbers; other fields do not count.
    let body = json!({
        "name": "app", "type": "3", "version": "1", "url": url, "versionNumber": number.parse::<i64>().unwrap(),
        "description": "ignored", "tags": ["ignored"], "deviceProfileId": "ignored",
    });
    let other = here.api.post(&here.images(&plug, ""), body).await.is(StatusCode::CREATED).body;
    assert_ne!(other["id"], made["id"]);
    assert_eq!((&other["description"], &other["tags"]), (&json!("first"), &json!(["qa"])));
    let bare = here.api.post(&here.images(&lamp, ""), bare).await.is(StatusCode::CREATED).body;
    fields_are(&bare, &and(IMAGE, &["deviceTypeId"]));
    assert_eq!((&bare["url"], &bare["tags"]), (&json!(""), &json!([])));

    let one = format!("/types/3/versionNumbers/{number}");
    assert_eq!(here.api.get(&here.images(&lamp, &one)).await.ok().body, made);
    for list in ["", "/types/3"] {
        let page = here.api.get(&here.images(&lamp, &format!("{list}?sort=versionNumber,desc"))).await.ok().body;
        fields_are(&page, PAGE);
        assert_eq!(page["content"], json!([made, bare]));
    }
    assert_eq!(here.api.get(&here.images(&lamp, "/types/5")).await.ok().body["content"], json!([]));

    assert_eq!(here.api.delete(&here.images(&lamp, &one)).await.is(StatusCode::NO_CONTENT).text, "");
    here.api.get(&here.images(&lamp, &one)).await.is_error(404, "not_found");
    here.api.delete(&here.images(&lamp, &one)).await.is_error(404, "not_found");
    here.api.get(&here.images(&plug, &one)).await.ok();
    assert_eq!(here.pool().await.len(), 2);
    let again = here.api.post(&here.images(&lamp, ""), record).await.is(StatusCode::CREATED).body;
    assert_ne!(again["id"], made["id"]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_association_must_be_of_what_the_pool_has(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    let image = here.image(json!({ "name": "app", "type": 3, "version": "1", "url": "TBD" })).await;
    let number = text(&image, "versionNumber");
    let nowhere = uuid::Uuid::now_v7().to_string();

    for (change, field) in [
        (json!({ "name": "App" }), "name"),
        (json!({ "version": "1.0" }), "version"),
        (json!({ "url": "https://elsewhere.example" }), "url"),
        (json!({ "url": "" }), "url"),
    ] {
        let refused = here.api.post(&here.images(&lamp, ""), with(&image, change)).await;
        let refused = refused.is_error(409, "differs_from_pool");
        assert!(text(&refused.body, "error_description").contains(&format!(" {field} ")), "{}", refused.text);
    }
    for (change, field) in [
        (json!({ "versionNumber": null }), "versionNumber"),
        (json!({ "versionNumber": "x" }), "versionNumber"),
        (json!({ "versionNumber": "9223372036854775808" }), "versionNumber"),
        (json!({ "versionNumber": 1.5 }), "versionNumber"),
        (json!({ "type": null }), "type"),
        (json!({ "type": 300 }), "type"),
        (json!({ "name": null }), "name"),
        (json!({ "version": null }), "version"),
    ] {
        let refused = here.api.post(&here.images(&lamp, ""), with(&image, change)).await;
        assert_eq!(refused.is_error(400, "invalid_fields").fields(), [field]);
    }
    for change in [json!({ "versionNumber": "987654321" }), json!({ "type": 5 })] {
        here.api.post(&here.images(&lamp, ""), with(&image, change)).await.is_error(404, "not_found");
    }
    for device_type in [nowhere.as_str(), "no id"] {
        let device_type = device_type.replace(' ', "%20");
        here.api.post(&here.images(&device_type, ""), image.clone()).await.is_error(404, "not_found");
        for path in ["", "/types/3", &format!("/types/3/versionNumbers/{number}")] {
            here.api.get(&here.images(&device_type, path)).await.is_error(404, "not_found");
        }
    }
    for path in [
        format!("/types/3/versionNumbers/{number}"),
        "/types/x/versionNumbers/1".into(),
        "/types/3/versionNumbers/-1".into(),
    ] {
        here.api.get(&here.images(&lamp, &path)).await.is_error(404, "not_found");
        here.api.delete(&here.images(&lamp, &path)).await.is_error(404, "not_found");
    }
    assert_eq!(here.api.all(&here.images(&lamp, "")).await, Vec::<Value>::new());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_device_description_is_made_under_its_device_type(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    let body = json!({
        "name": "Lamp profile", "type": 4, "versionNumber": "999999", "version": "1", "url": "",
        "deviceDescriptionId": "dd-1", "deviceProfileId": "dp-1", "tags": ["qa"], "description": "d",
    });
    let made = here.api.post(&here.images(&lamp, ""), body.clone()).await.is(StatusCode::CREATED).body;
    let described = ["deviceTypeId", "description", "deviceDescriptionId", "deviceProfileId"];
    fields_are(&made, &and(IMAGE, &described));
    assert_eq!(
        (&made["type"], &made["deviceDescriptionId"], &made["deviceProfileId"]),
        (&json!(4), &json!("dd-1"), &json!("dp-1"))
    );
    assert_ne!(made["versionNumber"], "999999");

    let plain = json!({ "name": "Lamp profile", "type": "4", "version": "2" });
    let plain = here.api.post(&here.images(&lamp, ""), plain).await.is(StatusCode::CREATED).body;
    fields_are(&plain, &and(IMAGE, &["deviceTypeId"]));
    assert!(integer(&plain, "versionNumber") > integer(&made, "versionNumber"));

    let one = format!("/types/4/versionNumbers/{}", text(&made, "versionNumber"));
    assert_eq!(here.api.get(&here.images(&lamp, &one)).await.ok().body, made);
    for list in ["", "/types/4"] {
        assert_eq!(here.api.all(&here.images(&lamp, list)).await, [made.clone(), plain.clone()]);
    }
    assert_eq!(here.pool().await, Vec::<Value>::new());
    for (change, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "version": null }), "version"),
        (json!({ "tags": [""] }), "tags[0]"),
    ] {
        let refused = here.api.post(&here.images(&lamp, ""), with(&body, change)).await;
        assert_eq!(refused.is_error(400, "invalid_fields").fields(), [field]);
    }
    here.api.delete(&here.images(&lamp, &one)).await.is(StatusCode::NO_CONTENT);
    assert_eq!(here.api.all(&here.images(&lamp, "")).await, [plain]);
}
