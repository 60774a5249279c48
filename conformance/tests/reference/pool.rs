//! `/pool` and `/tags`, apart from their pages

use otaria_conformance::{Answer, Engine, fields_are};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Here, IMAGE, and, integer, is_millis, long, text, with};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_image_is_created_with_what_is_given(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let bare = here.plain_image(5, "1.0").await;
    fields_are(&bare, &and(IMAGE, &["versionAttributeId"]));
    assert_eq!((&bare["url"], &bare["tags"]), (&json!(""), &json!([])));
    assert_eq!((&bare["type"], &bare["versionAttributeId"]), (&json!(5), &json!(2005)));
    assert_eq!(bare["partnerId"], here.partner);
    is_millis(&bare, "createdTimestamp");
    is_millis(&bare, "updatedTimestamp");
    assert!(integer(&bare, "id") > 0 && integer(&bare, "versionNumber") > 0);

    // A client that sends a whole record back, with another version, makes another image of it.
    let again = with(
        &bare,
        json!({
            "version": "2.0", "type": "5", "description": "line\n\tline", "url": "TBD", "url2": { "deep": [1] },
            "tags": [" qa ", "release", "qa"], "associations": {},
        }),
    );
    let full = here.image(again).await;
    fields_are(&full, &and(IMAGE, &["versionAttributeId", "description"]));
    assert_eq!(full["tags"], json!(["qa", "release"]));
    assert_eq!((text(&full, "description"), text(&full, "url")), ("line\n\tline", "TBD"));
    assert_ne!(full["id"], bare["id"]);
    let nulls = json!({
        "name": "nulls", "type": 5, "version": "1", "description": null, "url": null, "tags": null, "associations": null,
    });
    let nulls = here.image(nulls).await;
    fields_are(&nulls, &and(IMAGE, &["versionAttributeId"]));
    let numbers: Vec<_> = [&bare, &full, &nulls].map(|image| integer(image, "versionNumber")).to_vec();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");

    // What a list shows of it is the same but for the attribute.
    let shown = |image: &Value| with(image, json!({ "versionAttributeId": null }));
    assert_eq!(here.pool().await, [shown(&bare), shown(&full), shown(&nulls)]);
    assert_eq!(here.api.get(&here.ota("tags")).await.ok().body, json!(["qa", "release"]));

    let taken = here.create_image(with(&full, json!({ "url": "other" }))).await;
    taken.is_error(409, "firmware_image_exists");
    here.image(with(&full, json!({ "type": 3 }))).await;
    here.image(with(&full, json!({ "name": "App" }))).await;
    assert_eq!(here.pool().await.len(), 5);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_type_of_an_image_must_be_known(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let body = json!({ "name": "app", "type": 101, "version": "1" });
    for unknown in
        [json!(4), json!(9), json!(100), json!(101), json!(201), json!(0), json!("three"), json!(3.5), Value::Null]
    {
        let refused = here.create_image(with(&body, json!({ "type": unknown }))).await;
        assert_eq!(refused.is_error(400, "invalid_fields").fields(), ["type"], "{unknown}");
    }
    here.api.post(&here.ota("types"), json!({ "name": "Own", "type": 101 })).await.is(StatusCode::CREATED);
    assert_eq!(here.image(body).await["versionAttributeId"], 2101);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn limits_are_to_the_character_and_are_named(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let tags: Vec<_> = (0..32).map(|number| format!("{number:02}{}", long(33))).collect();
    let largest = json!({
        "name": long(255), "type": 3, "version": long(64), "description": format!("\n\t{}", long(498)),
        "url": long(2048), "tags": tags,
    });
    let made = here.image(largest.clone()).await;
    for name in ["name", "version", "description", "url", "tags"] {
        assert_eq!(made[name], largest[name]);
    }
    let path = here.ota(&format!("pool/types/3/versionNumbers/{}", text(&made, "versionNumber")));
    here.api.put(&path, largest.clone()).await.is(StatusCode::NO_CONTENT);

    let too_many: Vec<_> = (0..33).map(|number| number.to_string()).collect();
    for (change, field) in [
        (json!({ "name": long(256) }), "name"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": null }), "name"),
        (json!({ "name": "tab\there" }), "name"),
        (json!({ "name": "nul\u{0}" }), "name"),
        (json!({ "name": ["app"] }), "name"),
        (json!({ "version": long(65) }), "version"),
        (json!({ "version": "" }), "version"),
        (json!({ "version": null }), "version"),
        (json!({ "version": "1\n" }), "version"),
        (json!({ "description": long(501) }), "description"),
        (json!({ "description": "nul\u{0}" }), "description"),
        (json!({ "description": "return\r\n" }), "description"),
        (json!({ "url": long(2049) }), "url"),
        (json!({ "url": "http://x/\u{7f}" }), "url"),
        (json!({ "tags": too_many }), "tags"),
        (json!({ "tags": ["qa", long(36)] }), "tags[1]"),
        (json!({ "tags": ["a,b"] }), "tags[0]"),
        (json!({ "tags": [" "] }), "tags[0]"),
        (json!({ "tags": ["a\tb"] }), "tags[0]"),
        (json!({ "tags": [null] }), "tags[0]"),
    ] {
        let body = with(&largest, change);
        let refused = here.create_image(with(&body, json!({ "type": 5 }))).await.is_error(400, "invalid_fields");
        assert_eq!(refused.fields(), [field], "{}", refused.text);
        let refused = here.api.put(&path, body).await.is_error(400, "invalid_fields");
        assert_eq!(refused.fields(), [field], "{}", refused.text);
    }
    let all_at_once = here.create_image(json!({ "url": long(2049), "tags": [""] })).await;
    let mut fields = all_at_once.is_error(400, "invalid_fields").fields();
    fields.sort();
    assert_eq!(fields, ["name", "tags[0]", "type", "url", "version"]);
    assert_eq!(here.pool().await.len(), 1);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn associations_are_made_with_the_image_all_or_none(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let owner = here.server.owner().await;
    let other = here.server.another_partner("Other").await;
    let (lamp, plug) =
        (here.api.device_type(&here.partner, "Lamp").await, here.api.device_type(&here.partner, "Plug").await);
    let theirs = other.client.device_type(&other.id, "Their hub").await;
    let nowhere = uuid::Uuid::now_v7().to_string();
    let body = json!({ "name": "app", "type": 3, "version": "1" });

    let own = &here.partner;
    for (associations, status, code) in [
        (json!({ own: [lamp, nowhere] }), 404, "not_found"),
        (json!({ own: [lamp, "no id"] }), 404, "not_found"),
        (json!({ own: [lamp], &nowhere: [lamp] }), 403, "forbidden"),
        (json!({ own: [lamp], "no id": [lamp] }), 403, "forbidden"),
        (json!({ own: [lamp], &other.id: [theirs] }), 403, "forbidden"),
        (json!([lamp]), 400, "invalid_fields"),
    ] {
        let refused = here.create_image(with(&body, json!({ "associations": associations }))).await;
        refused.is_error(status, code);
    }
    assert_eq!(here.pool().await, Vec::<Value>::new());

    let body = with(&body, json!({ "associations": { own: [lamp, plug, lamp], &other.id: [theirs] } }));
    let image = owner.post(&here.ota("pool"), body).await.is(StatusCode::CREATED).body;
    let path = here.ota(&format!("pool/types/3/versionNumbers/{}/associations", text(&image, "versionNumber")));
    let found = here.api.get(&path).await.ok().body;
    let found = found.as_array().unwrap();
    assert_eq!(found.len(), 3);
    for association in found {
        fields_are(association, &["name", "partnerId", "email", "deviceTypeId", "deviceTypeName", "firmwareImageId"]);
        integer(association, "firmwareImageId");
    }
    let by_type = |id: &str| found.iter().find(|association| association["deviceTypeId"] == id).unwrap();
    let ours = by_type(&lamp);
    assert_eq!((text(ours, "name"), text(ours, "deviceTypeName")), ("Acme", "Lamp"));
    assert_eq!((text(ours, "partnerId"), text(ours, "email")), (here.partner.as_str(), "owner@example.com"));
    let abroad = by_type(&theirs);
    assert_eq!((text(abroad, "name"), text(abroad, "partnerId")), ("Other", other.id.as_str()));

    // At the other partner it stays the first one's image, which only the first one changes.
    let images = format!("/v1/ota/partners/{}/deviceTypes/{theirs}/firmwareImages", other.id);
    let shown = other.client.all(&images).await;
    assert_eq!((text(&shown[0], "partnerId"), text(&shown[0], "deviceTypeId")), (own.as_str(), theirs.as_str()));
    assert_eq!(shown[0]["id"], abroad["firmwareImageId"]);
    let number = text(&image, "versionNumber");
    let change = json!({ "name": "mine", "version": "1" });
    let path = format!("/v1/ota/partners/{}/pool/types/3/versionNumbers/{number}", other.id);
    other.client.put(&path, change).await.is_error(404, "not_found");
    other.client.get(&format!("{path}/associations")).await.is_error(404, "not_found");

    // A partner's own types stay inside it, whoever asks.
    owner.post(&here.ota("types"), json!({ "name": "Own", "type": 101 })).await.is(StatusCode::CREATED);
    let abroad = json!({ "name": "app", "type": 101, "version": "1", "associations": { &other.id: [theirs] } });
    let refused = owner.post(&here.ota("pool"), abroad).await.is_error(400, "invalid_fields");
    assert_eq!(refused.fields(), ["associations"]);
    let inside = here.image(json!({ "name": "app", "type": 101, "version": "1" })).await;
    let refused = owner.post(&images, inside).await.is_error(400, "invalid_fields");
    assert_eq!(refused.fields(), ["type"]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn exists_takes_any_name_and_version_in_its_path(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let (name, version) = ("front door/größe 100% 🔒", "v1.0+rc/2?");
    let image = here.image(json!({ "name": name, "type": 3, "version": version })).await;
    let id = text(&image, "id");
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let path = |number: i64, name: &str, version: &str| {
        here.ota(&format!("pool/types/{number}/names/{}/versions/{}/exists", encode(name), encode(version)))
    };
    let found = here.api.get(&path(3, name, version)).await.ok().body;
    fields_are(&found, &["value"]);
    assert_eq!(found["value"], true);
    let elsewhere = format!("{}?excludeFirmwareImageId=1{id}", path(3, name, version));
    assert_eq!(here.api.get(&elsewhere).await.ok().body["value"], true);
    for path in [
        path(5, name, version),
        path(3, "front door", version),
        path(3, &name.to_uppercase(), version),
        path(3, name, "v1.0 rc/2?"),
        format!("{}?excludeFirmwareImageId={id}", path(3, name, version)),
    ] {
        assert_eq!(here.api.get(&path).await.ok().body, json!({ "value": false }), "{path}");
    }
    let refused = here.api.get(&format!("{}?excludeFirmwareImageId=x", path(3, name, version))).await;
    assert_eq!(refused.is_error(400, "invalid_fields").fields(), ["excludeFirmwareImageId"]);
    here.api.get(&path(300, name, version)).await.is_error(404, "not_found");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn put_replaces_what_is_said_and_never_what_it_is(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    let own = &here.partner;
    let made = here
        .image(json!({
            "name": "app", "type": 3, "version": "1", "description": "first", "tags": ["qa"],
            "associations": { own: [lamp] },
        }))
        .await;
    let neighbour = here.plain_image(3, "2").await;
    let path = here.ota(&format!("pool/types/3/versionNumbers/{}", text(&made, "versionNumber")));

    let foreign = json!({
        "id": "999", "type": 5, "versionNumber": "999", "partnerId": "x", "createdTimestamp": 1, "url2": "x",
        "url": "https://elsewhere.example/app.bin", "tags": ["release"],
    });
    assert_eq!(here.api.put(&path, with(&made, foreign)).await.is(StatusCode::NO_CONTENT).text, "");
    let now = here.pool().await[0].clone();
    assert!(now["updatedTimestamp"].as_i64() >= made["updatedTimestamp"].as_i64());
    let expected = json!({
        "url": "https://elsewhere.example/app.bin", "tags": ["release"], "versionAttributeId": null,
        "updatedTimestamp": now["updatedTimestamp"],
    });
    assert_eq!(now, with(&made, expected));
    // Associated images show it.
    let associated = here.api.all(&here.images(&lamp, "")).await[0].clone();
    for name in ["name", "version", "description", "url", "tags", "versionNumber"] {
        assert_eq!(associated[name], now[name]);
    }

    // The header as the reference misspells it, and no content type; description and tags that are left out are removed.
    let request = here.api.request(Method::PUT, &path).header("Content_Type", "application/json");
    let put = Answer::of(request.body(r#"{"name": "app", "version": "1.1"}"#)).await;
    put.is(StatusCode::NO_CONTENT);
    let now = here.pool().await[0].clone();
    fields_are(&now, IMAGE);
    assert_eq!(
        (text(&now, "version"), text(&now, "url"), &now["tags"]),
        ("1.1", "https://elsewhere.example/app.bin", &json!([]))
    );
    assert_eq!(here.api.get(&here.ota("tags")).await.ok().body, json!([]));

    let taken = here.api.put(&path, json!({ "name": "app", "version": "2" })).await;
    taken.is_error(409, "firmware_image_exists");
    let elsewhere = here.ota(&format!("pool/types/5/versionNumbers/{}", text(&made, "versionNumber")));
    for path in
        [elsewhere, here.ota("pool/types/3/versionNumbers/987654321"), here.ota("pool/types/3/versionNumbers/x")]
    {
        here.api.put(&path, json!({ "name": "app", "version": "3" })).await.is_error(404, "not_found");
        here.api.get(&format!("{path}/associations")).await.is_error(404, "not_found");
    }
    let number = text(&neighbour, "versionNumber");
    let unassociated = here.ota(&format!("pool/types/3/versionNumbers/{number}/associations"));
    assert_eq!(here.api.get(&unassociated).await.ok().body, json!([]));
}
