//! What holds for every endpoint: how bodies are read, and how what cannot be answered is refused

use otaria_conformance::{Answer, Engine};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{Here, text};

const JSON: Option<&str> = Some("application/json");

/// Every path of the document, with its parameters filled in, and the methods that it takes.
async fn paths(here: &Here) -> Vec<(String, Vec<String>)> {
    let document = here.api.get("/openapi.json").await.ok().body;
    let nowhere = uuid::Uuid::now_v7().to_string();
    let filled = |path: &str| {
        let path = path.replace("{partnerId}", &here.partner).replace("{accountId}", &here.server.account());
        let parts = path.split('/').map(|part| match part {
            "{type}" => "3",
            "{versionNumber}" | "{firmwareImageId}" => "1",
            "{deviceTypeId}" | "{pushId}" => &nowhere,
            part if part.starts_with('{') => "x",
            part => part,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .map(|(path, item)| {
            (filled(path), item.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect())
        })
        .collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_body_is_read_whatever_its_content_type_says(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let content_types = [
        JSON,
        Some("application/json; charset=utf-8"),
        Some("text/plain"),
        Some("application/xml"),
        Some("application/x-www-form-urlencoded"),
        Some("nonsense"),
        None,
    ];
    for (number, content_type) in content_types.into_iter().enumerate() {
        let body = json!({ "name": "app", "type": 3, "version": number.to_string() }).to_string();
        here.api.send(Method::POST, &here.ota("pool"), content_type, body).await.is(StatusCode::CREATED);
    }
    assert_eq!(here.pool().await.len(), content_types.len());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_is_no_json_object_is_refused_everywhere(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let (owner, account) = (here.server.owner().await, here.server.account());
    let lamp = here.api.device_type(&here.partner, "Lamp").await;
    let own = here.partner.as_str();
    here.api.device(&account, &lamp, "lamp-1").await;
    let (image, id) = here.api.publish(own, &lamp, 3, "1", b"x".to_vec()).await;
    here.api.post(&here.ota("types"), json!({ "name": "Own", "type": 101 })).await.is(StatusCode::CREATED);
    let endpoints = [
        (Method::POST, here.ota("types")),
        (Method::PUT, here.ota("types/101")),
        (Method::POST, here.ota("pool")),
        (Method::PUT, here.ota(&format!("pool/types/3/versionNumbers/{}", text(&image, "versionNumber")))),
        (Method::POST, here.ota("binaries/moveToRepository")),
        (Method::POST, here.images(&lamp, "")),
        (Method::PUT, here.images(&lamp, &format!("/{id}/push"))),
        (Method::POST, "/v1/partners".to_owned()),
        (Method::PUT, format!("/v1/partners/{own}")),
        (Method::POST, here.own("deviceTypes")),
        (Method::PUT, here.own(&format!("deviceTypes/{lamp}"))),
        (Method::POST, "/v1/accounts".to_owned()),
        (Method::POST, format!("/v1/accounts/{account}/devices")),
        (Method::PUT, format!("/v1/accounts/{account}/devices/lamp-1/friendlyName")),
    ];
    let nested = |depth: usize| format!("{{\"x\": {}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let padded = |length: usize| format!("{{\"x\": \"{}\"}}", "a".repeat(length - 9));
    for (method, path) in endpoints {
        let send = |body: Vec<u8>| owner.send(method.clone(), &path, JSON, body);
        for body in
            ["", " ", "{", "[]", "[{}]", "null", "\"x\"", "1", "{} {}", "{\"name\": \"a\"", "name=a", "{'name': 'a'}"]
        {
            send(body.into()).await.is_error(400, "bad_request");
        }
        send(b"{\"name\": \"\xff\"}".to_vec()).await.is_error(400, "bad_request");
        send(nested(33).into()).await.is_error(400, "bad_request");
        send(nested(100_000).into()).await.is_error(400, "bad_request");
        // Just within bounds it is read, and lacks what the endpoint needs.
        assert_ne!(send(nested(32).into()).await.is_error(400, "invalid_fields").fields(), Vec::<String>::new());
        send(padded(1 << 20).into()).await.is_error(400, "invalid_fields");
        send(padded((1 << 20) + 1).into()).await.is_error(413, "payload_too_large");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn other_methods_and_paths_are_refused_in_json(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    for (path, mut methods) in paths(&here).await {
        if methods.iter().any(|method| method == "GET") {
            methods.push("HEAD".to_owned());
        }
        methods.sort();
        for method in [Method::GET, Method::PUT, Method::POST, Method::DELETE, Method::PATCH] {
            if methods.iter().any(|known| known == method.as_str()) {
                continue;
            }
            let refused = here.api.send(method.clone(), &path, None, "").await.is_error(405, "method_not_allowed");
            let mut allowed: Vec<_> = refused.headers["allow"].to_str().unwrap().split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed, methods, "{path}");
        }
        here.api.get(&format!("{path}/nothing/here")).await.is_error(404, "not_found");
    }
    let own = here.partner.clone();
    for path in [
        "/nothing",
        "/v1",
        "/v1/",
        "/v2/partners",
        "/v1/ota/partners",
        &format!("/v1/ota/partners/{own}/pool/"),
        "//",
        "/v1//accounts",
    ] {
        here.api.get(path).await.is_error(404, "not_found");
        here.server.anonymous().post(path, json!({})).await.is_error(404, "not_found");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn who_takes_no_json_gets_none_and_changes_nothing(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let with_accept = |method: Method, path: &str, accept: &str, body: Value| {
        Answer::of(here.api.request(method, path).header("accept", accept).json(&body))
    };
    let image = json!({ "name": "app", "type": 3, "version": "1" });
    for accept in ["text/html", "application/xml", "application/json;q=0", "image/*, text/*;q=0.5"] {
        let refused = with_accept(Method::GET, &here.ota("pool"), accept, json!({})).await;
        refused.is_error(406, "not_acceptable");
        let refused = with_accept(Method::POST, &here.ota("pool"), accept, image.clone()).await;
        refused.is_error(406, "not_acceptable");
    }
    assert_eq!(here.pool().await, Vec::<Value>::new());
    for accept in ["*/*", "application/*", "text/html, application/json;q=0.1", "application/json; charset=utf-8"] {
        with_accept(Method::GET, &here.ota("pool"), accept, json!({})).await.ok();
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn every_answer_has_its_request_id_and_large_headers_are_refused(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let mut seen = std::collections::BTreeSet::new();
    for path in [
        here.ota("pool"),
        "/livez".into(),
        "/readyz".into(),
        "/openapi.json".into(),
        "/nothing".into(),
        "/v1/users/me".into(),
    ] {
        let answer = here.api.get(&path).await;
        assert!(seen.insert(answer.headers["x-request-id"].clone()), "{path}");
    }
    let large = |length: usize| here.api.request(Method::GET, "/livez").header("x-large", "a".repeat(length));
    Answer::of(large(30 * 1024)).await.ok();
    // This may come from below: a bare answer, or a closed connection.
    if let Ok(answer) = Answer::try_of(large(40 * 1024)).await {
        assert_eq!(answer.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_is_no_partner_or_account_is_as_one_of_somebody_else(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let other = here.server.another_partner("Other").await;
    let refusal = |answer: Answer| text(&answer.is_error(403, "forbidden").body, "error_description").to_owned();
    let expected = refusal(here.api.get(&format!("/v1/partners/{}", other.id)).await);
    let nowhere = uuid::Uuid::now_v7().to_string();
    for partner in [other.id.as_str(), &nowhere, "default", "x", "%20", "%00", "%ff", "..%2f"] {
        for rest in ["types", "pool", "tags", "pushes", "pool/types/3", "types/x"] {
            assert_eq!(refusal(here.api.get(&format!("/v1/ota/partners/{partner}/{rest}")).await), expected);
        }
        assert_eq!(refusal(here.api.get(&format!("/v1/partners/{partner}")).await), expected);
        assert_eq!(refusal(here.api.get(&format!("/v1/accounts/{partner}/devices")).await), expected);
        let body = json!({ "description": "x", "partnerId": partner });
        assert_eq!(refusal(here.api.post("/v1/accounts", body).await), expected);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_is_no_text_in_a_path_is_no_lack_of_rights(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    for rest in
        ["types/%ff", "pool/types/3/names/%ff/versions/1/exists", "pushes/%ff", "deviceTypes/%ff/firmwareImages"]
    {
        let answer = here.api.get(&here.ota(rest)).await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{rest}: {}", answer.text);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_nul_in_a_path_query_or_form_finds_nothing(#[case] engine: Engine) {
    let here = Here::start(engine).await;
    let (client, secret) = (here.server.first("clientId"), here.server.first("clientSecret"));
    for path in [
        here.ota("pool/types/3/names/%00/versions/1/exists"),
        here.ota("pool/types/3/names/app/versions/1%00/exists"),
        here.ota("pool?tags=qa%00"),
        here.ota("pushes?deviceId=lamp%00"),
        here.own("devices?tag=qa%00"),
        here.own("devices?q=lamp%00"),
        here.own("devices?expansions=%00"),
    ] {
        let found = here.api.get(&path).await.ok().body;
        assert!(found["value"] == false || found["content"] == json!([]), "{path}: {found}");
    }
    for path in [here.own("devices/lamp%00"), here.ota("types/3%00"), here.ota("pushes/%00")] {
        here.api.get(&path).await.is_error(404, "not_found");
    }
    let ask = async |client: &str, form: &[(&str, &str)]| here.server.anonymous().token(client, &secret, form).await;
    let known = [("grant_type", "client_credentials")];
    ask(&format!("{client}\0"), &known).await.is_error(401, "invalid_client");
    for form in [
        [("grant_type", "password"), ("username", "owner@example.com\0"), ("password", "x")],
        [("grant_type", "password"), ("username", "owner@example.com"), ("password", "x\0")],
        [("grant_type", "refresh_token"), ("refresh_token", "x\0"), ("scope", "")],
    ] {
        ask(&client, &form).await.is_error(400, "invalid_grant");
    }
}
