//! `/types`

use otaria_conformance::{Engine, fields_are};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Here, TYPE, and, integer, is_millis, long, text, with};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_type_is_created_read_and_replaced(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let types = here.ota("types");

    let body =
        json!({ "name": "Motor table", "description": "Curves\n\tby motor", "type": 101, "id": "77", "url2": [] });
    let made = here.api.post(&types, body).await.is(StatusCode::CREATED).body;
    fields_are(&made, &and(TYPE, &["description"]));
    integer(&made, "id");
    is_millis(&made, "createdTimestamp");
    assert_eq!(made["createdTimestamp"], made["updatedTimestamp"]);
    assert_eq!((text(&made, "name"), text(&made, "description")), ("Motor table", "Curves\n\tby motor"));
    assert_eq!((&made["type"], &made["versionAttributeId"]), (&json!(101), &json!(2101)));
    assert_eq!(made["partnerId"], here.partner);

    let plain = here.api.post(&types, json!({ "name": "Plain", "description": null, "type": "200" })).await;
    let plain = plain.is(StatusCode::CREATED).body;
    fields_are(&plain, TYPE);
    assert_eq!(plain["type"], 200);
    here.api.post(&types, json!({ "name": "Again", "type": 101 })).await.is_error(409, "firmware_type_exists");

    assert_eq!(here.api.get(&types).await.ok().body, json!([made, plain]));
    assert_eq!(here.api.get(&format!("{types}/101")).await.ok().body, json!([made]));
    here.api.get(&format!("{types}/102")).await.is_error(404, "not_found");
    here.api.get(&format!("{types}/motor")).await.is_error(404, "not_found");

    // The whole record goes back: only the name changes, and the description, left out, goes.
    let change = with(&made, json!({ "name": "Motor curves", "description": null, "type": 150, "partnerId": "x" }));
    let changed = here.api.put(&format!("{types}/101"), change).await.is(StatusCode::NO_CONTENT);
    assert_eq!(changed.text, "");
    let now = here.api.get(&format!("{types}/101")).await.ok().body[0].clone();
    assert!(now["updatedTimestamp"].as_i64() >= made["updatedTimestamp"].as_i64());
    let expected =
        json!({ "name": "Motor curves", "description": null, "updatedTimestamp": now["updatedTimestamp"] });
    assert_eq!(now, with(&made, expected));
    here.api.put(&format!("{types}/102"), json!({ "name": "x" })).await.is_error(404, "not_found");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_platforms_types_are_there_from_the_start(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let types = here.ota("types");
    assert_eq!(here.api.get(&types).await.ok().body, json!([]));

    let all = here.api.get(&format!("{types}?includePlatform=true")).await.ok().body;
    let names: Vec<_> =
        all.as_array().unwrap().iter().map(|known| (known["type"].clone(), text(known, "name"))).collect();
    let expected = [
        "BOOTLOADER",
        "SOFT_DEVICE",
        "APPLICATION",
        "DEVICE_DESCRIPTION",
        "HUB",
        "WIFI",
        "WIFI_CERTIFICATES",
        "WAN_APN_LIST",
    ];
    assert_eq!(names, (1..).map(|number| json!(number)).zip(expected).collect::<Vec<_>>());
    let hub = here.api.get(&format!("{types}/5")).await.ok().body;
    assert_eq!(hub, json!([all[4]]));
    fields_are(&hub[0], &and(TYPE, &["description"]));
    assert_eq!(hub[0]["versionAttributeId"], 2005);
    here.api.put(&format!("{types}/5"), json!({ "name": "Mine" })).await.is_error(403, "forbidden");

    for firmware_type in [1, 2, 3, 5, 6, 7, 8] {
        let image = here.plain_image(firmware_type, "1").await;
        assert_eq!(image["versionAttributeId"], 2000 + firmware_type);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_a_type_may_not_be_is_named(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let types = here.ota("types");
    for number in [
        json!(0),
        json!(5),
        json!(100),
        json!(201),
        json!(-101),
        json!(101.5),
        json!("1e2"),
        json!(true),
        Value::Null,
    ] {
        let refused = here.api.post(&types, json!({ "name": "x", "type": number })).await;
        assert_eq!(refused.is_error(400, "invalid_fields").fields(), ["type"], "{number}");
    }
    let good = json!({ "name": long(255), "type": 101, "description": format!("\n\t{}", long(498)) });
    here.api.post(&types, good.clone()).await.is(StatusCode::CREATED);
    for (change, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": null }), "name"),
        (json!({ "name": long(256) }), "name"),
        (json!({ "name": "a\nb" }), "name"),
        (json!({ "name": 5 }), "name"),
        (json!({ "description": long(501) }), "description"),
        (json!({ "description": "a\u{7}b" }), "description"),
    ] {
        let body = with(&good, change);
        let created = here.api.post(&types, with(&body, json!({ "type": 102 }))).await;
        assert_eq!(created.is_error(400, "invalid_fields").fields(), [field], "{body}");
        let changed = here.api.put(&format!("{types}/101"), body.clone()).await;
        assert_eq!(changed.is_error(400, "invalid_fields").fields(), [field], "{body}");
    }
    let all_at_once = here.api.post(&types, json!({ "description": long(501) })).await;
    assert_eq!(all_at_once.is_error(400, "invalid_fields").fields(), ["name", "description", "type"]);
    assert_eq!(here.api.get(&types).await.ok().body.as_array().unwrap().len(), 1);
}
