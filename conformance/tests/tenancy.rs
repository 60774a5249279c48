//! No partner reaches another one's things: generated from the OpenAPI document of the running server, so that no
//! operation is left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "this is all test code")]

use std::collections::BTreeMap;

use otaria_conformance::{Answer, Api, Engine, Server};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

/// The body of every operation that takes one. A name in braces is one of [`Ids`], and is varied on its own.
const BODIES: &[(&str, &str)] = &[
    ("createFirmwareType", r#"{"name": "new", "type": 180}"#),
    ("updateFirmwareType", r#"{"name": "new"}"#),
    (
        "createPoolImage",
        r#"{"name": "new", "type": {type}, "version": "1", "associations": {"{partnerId}": ["{deviceTypeId}"]}}"#,
    ),
    ("updatePoolImage", r#"{"name": "new", "version": "1", "url": "{url}"}"#),
    ("uploadBinary", "new"),
    ("moveBinaryToRepository", r#"{"value": "{uploaded}"}"#),
    ("createFirmwareImage", "{image}"),
    ("pushFirmwareImage", r#"{"value": "{deviceId}"}"#),
    ("createPartner", r#"{"name": "new"}"#),
    ("updatePartner", r#"{"name": "new"}"#),
    ("createDeviceType", r#"{"name": "new"}"#),
    ("updateDeviceType", r#"{"name": "new"}"#),
    ("createAccount", r#"{"description": "new", "partnerId": "{partnerId}"}"#),
    ("createDevice", r#"{"deviceTypeId": "{deviceTypeId}"}"#),
    ("setFriendlyName", r#"{"friendlyName": "new"}"#),
];

/// Parameters of queries that name nothing.
const HARMLESS: &[&str] = &["page", "size", "sort", "state", "expansions", "includePlatform"];

/// What a partner's own client may not do at all.
const NOT_FOR_CLIENTS: &[&str] = &["createPartner", "getMe"];

/// What somebody's things are called, by the names that paths, queries and bodies have for them.
type Ids = BTreeMap<&'static str, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Body,
}

/// A place in a request where an id goes.
#[derive(Clone, Debug)]
struct Slot {
    place: Place,
    name: String,
}

/// An operation of the document that needs a token.
#[derive(Debug)]
struct Operation {
    id: String,
    method: Method,
    path: String,
    body: Option<&'static str>,
    slots: Vec<Slot>,
    /// Whether its answer has no end.
    streams: bool,
}

impl Operation {
    /// The operations of the document that need a token, those that delete last.
    async fn all(server: &Server, known: &Ids) -> Vec<Self> {
        let document = server.anonymous().get("/openapi.json").await.ok().body;
        assert_eq!(document["security"], json!([{ "token": [] }]));
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let security = operation.get("security").unwrap_or(&document["security"]);
                if security.as_array().unwrap().iter().any(|one| one.get("token").is_some()) {
                    all.push(Self::of(path, method, operation, known));
                }
            }
        }
        for (id, _) in BODIES {
            assert!(
                all.iter().any(|operation| operation.id == *id),
                "no operation {id} any more: take it from BODIES"
            );
        }
        all.sort_by_key(|operation| operation.method == Method::DELETE);
        all
    }

    fn of(path: &str, method: &str, operation: &Value, known: &Ids) -> Self {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        let body = BODIES.iter().find(|(known, _)| *known == id).map(|(_, body)| *body);
        let takes_body = operation.get("requestBody").is_some();
        assert!(body.is_some() == takes_body, "{id} is new to this test: add its body to BODIES in tenancy.rs");
        let mut slots: Vec<_> = in_braces(path).map(|name| Slot { place: Place::Path, name }).collect();
        for parameter in operation["parameters"].as_array().unwrap_or(&Vec::new()) {
            let name = parameter["name"].as_str().unwrap().to_owned();
            if parameter["in"] == "query" && !HARMLESS.contains(&name.as_str()) {
                slots.push(Slot { place: Place::Query, name });
            }
        }
        slots.extend(in_braces(body.unwrap_or_default()).map(|name| Slot { place: Place::Body, name }));
        for Slot { place, name } in &slots {
            assert!(
                known.contains_key(name.as_str()),
                "{id} has {name} in its {place:?}, which is new to this test: make such a thing in Tenant::new \
                 of tenancy.rs, or name it in HARMLESS if it names nothing"
            );
        }
        let streams = operation["responses"]["200"]["content"].get("text/event-stream").is_some();
        Self { id, method: method.to_uppercase().parse().unwrap(), path: path.to_owned(), body, slots, streams }
    }

    /// Asks with one's own ids, but with those of `other` in the slots of the mask.
    async fn ask(&self, api: &Api, own: &Ids, other: &Ids, mask: usize) -> Answer {
        let (mut path, mut body) = (self.path.clone(), self.body.unwrap_or_default().to_owned());
        let mut query = Vec::new();
        for (bit, slot) in self.slots.iter().enumerate() {
            let is_other = mask & (1 << bit) != 0;
            let id = &if is_other { other } else { own }[slot.name.as_str()];
            let placeholder = format!("{{{}}}", slot.name);
            match slot.place {
                Place::Path => path = path.replacen(&placeholder, id, 1),
                Place::Body => body = body.replacen(&placeholder, id, 1),
                Place::Query if is_other => query.push((slot.name.clone(), id.clone())),
                Place::Query => {}
            }
        }
        let mut request = api.request(self.method.clone(), &path).query(&query);
        if self.body.is_some() {
            let form = if self.id == "uploadBinary" { "application/octet-stream" } else { "application/json" };
            request = request.header("content-type", form).body(body);
        }
        if !self.streams {
            return Answer::of(request).await;
        }
        let head = request.send().await.unwrap();
        let (status, headers) = (head.status(), head.headers().clone());
        let text = if status.is_success() { String::new() } else { head.text().await.unwrap() };
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// Every choice of slots, but for those where a chosen one would be the same.
    fn masks(&self, own: &Ids, other: &Ids) -> impl Iterator<Item = usize> {
        let differs = |slot: &Slot| own[slot.name.as_str()] != other[slot.name.as_str()];
        let same: usize = (0..self.slots.len()).filter(|bit| !differs(&self.slots[*bit])).map(|bit| 1 << bit).sum();
        (1..1 << self.slots.len()).filter(move |mask| mask & same == 0)
    }

    /// The names of the slots of a mask, for people.
    fn describe(&self, mask: usize) -> String {
        let slots = self.slots.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0);
        let slots: Vec<_> = slots.map(|(_, slot)| format!("{} in the {:?}", slot.name, slot.place)).collect();
        format!("{} ({} {}) with the other's {}", self.id, self.method, self.path, slots.join(", "))
    }
}

fn in_braces(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
    let names = parts
        .map(|(name, _)| name)
        .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    names.map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// What an answer says, apart from what is different each time.
fn said(answer: &Answer) -> Value {
    match answer.body.clone() {
        Value::Null => json!(answer.text),
        Value::Object(mut fields) if answer.status.is_client_error() => {
            fields.remove("timestamp");
            fields.remove("trace");
            Value::Object(fields)
        }
        body => body,
    }
}

/// A partner with some of everything.
struct Tenant {
    api: Api,
    /// A word that every text of the partner's things has in it.
    mark: &'static str,
    /// Two sets of its things: around a firmware type of its own, and around one of the platform's.
    sets: [Ids; 2],
    device_token: String,
}

impl Tenant {
    async fn new(api: Api, partner: &str, mark: &'static str, own_type: i64) -> Self {
        let ota = format!("/v1/ota/partners/{partner}");
        let created = async |path: &str, body: Value| api.post(path, body).await.is(StatusCode::CREATED).body;
        let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
        created(&format!("{ota}/types"), json!({ "name": mark, "type": own_type })).await;
        let account = created("/v1/accounts", json!({ "description": mark, "partnerId": partner })).await;
        let account = text(&account, "accountId");
        let device_type = api.device_type(partner, mark).await;
        let device = format!("{mark}-device");
        let body = json!({ "deviceTypeId": device_type, "deviceId": device, "friendlyName": mark, "tags": [mark] });
        let made = created(&format!("/v1/accounts/{account}/devices"), body).await;
        let mut sets = Vec::new();
        for firmware_type in [own_type, 3] {
            let bytes = format!("{mark} {firmware_type}");
            let url = api.publish_bytes(partner, bytes).await;
            let body = json!({
                "name": format!("{mark}-app"), "type": firmware_type, "version": format!("{mark}-1"), "url": url,
                "description": mark, "tags": [mark], "associations": { partner: [device_type] },
            });
            let image = created(&format!("{ota}/pool"), body).await;
            let path = format!(
                "{ota}/pool/types/{firmware_type}/versionNumbers/{}/associations",
                text(&image, "versionNumber")
            );
            let association = api.get(&path).await.ok().body;
            let association = text(&association[0], "firmwareImageId");
            let pushed = api.push(partner, &device_type, &association, &device).await.is(StatusCode::ACCEPTED);
            let push = pushed.headers["location"].to_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
            let uploaded = api.upload(partner, format!("{mark} {firmware_type}, temporary")).await.ok();
            sets.push(Ids::from([
                ("partnerId", partner.to_owned()),
                ("accountId", account.clone()),
                ("deviceTypeId", device_type.clone()),
                ("deviceId", device.clone()),
                ("type", firmware_type.to_string()),
                ("versionNumber", text(&image, "versionNumber")),
                ("name", text(&image, "name")),
                ("version", text(&image, "version")),
                ("excludeFirmwareImageId", text(&image, "id")),
                ("firmwareImageId", association),
                ("pushId", push),
                ("sha256", url.rsplit_once('/').unwrap().1.to_owned()),
                ("url", url),
                ("uploaded", text(&uploaded.body, "value")),
                ("image", image.to_string()),
                ("tags", mark.to_owned()),
                ("tag", mark.to_owned()),
                ("q", mark.to_owned()),
            ]));
        }
        Self { api, mark, sets: sets.try_into().unwrap(), device_token: text(&made, "deviceToken") }
    }

    /// Whether an answer tells of this partner's things.
    fn is_in(&self, answer: &Answer) -> bool {
        let ids = ["partnerId", "accountId", "deviceTypeId", "pushId", "sha256"];
        let mut words = self.sets.iter().flat_map(|set| ids.map(|name| set[name].as_str()));
        answer.text.contains(self.mark) || words.any(|word| answer.text.contains(word))
    }

    /// All that this partner can read of its own.
    async fn dump(&self, operations: &[Operation]) -> BTreeMap<String, String> {
        let mut dump = BTreeMap::new();
        for operation in operations.iter().filter(|operation| operation.method == Method::GET && !operation.streams) {
            if NOT_FOR_CLIENTS.contains(&operation.id.as_str()) {
                continue;
            }
            for set in &self.sets {
                let read = operation.ask(&self.api, set, set, 0).await.ok();
                dump.insert(format!("{} of type {}", operation.id, set["type"]), read.text);
            }
        }
        assert!(dump.values().filter(|text| text.contains(self.mark)).count() > 20, "{dump:#?}");
        dump
    }

    /// How this partner's device is answered when it polls at a partner.
    async fn poll(&self, partner: &str) -> StatusCode {
        let path = format!("/{partner}/controller/v1/{}", self.sets[0]["deviceId"]);
        let token = format!("TargetToken {}", self.device_token);
        let anonymous = Api { token: None, ..self.api.clone() };
        Answer::of(anonymous.request(Method::GET, &path).header("authorization", token)).await.status
    }
}

/// Ids of the right forms that nothing has.
fn nothing() -> Ids {
    let uuid = || uuid::Uuid::now_v7().to_string();
    let (partner, hash) = (uuid(), "0123456789abcdef".repeat(4));
    let image = json!({ "name": "nothing", "type": 199, "version": "1", "versionNumber": "987654321", "url": "" });
    Ids::from([
        ("url", format!("http://127.0.0.1/v1/ota/partners/{partner}/binaries/{hash}")),
        ("partnerId", partner),
        ("accountId", uuid()),
        ("deviceTypeId", uuid()),
        ("deviceId", "nothing-device".to_owned()),
        ("type", "199".to_owned()),
        ("versionNumber", "987654321".to_owned()),
        ("name", "nothing".to_owned()),
        ("version", "nothing".to_owned()),
        ("excludeFirmwareImageId", "987654321".to_owned()),
        ("firmwareImageId", "987654321".to_owned()),
        ("pushId", uuid()),
        ("sha256", hash.clone()),
        ("uploaded", hash),
        ("image", image.to_string()),
        ("tags", "nothing".to_owned()),
        ("tag", "nothing".to_owned()),
        ("q", "nothing".to_owned()),
    ])
}

/// A server with two partners that have some of everything, and its operations.
struct Scene {
    server: Server,
    alpha: Tenant,
    beta: Tenant,
    operations: Vec<Operation>,
}

impl Scene {
    async fn set(engine: Engine) -> Self {
        let server = Server::start(engine).await;
        let alpha = Tenant::new(server.client().await, &server.partner(), "alpha", 101).await;
        let other = server.another_partner("beta").await;
        let beta = Tenant::new(other.client, &other.id, "beta", 102).await;
        let operations = Operation::all(&server, &nothing()).await;
        assert!(operations.len() > 30);
        Self { server, alpha, beta, operations }
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn without_a_token_there_is_nothing(#[case] engine: Engine) {
    let Scene { server, alpha, operations, .. } = Scene::set(engine).await;
    let before = alpha.dump(&operations).await;
    let password =
        [("grant_type", "password"), ("username", "owner@example.com"), ("password", &server.first("password"))];
    let (id, secret) = (server.first("clientId"), server.first("clientSecret"));
    let refresh = server.anonymous().token(&id, &secret, &password).await.ok().body["refresh_token"].clone();
    let no_tokens = ["", "garbage", "ota_at_garbage", &secret, &alpha.device_token, refresh.as_str().unwrap()];
    for operation in &operations {
        let nobody = server.anonymous();
        let mut answers = vec![operation.ask(&nobody, &alpha.sets[0], &alpha.sets[0], 0).await];
        for token in no_tokens {
            answers.push(operation.ask(&nobody.with_token(token), &alpha.sets[0], &alpha.sets[0], 0).await);
        }
        for answer in answers {
            let refused = answer.is_error(401, "unauthorized");
            let challenge = refused.headers["www-authenticate"].to_str().unwrap();
            assert!(challenge.starts_with("Bearer"), "{}: {challenge}", operation.id);
        }
    }
    assert_eq!(alpha.dump(&operations).await, before);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn what_is_another_partners_is_as_if_it_were_not_there(#[case] engine: Engine) {
    let Scene { server, alpha, beta, operations } = Scene::set(engine).await;
    let before = alpha.dump(&operations).await;
    let nothing = nothing();
    let mut asked = 0;
    for operation in &operations {
        for (theirs, own) in alpha.sets.iter().zip(&beta.sets) {
            for mask in operation.masks(own, theirs) {
                let answer = operation.ask(&beta.api, own, theirs, mask).await;
                let absent = operation.ask(&beta.api, own, &nothing, mask).await;
                let case = operation.describe(mask);
                assert_eq!((answer.status, said(&answer)), (absent.status, said(&absent)), "{case}");
                // A list may be empty of it; everything else is refused.
                let allowed: &[u16] =
                    if operation.method == Method::GET { &[200, 403, 404] } else { &[400, 403, 404, 409] };
                assert!(allowed.contains(&answer.status.as_u16()), "{case}: {} {}", answer.status, answer.text);
                assert!(!alpha.is_in(&answer), "{case}: {}", answer.text);
                asked += 1;
            }
        }
    }
    assert!(asked > 150, "only {asked} cases");
    assert_eq!(alpha.dump(&operations).await, before);
    // What the dump cannot show works as before: the device's credential, the client's, and what is not moved yet.
    assert_eq!(alpha.poll(&server.partner()).await, StatusCode::OK);
    server.client().await;
    for set in &alpha.sets {
        let moving = format!("/v1/ota/partners/{}/binaries/moveToRepository", server.partner());
        alpha.api.post(&moving, json!({ "value": set["uploaded"] })).await.ok();
    }

    // The same requests with one's own ids are not refused, so it was the ids.
    let owner = server.owner().await;
    for operation in &operations {
        let own = &beta.sets[0];
        let mut answer = operation.ask(&beta.api, own, own, 0).await;
        if NOT_FOR_CLIENTS.contains(&operation.id.as_str()) {
            answer.is_error(403, "forbidden");
            answer = operation.ask(&owner, own, own, 0).await;
        }
        let status = answer.status;
        assert!(status.is_success() || status == StatusCode::CONFLICT, "{}: {status} {}", operation.id, answer.text);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_same_names_at_another_partner_are_its_own(#[case] engine: Engine) {
    let Scene { server, alpha, beta, operations } = Scene::set(engine).await;
    let before = alpha.dump(&operations).await;
    let (theirs, own) = (&alpha.sets[0], &beta.sets[0]);
    let (api, partner, account) = (&beta.api, own["partnerId"].as_str(), own["accountId"].as_str());
    let ota = format!("/v1/ota/partners/{partner}");
    let created = async |path: &str, body: Value| api.post(path, body).await.is(StatusCode::CREATED).body;

    // The same device type, device, firmware type, image, and bytes: all of it beta's.
    let device_type = json!({ "name": "same", "deviceTypeId": theirs["deviceTypeId"] });
    created(&format!("/v1/partners/{partner}/deviceTypes"), device_type).await;
    let device = json!({ "deviceTypeId": theirs["deviceTypeId"], "deviceId": theirs["deviceId"] });
    let device = created(&format!("/v1/accounts/{account}/devices"), device).await;
    assert_eq!(device["partnerId"], partner);
    created(&format!("{ota}/types"), json!({ "name": "same", "type": 101 })).await;
    let file = format!("{ota}/binaries/{}", theirs["sha256"]);
    let uploaded = api.upload(partner, "alpha 101").await.ok().body;
    assert_eq!(uploaded["value"], theirs["sha256"].as_str());
    api.get(&file).await.is_error(404, "not_found");
    let url = api.publish_bytes(partner, "alpha 101").await;
    assert_eq!(api.get(&file).await.ok().text, "alpha 101");
    let image = json!({
        "name": theirs["name"], "type": 101, "version": theirs["version"], "url": url,
        "associations": { partner: [theirs["deviceTypeId"]] },
    });
    let image = created(&format!("{ota}/pool"), image).await;
    let (number, device_type) = (image["versionNumber"].as_str().unwrap(), &theirs["deviceTypeId"]);
    let one = format!("{ota}/deviceTypes/{device_type}/firmwareImages/types/101/versionNumbers/{number}");
    let association = api.get(&one).await.ok().body["id"].as_str().unwrap().to_owned();
    let shown = api.get(&format!("{ota}/deviceTypes/{device_type}/firmwareImages")).await.ok().body;
    assert_eq!((&shown["totalElements"], &shown["content"][0]["partnerId"]), (&json!(1), &json!(partner)));

    // Everything that can be done to beta's is done to beta's alone.
    let push = api.push(partner, device_type, &association, &theirs["deviceId"]).await.is(StatusCode::ACCEPTED);
    let push = push.headers["location"].to_str().unwrap().to_owned();
    let device = format!("/v1/accounts/{account}/devices/{}", theirs["deviceId"]);
    api.put(&format!("{device}/friendlyName"), json!({ "friendlyName": "same" })).await.ok();
    api.post(&format!("{device}/deviceToken"), json!({})).await.is(StatusCode::CREATED);
    api.put(&format!("/v1/partners/{partner}/deviceTypes/{device_type}"), json!({ "name": "changed" })).await.ok();
    api.put(&format!("{ota}/types/101"), json!({ "name": "changed" })).await.is(StatusCode::NO_CONTENT);
    assert_eq!(api.delete(&push).await.status, StatusCode::NO_CONTENT);
    api.delete(&one).await.is(StatusCode::NO_CONTENT);
    assert_eq!(alpha.poll(&server.partner()).await, StatusCode::OK);
    assert_eq!(alpha.poll(partner).await, StatusCode::UNAUTHORIZED);
    api.delete(&device).await.is(StatusCode::NO_CONTENT);
    assert_eq!(alpha.dump(&operations).await, before);

    // A url that names alpha's bytes does not bring them: not by alpha's path, and not by one's own.
    let other = &alpha.sets[1];
    let own_path = format!("{}{ota}/binaries/{}", server.first("publicUrl"), other["sha256"]);
    for (version, url) in [("by theirs", &other["url"]), ("by one's own", &own_path)] {
        let image = json!({
            "name": "new", "type": 3, "version": version, "url": url,
            "associations": { partner: [own["deviceTypeId"]] },
        });
        let image = created(&format!("{ota}/pool"), image).await;
        let images = format!("{ota}/deviceTypes/{}/firmwareImages", own["deviceTypeId"]);
        let one = format!("{images}/types/3/versionNumbers/{}", image["versionNumber"].as_str().unwrap());
        let association = api.get(&one).await.ok().body["id"].as_str().unwrap().to_owned();
        let pushed = api.push(partner, &own["deviceTypeId"], &association, &own["deviceId"]).await;
        pushed.is_error(409, "no_binary");
    }
}
