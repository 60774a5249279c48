//! Pages, orders and filters, in every list that has them

use std::cmp::Ordering;

use otaria_conformance::{Engine, fields_are};
use reqwest::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Here, PAGE, integer, text};

const SORTABLE: [&str; 8] =
    ["id", "name", "description", "type", "version", "versionNumber", "createdTimestamp", "updatedTimestamp"];

/// How two images compare by a field: numbers as numbers, text by bytes, absent last in either direction.
fn compare(one: &Value, other: &Value, field: &str, descending: bool) -> Ordering {
    let directed = |order: Ordering| if descending { order.reverse() } else { order };
    match (&one[field], &other[field]) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Greater,
        (_, Value::Null) => Ordering::Less,
        _ if ["id", "versionNumber"].contains(&field) => directed(integer(one, field).cmp(&integer(other, field))),
        (Value::String(one), Value::String(other)) => directed(one.as_bytes().cmp(other.as_bytes())),
        (one, other) => directed(one.as_i64().cmp(&other.as_i64())),
    }
}

fn ids(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| text(record, "id")).collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn images_sort_on_every_field_in_both_directions(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    let own = &here.partner;
    for (name, firmware_type, version, description) in [
        ("b", 3, "10", Some("zeta")),
        ("a", 3, "9", None),
        ("Ä", 5, "9", Some("Alpha")),
        ("B", 5, "1.0-rc", Some("alpha")),
        ("_", 3, "1.0", None),
        ("b", 3, "ä", Some("zeta")),
        ("aa", 5, "🔒", Some("")),
        ("a b", 3, "\u{fffd}", Some("\u{fffd}")),
        ("a-b", 3, "1", Some("🔒")),
        ("b", 5, "2", None),
        ("b", 5, "3", None),
    ] {
        let body = json!({
            "name": name, "type": firmware_type, "version": version, "description": description,
            "associations": { own: [lamp] },
        });
        here.image(body).await;
    }
    // Another order of the changes than of the ids.
    let pool = here.pool().await;
    for image in [&pool[4], &pool[0]] {
        let path = here.ota(&format!("pool/types/3/versionNumbers/{}", text(image, "versionNumber")));
        here.api.put(&path, image.clone()).await.is(StatusCode::NO_CONTENT);
    }
    for list in [here.ota("pool"), here.ota("pool/types/3"), here.images(&lamp, ""), here.images(&lamp, "/types/5")] {
        let records = here.api.all(&list).await;
        assert!(records.len() > 3);
        for field in SORTABLE {
            for (suffix, descending) in [("", false), (",asc", false), (",desc", true), (",DESC", true)] {
                let page = here.api.get(&format!("{list}?sort={field}{suffix}")).await.ok().body;
                let words = format!("{field}: {}", if descending { "DESC" } else { "ASC" });
                assert_eq!(page["sort"], words);
                let found = page["content"].as_array().unwrap();
                assert_eq!(found.len(), records.len());
                let sorted = found.is_sorted_by(|one, next| {
                    compare(one, next, field, descending).then(compare(one, next, "id", descending)).is_lt()
                });
                assert!(sorted, "{list} by {words}: {found:#?}");
            }
        }
        let page = here.api.get(&format!("{list}?sort=name,desc&sort=version&sort=name")).await.ok().body;
        assert_eq!(page["sort"], "name: DESC,version: ASC");
        let sorted = page["content"].as_array().unwrap().is_sorted_by(|one, next| {
            compare(one, next, "name", true).then(compare(one, next, "version", false)).is_lt()
        });
        assert!(sorted, "{page:#}");
        let newest_first = here.api.get(&list).await.ok().body;
        assert_eq!(newest_first["sort"], "createdTimestamp: DESC");
        for wrong in ["tags", "partnerId", "name,up", "Name", "id;drop"] {
            let refused = here.api.get(&format!("{list}?sort={wrong}")).await.is_error(400, "invalid_fields");
            assert_eq!(refused.fields(), ["sort"]);
            assert!(refused.text.contains(&SORTABLE.join(", ")), "{}", refused.text);
        }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_page_says_where_it_is(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let empty = here.api.get(&here.ota("pool")).await.ok().body;
    fields_are(&empty, PAGE);
    let expected = json!({
        "number": 0, "size": 50, "totalPages": 0, "numberOfElements": 0, "totalElements": 0, "content": [],
        "sort": "createdTimestamp: DESC",
    });
    assert_eq!(empty, expected);
    for version in 0..5 {
        here.plain_image(3, &version.to_string()).await;
    }
    let all = here.pool().await;
    for (query, number, size, total_pages, expected) in [
        ("page=0&size=2&sort=id", 0, 2, 3, &all[..2]),
        ("page=2&size=2&sort=id", 2, 2, 3, &all[4..]),
        ("page=3&size=2&sort=id", 3, 2, 3, &[]),
        ("size=5&sort=id", 0, 5, 1, &all[..]),
        ("size=1001&sort=id", 0, 1000, 1, &all[..]),
        ("page=&size=&sort=id", 0, 50, 1, &all[..]),
        ("page=9223372036854775807&size=1000&sort=id", i64::MAX, 1000, 1, &[]),
    ] {
        let page = here.api.get(&format!("{}?{query}", here.ota("pool"))).await.ok().body;
        let expected = json!({
            "number": number, "size": size, "totalPages": total_pages, "numberOfElements": expected.len(),
            "totalElements": 5, "content": expected, "sort": "id: ASC",
        });
        assert_eq!(page, expected, "{query}");
    }
    for (query, field) in
        [("page=-1", "page"), ("page=x", "page"), ("size=0", "size"), ("size=-5", "size"), ("size=1.5", "size")]
    {
        for list in [here.ota("pool"), here.ota("pushes"), here.own("deviceTypes"), here.own("devices")] {
            let refused = here.api.get(&format!("{list}?{query}")).await.is_error(400, "invalid_fields");
            assert_eq!(refused.fields(), [field]);
        }
    }
    let both = here.api.get(&format!("{}?page=-1&size=0&sort=x", here.ota("pool"))).await;
    assert_eq!(both.is_error(400, "invalid_fields").fields(), ["page", "size", "sort"]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn tags_keep_the_images_that_carry_one_of_them(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    let own = &here.partner;
    let mut images = Vec::new();
    for (version, firmware_type, tags) in [
        ("1", 3, json!(["qa"])),
        ("2", 3, json!(["release", "größe 1"])),
        ("3", 5, json!(["QA", "release"])),
        ("4", 3, json!([])),
        ("5", 3, json!(["qa2", "%"])),
    ] {
        let associations = json!({ own: [lamp] });
        let body = json!({ "name": "app", "type": firmware_type, "version": version, "tags": tags, "associations": associations });
        images.push(here.image(body).await);
    }
    // By bytes: capitals first.
    assert_eq!(
        here.api.get(&here.ota("tags")).await.ok().body,
        json!(["%", "QA", "größe 1", "qa", "qa2", "release"])
    );
    let versions = async |list: &str, tags: &str| {
        let page = here.api.get(&format!("{list}?sort=version&tags={tags}")).await.ok().body;
        let found = page["content"].as_array().unwrap();
        assert_eq!(page["totalElements"], found.len());
        found.iter().map(|image| text(image, "version")).collect::<String>()
    };
    for (tags, of_all, of_type_3) in [
        ("qa", "1", "1"),
        ("qa,release", "123", "12"),
        ("%20qa%20,,nothing", "1", "1"),
        ("gr%C3%B6%C3%9Fe+1", "2", "2"),
        ("%25", "5", "5"),
        ("q", "", ""),
        ("", "12345", "1245"),
    ] {
        assert_eq!(versions(&here.ota("pool"), tags).await, of_all, "{tags}");
        assert_eq!(versions(&here.ota("pool/types/3"), tags).await, of_type_3, "{tags}");
        assert_eq!(versions(&here.images(&lamp, ""), tags).await, of_all, "{tags}");
        assert_eq!(versions(&here.images(&lamp, "/types/3"), tags).await, of_type_3, "{tags}");
    }
    assert_eq!(versions(&here.ota("pool/types/101"), "").await, "");
    here.api.get(&here.ota("pool/types/0")).await.is_error(404, "not_found");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_walk_by_id_neither_repeats_nor_misses_while_others_add(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    for version in 0..15 {
        here.plain_image(3, &format!("before {version}")).await;
    }
    let before = here.pool().await;
    let (added, mut adding) = tokio::sync::mpsc::channel::<()>(1);
    let adder = {
        let (api, path) = (here.api.clone(), here.ota("pool"));
        tokio::spawn(async move {
            for version in 0.. {
                let body = json!({ "name": "more", "type": 3, "version": version.to_string() });
                api.post(&path, body).await.is(StatusCode::CREATED);
                if added.send(()).await.is_err() {
                    break;
                }
            }
        })
    };
    let mut walked = Vec::new();
    for page in 0.. {
        // At least one more between any two pages.
        adding.recv().await.unwrap();
        let found = here.api.get(&format!("{}?sort=id&size=3&page={page}", here.ota("pool"))).await.ok().body;
        let found = found["content"].as_array().unwrap().clone();
        let is_last = found.len() < 3;
        walked.extend(found);
        if is_last {
            break;
        }
    }
    drop(adding);
    adder.await.unwrap();
    let walked = ids(&walked);
    let after = here.pool().await;
    assert!(walked.len() > before.len(), "nothing was added during the walk");
    assert_eq!(walked, ids(&after)[..walked.len()]);
}
