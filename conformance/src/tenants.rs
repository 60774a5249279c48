//! Two partners with some of everything, and every operation of the OpenAPI document, to be asked with the things of
//! either: what holds for all operations is tested on all of them.

use std::collections::BTreeMap;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{Answer, Api, Engine, Server};

/// What the person of each partner may do there.
const OBSERVER: &[&str] = &["viewDeviceInfo"];

/// The body of every operation that takes one. A name in braces is one of [`Ids`], and is varied on its own.
pub const BODIES: &[(&str, &str)] = &[
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
    ("createDeviceAction", r#"{"type": "attribute_read", "attrId": 2003}"#),
    ("replaceClientSecret", r#"{"overlapSeconds": 3600}"#),
    ("inviteUser", r#"{"email": "new@example.com", "privileges": {"inviteUsers": true}}"#),
    ("updateUser", r#"{"privileges": {"viewDeviceInfo": true, "inviteUsers": true}}"#),
    ("changePassword", r#"{"currentPassword": "{password}", "newPassword": "{password}"}"#),
    (
        "replaceDeviceAuthentication",
        r#"{"proxyAuthorities": ["new"], "mayRegister": true, "deviceTypeId": "{deviceTypeId}", "accountId": "{accountId}"}"#,
    ),
    (
        "createGatewayToken",
        r#"{"name": "new", "mayRegister": true, "deviceTypeId": "{deviceTypeId}", "accountId": "{accountId}"}"#,
    ),
];

/// Parameters of queries that name nothing.
pub const HARMLESS: &[&str] =
    &["page", "size", "sort", "state", "expansions", "includePlatform", "action", "from", "until"];

/// What a partner's own client may not do at all.
pub const NOT_FOR_CLIENTS: &[&str] = &["createPartner", "getMe", "changePassword", "signOutEverywhere"];

/// What somebody's things are called, by the names that paths, queries and bodies have for them.
pub type Ids = BTreeMap<&'static str, String>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Path,
    Query,
    Body,
}

/// A place in a request where an id goes.
#[derive(Clone, Debug)]
pub struct Slot {
    pub place: Place,
    pub name: String,
}

/// An operation of the document that needs a token.
#[derive(Debug)]
pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
    pub body: Option<&'static str>,
    pub slots: Vec<Slot>,
    /// Whether its answer has no end.
    pub streams: bool,
}

impl Operation {
    /// The operations of the document that need a token, those that delete last.
    pub async fn all(server: &Server, known: &Ids) -> Vec<Self> {
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
        assert!(body.is_some() == takes_body, "{id} is new to this test: add its body to BODIES in tenants.rs");
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
                 of tenants.rs, or name it in HARMLESS if it names nothing"
            );
        }
        let streams = operation["responses"]["200"]["content"].get("text/event-stream").is_some();
        Self { id, method: method.to_uppercase().parse().unwrap(), path: path.to_owned(), body, slots, streams }
    }

    /// Asks with one's own ids, but with those of `other` in the slots of the mask.
    pub async fn ask(&self, api: &Api, own: &Ids, other: &Ids, mask: usize) -> Answer {
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
    pub fn masks(&self, own: &Ids, other: &Ids) -> impl Iterator<Item = usize> {
        let differs = |slot: &Slot| own[slot.name.as_str()] != other[slot.name.as_str()];
        let same: usize = (0..self.slots.len()).filter(|bit| !differs(&self.slots[*bit])).map(|bit| 1 << bit).sum();
        (1..1 << self.slots.len()).filter(move |mask| mask & same == 0)
    }

    /// The names of the slots of a mask, for people.
    pub fn describe(&self, mask: usize) -> String {
        let slots = self.slots.iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0);
        let slots: Vec<_> = slots.map(|(_, slot)| format!("{} in the {:?}", slot.name, slot.place)).collect();
        format!("{} ({} {}) with the other's {}", self.id, self.method, self.path, slots.join(", "))
    }
}

pub fn in_braces(text: &str) -> impl Iterator<Item = String> {
    let parts = text.split('{').skip(1).filter_map(|part| part.split_once('}'));
    let names = parts
        .map(|(name, _)| name)
        .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    names.map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// What an answer says, apart from what is different each time.
pub fn said(answer: &Answer) -> Value {
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
pub struct Tenant {
    pub api: Api,
    /// A word that every text of the partner's things has in it.
    pub mark: &'static str,
    /// Two sets of its things: around a firmware type of its own, and around one of the platform's.
    pub sets: [Ids; 2],
    pub device_token: String,
}

impl Tenant {
    async fn new(server: &Server, api: Api, partner: &str, mark: &'static str, own_type: i64) -> Self {
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
        let person = server.person(&api, partner, &format!("{mark}@example.com"), OBSERVER).await;
        let body = json!({ "name": mark, "mayRegister": true, "deviceTypeId": device_type, "accountId": account });
        let gateway = created(&format!("/v1/partners/{partner}/gatewayTokens"), body).await;
        let authentication = json!({ "certificate": true, "proxyAuthorities": [mark] });
        api.put(&format!("/v1/partners/{partner}/deviceAuthentication"), authentication).await.ok();
        let audited = format!("/v1/partners/{partner}/auditLog?object={}", text(&gateway, "id"));
        let audited = api.get(&audited).await.ok().body;
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
                ("userId", person.id.clone()),
                ("actor", person.id.clone()),
                ("object", device_type.clone()),
                ("requestId", text(&audited["content"][0], "requestId")),
                ("gatewayTokenId", text(&gateway, "id")),
                ("password", server.first("password")),
            ]));
        }
        Self { api, mark, sets: sets.try_into().unwrap(), device_token: text(&made, "deviceToken") }
    }

    /// Whether an answer tells of this partner's things.
    pub fn is_in(&self, answer: &Answer) -> bool {
        let ids = ["partnerId", "accountId", "deviceTypeId", "pushId", "sha256", "userId", "gatewayTokenId"];
        let mut words = self.sets.iter().flat_map(|set| ids.map(|name| set[name].as_str()));
        answer.text.contains(self.mark) || words.any(|word| answer.text.contains(word))
    }

    /// All that this partner can read of its own.
    pub async fn dump(&self, operations: &[Operation]) -> BTreeMap<String, String> {
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
    pub async fn poll(&self, partner: &str) -> StatusCode {
        let path = format!("/{partner}/controller/v1/{}", self.sets[0]["deviceId"]);
        let token = format!("TargetToken {}", self.device_token);
        let anonymous = Api { token: None, ..self.api.clone() };
        Answer::of(anonymous.request(Method::GET, &path).header("authorization", token)).await.status
    }
}

/// Ids of the right forms that nothing has.
pub fn nothing() -> Ids {
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
        ("userId", uuid()),
        ("actor", uuid()),
        ("object", uuid()),
        ("requestId", uuid()),
        ("gatewayTokenId", uuid()),
        ("password", "nothing but a password".to_owned()),
    ])
}

/// A server with two partners that have some of everything, and its operations.
pub struct Scene {
    pub server: Server,
    pub alpha: Tenant,
    pub beta: Tenant,
    pub operations: Vec<Operation>,
}

impl Scene {
    pub async fn set(engine: Engine) -> Self {
        let server = Server::start(engine).await;
        let alpha = Tenant::new(&server, server.client().await, &server.partner(), "alpha", 101).await;
        let other = server.another_partner("beta").await;
        let beta = Tenant::new(&server, other.client, &other.id, "beta", 102).await;
        let operations = Operation::all(&server, &nothing()).await;
        assert!(operations.len() > 30);
        Self { server, alpha, beta, operations }
    }
}
