//! Partners, people, accounts, device types and devices: what the reference's platform did elsewhere

use otaria_conformance::{Engine, fields_are};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::{Here, PAGE, and, is_millis, long, text, with};

const PARTNER: &[&str] = &["partnerId", "name", "clientId", "createdTimestamp"];
const ACCOUNT: &[&str] = &["accountId", "description", "type", "createdTimestamp"];
const DEVICE_TYPE: &[&str] = &["deviceTypeId", "name", "partnerId", "createdTimestamp", "updatedTimestamp"];
const DEVICE: &[&str] = &[
    "deviceId",
    "deviceTypeId",
    "partnerId",
    "friendlyName",
    "virtual",
    "developerDevice",
    "updating",
    "disconnectNotificationLevel",
    "createdTimestamp",
];
const STATE: &[&str] =
    &["available", "visible", "dirty", "rebooted", "connectable", "connected", "linked", "rssi", "updatedTimestamp"];

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_admin_makes_partners(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let owner = here.server.owner().await;
    let body = json!({ "name": "Maker", "shortName": "maker-1", "contactEmail": "ota@maker.example" });
    here.api.post("/v1/partners", body.clone()).await.is_error(403, "forbidden");
    let made = owner.post("/v1/partners", body).await.is(StatusCode::CREATED).body;
    fields_are(&made, &and(PARTNER, &["shortName", "contactEmail", "clientSecret"]));
    is_millis(&made, "createdTimestamp");
    let path = format!("/v1/partners/{}", text(&made, "partnerId"));
    let shown = with(&made, json!({ "clientSecret": null }));
    assert_eq!(owner.get(&path).await.ok().body, shown);
    let client = here.server.client_of(text(&made, "clientId"), text(&made, "clientSecret")).await;
    assert_eq!(client.get(&path).await.ok().body, shown);
    here.api.get(&path).await.is_error(403, "forbidden");

    let bare = owner.post("/v1/partners", json!({ "name": "Bare" })).await.is(StatusCode::CREATED).body;
    fields_are(&bare, &and(PARTNER, &["clientSecret"]));
    owner
        .post("/v1/partners", json!({ "name": "Other", "shortName": "maker-1" }))
        .await
        .is_error(409, "short_name_taken");
    let bare_path = format!("/v1/partners/{}", text(&bare, "partnerId"));
    let taken = json!({ "name": "Bare", "shortName": "maker-1" });
    owner.put(&bare_path, taken).await.is_error(409, "short_name_taken");

    let renamed =
        client.put(&path, json!({ "name": "Maker of lamps", "clientId": "x", "partnerId": "x" })).await.ok().body;
    let expected = json!({ "name": "Maker of lamps", "shortName": null, "contactEmail": null });
    assert_eq!(renamed, with(&shown, expected));
    assert_eq!(owner.get(&path).await.ok().body, renamed);
    for (change, field) in [
        (json!({ "name": "" }), "name"),
        (json!({ "name": long(256) }), "name"),
        (json!({ "shortName": "a" }), "shortName"),
        (json!({ "shortName": "a".repeat(41) }), "shortName"),
        (json!({ "shortName": "Maker" }), "shortName"),
        (json!({ "shortName": "v1" }), "shortName"),
        (json!({ "shortName": "oauth" }), "shortName"),
        (json!({ "shortName": "docs" }), "shortName"),
        (json!({ "contactEmail": "nobody" }), "contactEmail"),
    ] {
        let body = with(&json!({ "name": "Good" }), change);
        let refused = owner.post("/v1/partners", body.clone()).await;
        assert_eq!(refused.is_error(400, "invalid_fields").fields(), [field]);
        assert_eq!(client.put(&path, body).await.is_error(400, "invalid_fields").fields(), [field]);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_person_sees_what_is_theirs_and_no_secret(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let other = here.server.another_partner("Other").await;
    let me = here.server.owner().await.get("/v1/users/me").await.ok();
    assert!(!me.text.contains("ecret"), "{}", me.text);
    let me = me.body;
    fields_are(&me, &["userId", "firstName", "lastName", "credential", "accountAccess", "partnerAccess", "tos"]);
    assert_eq!((&me["userId"], &me["tos"]), (&here.server.first["userId"], &json!([])));
    let credential = &me["credential"];
    fields_are(credential, &["credentialId", "type", "verified", "failedAttempts", "lastUsedTimestamp"]);
    assert_eq!((&credential["type"], &credential["failedAttempts"]), (&json!("EMAIL"), &json!(0)));
    is_millis(credential, "lastUsedTimestamp");
    let account = &me["accountAccess"][0];
    fields_are(account, &["account", "privileges"]);
    fields_are(&account["account"], ACCOUNT);
    assert_eq!(
        (&account["account"]["accountId"], &account["account"]["type"]),
        (&json!(here.server.account()), &json!("CUSTOMER"))
    );
    assert_eq!(account["privileges"], json!({ "owner": true, "canWrite": true }));
    let partners = me["partnerAccess"].as_array().unwrap();
    assert_eq!(partners.len(), 2);
    for (partner, id) in partners.iter().zip([&here.partner, &other.id]) {
        fields_are(partner, &["partner", "privileges"]);
        fields_are(&partner["partner"], PARTNER);
        assert_eq!(partner["partner"]["partnerId"], *id);
        let privileges = &partner["privileges"];
        fields_are(privileges, &["owner", "viewDeviceInfo", "manageDeviceProfiles", "inviteUsers"]);
        assert_eq!(privileges["owner"], true);
    }
    here.api.get("/v1/users/me").await.is_error(403, "forbidden");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn accounts_are_made_by_a_partners_people(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let made = here.api.post("/v1/accounts", json!({ "description": "Anna", "partnerId": here.partner })).await;
    let made = made.is(StatusCode::CREATED).body;
    fields_are(&made, ACCOUNT);
    assert_eq!((text(&made, "description"), text(&made, "type")), ("Anna", "CUSTOMER"));
    is_millis(&made, "createdTimestamp");
    let path = format!("/v1/accounts/{}", text(&made, "accountId"));
    assert_eq!(here.api.get(&path).await.ok().body, made);
    // Whoever makes it may write to it.
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    here.api.device(text(&made, "accountId"), &lamp, "lamp-1").await;

    let longest = json!({ "description": long(500), "partnerId": here.partner });
    here.api.post("/v1/accounts", longest).await.is(StatusCode::CREATED);
    for (body, field) in [
        (json!({ "partnerId": here.partner }), "description"),
        (json!({ "description": "", "partnerId": here.partner }), "description"),
        (json!({ "description": long(501), "partnerId": here.partner }), "description"),
        (json!({ "description": "x" }), "partnerId"),
    ] {
        assert_eq!(here.api.post("/v1/accounts", body).await.is_error(400, "invalid_fields").fields(), [field]);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn device_types_are_made_under_any_id(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let path = here.own("deviceTypes");
    let made = here.api.post(&path, json!({ "name": "Lamp", "description": "d\n\td", "url2": "x" })).await;
    let made = made.is(StatusCode::CREATED).body;
    fields_are(&made, &and(DEVICE_TYPE, &["description"]));
    is_millis(&made, "createdTimestamp");
    is_millis(&made, "updatedTimestamp");
    assert_eq!((text(&made, "name"), text(&made, "partnerId")), ("Lamp", here.partner.as_str()));
    let id = uuid::Uuid::now_v7().to_string();
    let given = json!({ "name": "Kettle", "deviceTypeId": id });
    let plain = here.api.post(&path, given.clone()).await.is(StatusCode::CREATED).body;
    fields_are(&plain, DEVICE_TYPE);
    assert_eq!(plain["deviceTypeId"], id);
    here.api.post(&path, given).await.is_error(409, "device_type_exists");

    for (sort, expected) in [
        ("", [&plain, &made]),
        ("sort=name", [&plain, &made]),
        ("sort=name,desc", [&made, &plain]),
        ("sort=deviceTypeId", [&made, &plain]),
        ("sort=description,desc", [&made, &plain]),
        ("sort=createdTimestamp", [&made, &plain]),
        ("sort=updatedTimestamp,desc", [&plain, &made]),
    ] {
        let page = here.api.get(&format!("{path}?{sort}")).await.ok().body;
        fields_are(&page, PAGE);
        assert_eq!(page["content"], json!(expected), "{sort}");
    }
    let refused = here.api.get(&format!("{path}?sort=partnerId")).await;
    assert_eq!(refused.is_error(400, "invalid_fields").fields(), ["sort"]);

    let one = format!("{path}/{}", text(&made, "deviceTypeId"));
    assert_eq!(here.api.get(&one).await.ok().body, made);
    let changed = here.api.put(&one, json!({ "name": "Bulb", "deviceTypeId": id, "partnerId": "x" })).await.ok().body;
    let expected = json!({ "name": "Bulb", "description": null, "updatedTimestamp": changed["updatedTimestamp"] });
    assert_eq!(changed, with(&made, expected));
    assert_eq!(here.api.get(&one).await.ok().body, changed);
    for absent in [format!("{path}/{}", uuid::Uuid::now_v7()), format!("{path}/x")] {
        here.api.get(&absent).await.is_error(404, "not_found");
        here.api.put(&absent, json!({ "name": "x" })).await.is_error(404, "not_found");
    }
    for (body, field) in [
        (json!({}), "name"),
        (json!({ "name": long(256) }), "name"),
        (json!({ "name": "x", "description": long(501) }), "description"),
        (json!({ "name": "x", "deviceTypeId": "no id" }), "deviceTypeId"),
    ] {
        let refused = here.api.post(&path, body).await.is_error(400, "invalid_fields");
        assert_eq!(refused.fields(), [field]);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_device_belongs_to_an_account(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    let path = format!("/v1/accounts/{}/devices", here.server.account());
    assert_eq!(here.api.get(&path).await.ok().body, json!([]));
    let body =
        json!({ "deviceTypeId": lamp, "deviceId": "A.z_0:-", "friendlyName": "Kitchen", "tags": [" qa ", "qa"] });
    let made = here.api.post(&path, body.clone()).await.is(StatusCode::CREATED).body;
    fields_are(&made, &and(DEVICE, &["deviceToken"]));
    let is_token = |token: &str| token.len() == 32 && token.bytes().all(|byte| b"0123456789abcdef".contains(&byte));
    assert!(is_token(text(&made, "deviceToken")), "{made}");
    assert_eq!(made["disconnectNotificationLevel"], "LOW");
    is_millis(&made, "createdTimestamp");
    let shown = with(&made, json!({ "deviceToken": null }));
    let one = format!("{path}/A.z_0:-");
    assert_eq!(here.api.get(&one).await.ok().body, shown);
    here.api.post(&path, body.clone()).await.is_error(409, "device_exists");
    let bare = here.api.post(&path, json!({ "deviceTypeId": lamp })).await.is(StatusCode::CREATED).body;
    assert_eq!(bare["deviceId"], bare["friendlyName"]);
    let listed = here.api.get(&path).await.ok().body;
    assert_eq!(listed.as_array().unwrap().len(), 2);

    let all = here.api.get(&format!("{one}?expansions=state,tags,attributes")).await.ok().body;
    fields_are(&all, &and(DEVICE, &["deviceState", "deviceTags", "attributes"]));
    fields_are(&all["deviceState"], STATE);
    assert_eq!((&all["deviceState"]["available"], &all["attributes"]), (&json!(false), &json!([])));
    fields_are(&all["deviceTags"][0], &["deviceTagId", "deviceTagType", "value"]);
    assert_eq!((all["deviceTags"].as_array().unwrap().len(), &all["deviceTags"][0]["value"]), (1, &json!("qa")));
    let some = here.api.get(&format!("{path}?expansions=tags")).await.ok().body;
    for device in some.as_array().unwrap() {
        fields_are(device, &and(DEVICE, &["deviceTags"]));
    }

    let renamed =
        here.api.put(&format!("{one}/friendlyName"), json!({ "friendlyName": "Küche", "deviceId": "x" })).await;
    assert_eq!(renamed.ok().body, json!({ "friendlyName": "Küche" }));
    assert_eq!(here.api.get(&one).await.ok().body, with(&shown, json!({ "friendlyName": "Küche" })));
    let refused = here.api.put(&format!("{one}/friendlyName"), json!({ "friendlyName": "" })).await;
    assert_eq!(refused.is_error(400, "invalid_fields").fields(), ["friendlyName"]);
    let replaced = here.api.send(Method::POST, &format!("{one}/deviceToken"), None, "").await;
    let replaced = replaced.is(StatusCode::CREATED).body;
    assert!(is_token(text(&replaced, "deviceToken")) && replaced["deviceToken"] != made["deviceToken"]);

    assert_eq!(here.api.delete(&one).await.is(StatusCode::NO_CONTENT).text, "");
    here.api.delete(&one).await.is_error(404, "not_found");
    here.api.get(&one).await.is_error(404, "not_found");
    here.api.put(&format!("{one}/friendlyName"), json!({ "friendlyName": "x" })).await.is_error(404, "not_found");
    here.api.send(Method::POST, &format!("{one}/deviceToken"), None, "").await.is_error(404, "not_found");
    here.api.post(&path, body).await.is(StatusCode::CREATED);

    for (body, field) in [
        (json!({}), "deviceTypeId"),
        (json!({ "deviceTypeId": lamp, "deviceId": "a b" }), "deviceId"),
        (json!({ "deviceTypeId": lamp, "deviceId": "a".repeat(129) }), "deviceId"),
        (json!({ "deviceTypeId": lamp, "friendlyName": long(256) }), "friendlyName"),
        (json!({ "deviceTypeId": lamp, "tags": ["a,b"] }), "tags[0]"),
    ] {
        assert_eq!(here.api.post(&path, body).await.is_error(400, "invalid_fields").fields(), [field]);
    }
    here.api.device(&here.server.account(), &lamp, &"a".repeat(128)).await;
    for absent in [uuid::Uuid::now_v7().to_string(), "x".to_owned()] {
        here.api.post(&path, json!({ "deviceTypeId": absent })).await.is_error(404, "not_found");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_partner_sees_its_fleet(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let (lamp, plug) =
        (here.api.device_type(&here.partner, "Lamp").await, here.api.device_type(&here.partner, "Plug").await);
    let path = format!("/v1/accounts/{}/devices", here.server.account());
    for (id, device_type, name, tags) in [
        ("lamp-1", &lamp, "Küche 100%", json!(["qa", "home"])),
        ("lamp-2", &lamp, "Bad_2", json!(["home"])),
        ("plug-1", &plug, "KELLER", json!([])),
    ] {
        let body = json!({ "deviceTypeId": device_type, "deviceId": id, "friendlyName": name, "tags": tags });
        here.api.post(&path, body).await.is(StatusCode::CREATED);
    }
    let fleet = here.own("devices");
    let page = here.api.get(&fleet).await.ok().body;
    fields_are(&page, PAGE);
    let seen = and(DEVICE, &["versions"]);
    for device in page["content"].as_array().unwrap() {
        fields_are(device, &seen);
        assert_eq!(device["versions"], json!([]));
    }
    let expanded = here.api.get(&format!("{fleet}?expansions=state,tags,attributes")).await.ok().body;
    fields_are(&expanded["content"][0], &and(&seen, &["deviceState", "deviceTags", "attributes"]));
    let one = here.api.get(&format!("{fleet}/lamp-1")).await.ok().body;
    fields_are(&one, &and(&seen, &["waiting", "said"]));
    assert_eq!((text(&one, "friendlyName"), text(&one, "deviceTypeId")), ("Küche 100%", lamp.as_str()));
    for absent in ["lamp-3", "no%20id"] {
        here.api.get(&format!("{fleet}/{absent}")).await.is_error(404, "not_found");
    }

    let found = async |query: &str| {
        let page = here.api.get(&format!("{fleet}?{query}")).await.ok().body;
        let ids: Vec<_> = page["content"]
            .as_array()
            .unwrap()
            .iter()
            .map(|device| text(device, "deviceId")[..].to_owned())
            .collect();
        assert_eq!(page["totalElements"], ids.len());
        ids.join(" ")
    };
    for (query, expected) in [
        (format!("deviceTypeId={lamp}&sort=deviceId"), "lamp-1 lamp-2"),
        (format!("deviceTypeId={}", uuid::Uuid::now_v7()), ""),
        ("tag=home&sort=deviceId,desc".to_owned(), "lamp-2 lamp-1"),
        ("tag=qa".to_owned(), "lamp-1"),
        ("tag=q".to_owned(), ""),
        ("q=LAMP&sort=deviceId".to_owned(), "lamp-1 lamp-2"),
        ("q=keller".to_owned(), "plug-1"),
        ("q=%25".to_owned(), "lamp-1"),
        ("q=_".to_owned(), "lamp-2"),
        ("q=p-1&tag=home".to_owned(), "lamp-1"),
        ("sort=friendlyName".to_owned(), "lamp-2 plug-1 lamp-1"),
        ("sort=createdTimestamp".to_owned(), "lamp-1 lamp-2 plug-1"),
    ] {
        assert_eq!(found(&query).await, expected, "{query}");
    }
    assert_eq!(
        found("sort=deviceTypeId,desc").await,
        if lamp < plug { "plug-1 lamp-2 lamp-1" } else { "lamp-2 lamp-1 plug-1" }
    );
    for (query, field) in [("deviceTypeId=x", "deviceTypeId"), ("sort=versions", "sort")] {
        let refused = here.api.get(&format!("{fleet}?{query}")).await;
        assert_eq!(refused.is_error(400, "invalid_fields").fields(), [field]);
    }
}
