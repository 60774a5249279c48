//! The audit log: everything that changes something leaves an entry that says who, what, and from where, and nothing
//! that was written is changed unnoticed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use std::collections::BTreeSet;

use futures::future::join_all;
use otaria_conformance::tenants::{Ids, NOT_FOR_CLIENTS, Scene};
use otaria_conformance::{Answer, Api, Engine, Server, now_millis};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

const OWNER: &str = "owner@example.com";

#[track_caller]
fn text<'v>(record: &'v Value, name: &str) -> &'v str {
    record[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {record}"))
}

fn log(partner: &str) -> String {
    format!("/v1/partners/{partner}/auditLog")
}

fn request_id(answer: &Answer) -> String {
    answer.headers["x-request-id"].to_str().unwrap().to_owned()
}

/// A partner's log from its beginning, as the pages have it.
async fn entries(api: &Api, partner: &str) -> Vec<Value> {
    api.all(&log(partner)).await
}

/// The entries of one request.
async fn of_request(api: &Api, partner: &str, answer: &Answer) -> Vec<Value> {
    let path = format!("{}?requestId={}", log(partner), request_id(answer));
    api.get(&path).await.ok().body["content"].as_array().unwrap().clone()
}

/// What an entry shows of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shows {
    Nothing,
    After,
    BeforeAndAfter,
    Before,
}

/// Where the id of an entry's object is found.
#[derive(Clone, Copy, Debug)]
enum Id {
    /// Among the things of the tenant.
    Of(&'static str),
    /// In the answer.
    Answered(&'static str),
    /// At the end of the answer's `Location`.
    Located,
    /// The caller's own.
    Own,
    /// What an image is called in the pool.
    Image,
}

/// The entry that every operation which changes something leaves: its action, the kind of its object, the object's
/// id, and what it shows.
const LEAVES: &[(&str, &str, &str, Id, Shows)] = &[
    ("createAccount", "account.created", "account", Id::Answered("accountId"), Shows::After),
    ("createDevice", "device.associated", "device", Id::Answered("deviceId"), Shows::After),
    ("deleteDevice", "device.disassociated", "device", Id::Of("deviceId"), Shows::Before),
    ("replaceDeviceToken", "deviceToken.replaced", "device", Id::Of("deviceId"), Shows::Nothing),
    ("setFriendlyName", "device.renamed", "device", Id::Of("deviceId"), Shows::BeforeAndAfter),
    ("uploadBinary", "binary.uploaded", "binary", Id::Answered("value"), Shows::After),
    ("moveBinaryToRepository", "binary.moved", "binary", Id::Of("uploaded"), Shows::Nothing),
    ("deleteFirmwareImage", "image.dissociated", "image", Id::Image, Shows::Before),
    ("pushFirmwareImage", "push.requested", "push", Id::Located, Shows::After),
    ("updatePoolImage", "image.updated", "image", Id::Image, Shows::BeforeAndAfter),
    ("cancelPush", "push.cancelled", "push", Id::Of("pushId"), Shows::Before),
    ("createFirmwareType", "firmwareType.created", "firmwareType", Id::Answered("type"), Shows::After),
    ("updateFirmwareType", "firmwareType.updated", "firmwareType", Id::Of("type"), Shows::BeforeAndAfter),
    ("createPartner", "partner.created", "partner", Id::Answered("partnerId"), Shows::After),
    ("updatePartner", "partner.updated", "partner", Id::Of("partnerId"), Shows::BeforeAndAfter),
    ("replaceClientSecret", "clientSecret.replaced", "partner", Id::Of("partnerId"), Shows::After),
    ("createDeviceType", "deviceType.created", "deviceType", Id::Answered("deviceTypeId"), Shows::After),
    ("updateDeviceType", "deviceType.updated", "deviceType", Id::Of("deviceTypeId"), Shows::BeforeAndAfter),
    ("createGatewayToken", "gatewayToken.created", "gatewayToken", Id::Answered("id"), Shows::After),
    ("deleteGatewayToken", "gatewayToken.deleted", "gatewayToken", Id::Of("gatewayTokenId"), Shows::Before),
    (
        "replaceDeviceAuthentication",
        "deviceAuthentication.updated",
        "partner",
        Id::Of("partnerId"),
        Shows::BeforeAndAfter,
    ),
    ("inviteUser", "user.invited", "user", Id::Answered("userId"), Shows::After),
    ("updateUser", "user.updated", "user", Id::Of("userId"), Shows::BeforeAndAfter),
    ("removeUser", "user.removed", "user", Id::Of("userId"), Shows::Before),
    ("changePassword", "password.changed", "user", Id::Own, Shows::Nothing),
    ("signOutEverywhere", "signedOut.everywhere", "user", Id::Own, Shows::Nothing),
];

/// Those that are tested below by hand: they change more than one thing, or need more than a body.
const BY_HAND: &[&str] = &["createPoolImage", "createFirmwareImage"];
/// Those that change nothing here.
const CHANGE_NOTHING: &[&str] = &["createDeviceAction"];

#[track_caller]
fn shows(entry: &Value, shows: Shows) {
    let has = (entry.get("before").is_some(), entry.get("after").is_some());
    let wanted = match shows {
        Shows::Nothing => (false, false),
        Shows::After => (false, true),
        Shows::BeforeAndAfter => (true, true),
        Shows::Before => (true, false),
    };
    assert_eq!(has, wanted, "{entry:#}");
    if shows == Shows::BeforeAndAfter {
        assert_ne!(entry["before"], entry["after"]);
    }
}

#[track_caller]
fn only(entries: Vec<Value>, what: &str) -> Value {
    let [entry] = entries.try_into().unwrap_or_else(|found| panic!("{what} left {found:#?}"));
    entry
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn everything_that_changes_something_leaves_one_fitting_entry(#[case] engine: Engine) {
    let Scene { server, alpha, operations, .. } = Scene::set(engine).await;
    let mut own: Ids = alpha.sets[0].clone();
    let (api, partner) = (&alpha.api, own["partnerId"].clone());
    let documented = operations.iter().filter(|operation| operation.method != Method::GET);
    let mut documented: Vec<_> = documented.collect();
    // A push is cancelled before what it delivers, and to whom, is taken away.
    documented.sort_by_key(|operation| match (operation.method == Method::DELETE, operation.id.as_str()) {
        (false, _) => 0,
        (_, "cancelPush") => 1,
        _ => 2,
    });
    for (id, ..) in LEAVES {
        assert!(documented.iter().any(|operation| operation.id == *id), "no operation {id} any more");
    }
    // The push that is there is still offered; a newer one takes its place once it was cancelled.
    let mut last = None;
    for operation in documented {
        let id = operation.id.as_str();
        if BY_HAND.contains(&id) {
            continue;
        }
        let is_own = NOT_FOR_CLIENTS.contains(&id);
        let person = if is_own { server.owner().await } else { api.clone() };
        let me = if is_own { person.get("/v1/users/me").await.ok().body } else { Value::Null };
        if id == "pushFirmwareImage" {
            api.delete(&format!("/v1/ota/partners/{partner}/pushes/{}", own["pushId"])).await;
        }
        let count = entries(api, &partner).await.len();
        let asked = now_millis();
        let answer = operation.ask(&person, &own, &own, 0).await;
        if CHANGE_NOTHING.contains(&id) {
            assert_eq!(entries(api, &partner).await.len(), count, "{id}");
            continue;
        }
        let (_, action, kind, place, what) = LEAVES
            .iter()
            .find(|(known, ..)| *known == id)
            .unwrap_or_else(|| panic!("{id} is new to this test: say in LEAVES what entry it leaves"));
        assert!(answer.status.is_success(), "{id}: {} {}", answer.status, answer.text);
        let object = match place {
            Id::Of(name) => own[name].clone(),
            Id::Answered(name) => match &answer.body[name] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            },
            Id::Located => answer.headers["location"].to_str().unwrap().rsplit_once('/').unwrap().1.to_owned(),
            Id::Own => text(&me, "userId").to_owned(),
            Id::Image => own["excludeFirmwareImageId"].clone(),
        };
        let whose = if id == "createPartner" { &object } else { &partner };
        let reader = if id == "createPartner" { &person } else { api };
        let entry = only(of_request(reader, whose, &answer).await, id);
        let of = (text(&entry, "action"), text(&entry["object"], "kind"), text(&entry["object"], "id"));
        assert_eq!(of, (*action, *kind, object.as_str()), "{id}");
        let (kind, id) = match is_own {
            true => ("user", text(&me, "userId").to_owned()),
            false => ("client", server.first("clientId")),
        };
        assert_eq!((text(&entry["actor"], "kind"), text(&entry["actor"], "id")), (kind, &*id));
        assert_eq!(entry["actor"]["name"], if is_own { json!(OWNER) } else { Value::Null });
        assert_eq!(text(&entry, "address"), "127.0.0.1");
        assert!((asked..=now_millis()).contains(&entry["timestamp"].as_i64().unwrap()));
        shows(&entry, *what);
        if operation.id == "pushFirmwareImage" {
            own.insert("pushId", object.clone());
        }
        if whose == &partner {
            let now = entries(api, &partner).await;
            assert_eq!(now.len(), count + 1, "{}", operation.id);
            last = now.last().cloned();
        }
    }
    assert!(last.is_some());
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_image_and_each_of_its_associations_has_an_entry(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let types = [api.device_type(&partner, "a").await, api.device_type(&partner, "b").await];
    let body = json!({ "name": "app", "type": 3, "version": "1", "associations": { &partner: [types[0]] } });
    let pool = format!("/v1/ota/partners/{partner}/pool");
    let made = api.post(&pool, body).await.is(StatusCode::CREATED);
    let left = of_request(&api, &partner, &made).await;
    let mut actions: Vec<_> = left.iter().map(|entry| text(entry, "action")).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["image.associated", "image.created"]);
    let associate = format!("/v1/ota/partners/{partner}/deviceTypes/{}/firmwareImages", types[1]);
    let associated = api.post(&associate, made.body.clone()).await.is(StatusCode::CREATED);
    let entry = only(of_request(&api, &partner, &associated).await, "createFirmwareImage");
    assert_eq!(text(&entry, "action"), "image.associated");
    shows(&entry, Shows::After);
    // What is refused changes nothing, and says so nowhere.
    let count = entries(&api, &partner).await.len();
    api.post(&associate, made.body).await.is(StatusCode::CONFLICT);
    api.post(&pool, json!({ "name": "app" })).await.is(StatusCode::BAD_REQUEST);
    assert_eq!(entries(&api, &partner).await.len(), count);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn who_comes_in_and_who_does_not_is_recorded(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let other = server.another_partner("Other").await;
    let (api, partner) = (server.client().await, server.partner());
    let (id, secret) = (server.first("clientId"), server.first("clientSecret"));
    let ask = async |secret: &str, form: &[(&str, &str)]| server.anonymous().token(&id, secret, form).await;
    let entry = async |answer: &Answer| only(of_request(&api, &partner, answer).await, &answer.text);
    let said = |entry: &Value| {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (actor, object) = (&entry["actor"], &entry["object"]);
        [&entry["action"], &actor["kind"], &actor["name"], &object["kind"]].map(word)
    };

    let signed_in = server.tokens(OWNER, &server.first("password")).await.ok();
    assert_eq!(said(&entry(&signed_in).await), ["signIn.succeeded", "user", OWNER, "user"]);
    let wrong = server.tokens(OWNER, "wrong").await.is_error(400, "invalid_grant");
    assert_eq!(said(&entry(&wrong).await), ["signIn.refused", "unproven", OWNER, "user"]);
    let client = ask(&secret, &[("grant_type", "client_credentials")]).await.ok();
    assert_eq!(said(&entry(&client).await), ["client.signedIn", "client", "", "partner"]);
    let refused = ask("wrong", &[("grant_type", "client_credentials")]).await.is_error(401, "invalid_client");
    assert_eq!(said(&entry(&refused).await), ["client.refused", "unproven", &id, "partner"]);
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", text(&signed_in.body, "refresh_token"))];
    ask(&secret, &refresh).await.ok();
    let reused = ask(&secret, &refresh).await.is_error(400, "invalid_grant");
    assert_eq!(said(&entry(&reused).await), ["token.reused", "client", "", "partner"]);
    let token = [("token", text(&client.body, "access_token"))];
    let request = server.anonymous().request(Method::POST, "/oauth/revoke").basic_auth(&id, Some(&secret));
    let revoked = Answer::of(request.form(&token)).await.ok();
    assert_eq!(said(&entry(&revoked).await), ["token.revoked", "client", "", "partner"]);

    // A wrong password is one wherever it is tried.
    let owner = server.owner().await;
    let wrong = json!({ "currentPassword": "wrong", "newPassword": "long enough" });
    let wrong = owner.put("/v1/users/me/password", wrong).await.is_error(400, "invalid_fields");
    assert_eq!(said(&entry(&wrong).await)[0], "signIn.refused");
    let me = owner.get("/v1/users/me").await.ok().body;
    assert_eq!(me["credential"]["failedAttempts"], 1);

    // Refused: named by the route, and in the log of whom they came through.
    let forbidden = api.get(&format!("/v1/partners/{}", other.id)).await.is_error(403, "forbidden");
    let refusal = entry(&forbidden).await;
    assert_eq!(said(&refusal), ["access.refused", "client", "", "operation"]);
    assert_eq!(refusal["object"]["id"], "GET /v1/partners/{partnerId}");
    assert_eq!(of_request(&other.client, &other.id, &forbidden).await.len(), 0);

    let invited = server.invite(&api, &partner, "ann@example.com", &["owner"]).await.is(StatusCode::CREATED);
    let accepted = server.accept(text(&invited.body, "token"), &server.first("password")).await.ok();
    assert_eq!(said(&entry(&accepted).await), ["invitation.accepted", "user", "ann@example.com", "user"]);
    let whole = entries(&api, &partner).await;
    assert_eq!((text(&whole[0], "action"), text(&whole[0]["actor"], "kind")), ("partner.created", "command"));
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn the_log_is_filtered_paged_and_exported_and_is_one_partners(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let other = server.another_partner("Other").await;
    let (api, partner) = (server.client().await, server.partner());
    let owner = server.owner().await;
    for number in 0..30 {
        let by = if number % 3 == 0 { &owner } else { &api };
        by.device_type(&partner, &format!("type {number}")).await;
        other.client.device_type(&other.id, &format!("other {number}")).await;
    }
    let all = entries(&api, &partner).await;
    let numbers: Vec<i64> = all.iter().map(|entry| text(entry, "id").parse().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as i64), "{numbers:?}");
    for entry in &all {
        assert!(!entry.to_string().contains("other "), "{entry}");
    }
    // The newest come first, and the pages are the whole.
    let mut paged = Vec::new();
    for number in 0..=all.len() / 7 {
        let page = api.get(&format!("{}?size=7&page={number}&until={}", log(&partner), i64::MAX)).await.ok().body;
        paged.extend(page["content"].as_array().unwrap().iter().cloned());
    }
    paged.reverse();
    assert_eq!(paged, all);

    let export = async |query: &str| {
        let request = api.request(Method::GET, &format!("{}{query}", log(&partner)));
        let answer = Answer::of(request.header("accept", "application/x-ndjson")).await.ok();
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    assert_eq!(export("").await, all);
    let me = owner.get("/v1/users/me").await.ok().body;
    let middle = all[all.len() / 2]["timestamp"].as_i64().unwrap();
    let actor = text(&me, "userId");
    let object = text(&all[8]["object"], "id");
    type Keeps<'k> = Box<dyn Fn(&Value) -> bool + 'k>;
    let filters: [(String, Keeps<'_>); 6] = [
        ("action=deviceType.created".to_owned(), Box::new(|entry| entry["action"] == "deviceType.created")),
        (format!("actor={actor}"), Box::new(|entry| entry["actor"]["id"] == actor)),
        (format!("actor={OWNER}"), Box::new(|entry| entry["actor"]["name"] == OWNER)),
        (format!("object={object}"), Box::new(|entry| entry["object"]["id"] == object)),
        (format!("from={middle}"), Box::new(|entry| entry["timestamp"].as_i64().unwrap() >= middle)),
        (format!("until={middle}"), Box::new(|entry| entry["timestamp"].as_i64().unwrap() < middle)),
    ];
    for (query, keeps) in &filters {
        let kept: Vec<_> = all.iter().filter(|entry| keeps(entry)).cloned().collect();
        assert!(!kept.is_empty() && kept.len() < all.len(), "{query}");
        assert_eq!(api.all(&format!("{}?{query}", log(&partner))).await, kept, "{query}");
        assert_eq!(export(&format!("?{query}")).await, kept, "{query}");
    }
    for (query, field) in [("action=nothing", "action"), ("from=soon", "from"), ("sort=hash", "sort")] {
        let refused = api.get(&format!("{}?{query}", log(&partner))).await.is_error(400, "invalid_fields");
        assert_eq!(refused.fields(), [field]);
    }
    other.client.get(&log(&partner)).await.is_error(403, "forbidden");
    let theirs = entries(&other.client, &other.id).await;
    assert!(theirs.iter().all(|entry| !entry.to_string().contains("type 1")));
}

/// What `otaria check` says, and whether it is content.
fn check(server: &Server) -> (Option<i32>, String) {
    let output = server.command(&["check"]).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Adds a copy of the partner's second entry under this number.
fn forged(partner: &str, number: &str) -> String {
    format!(
        "INSERT INTO audit_log SELECT partner_id, {number}, at_ms, actor_kind, actor_id, actor_name, action, object_kind,
                object_id, before, after, address, request_id, hash
         FROM kept WHERE partner_id = '{partner}' AND sequence = 2"
    )
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_check_finds_whatever_was_done_behind_the_servers_back(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    for number in 0..7 {
        api.device_type(&partner, &format!("type {number}")).await;
    }
    let (code, said) = check(&server);
    assert_eq!((code, said.contains("intact")), (Some(0), true), "{said}");
    let last = entries(&api, &partner).await.len();
    let hash = entries(&api, &partner).await[last - 1]["hash"].clone();
    assert!(said.contains(hash.as_str().unwrap()), "{said}");

    server.sql("CREATE TABLE kept AS SELECT * FROM audit_log").await;
    server.sql("CREATE TABLE kept_heads AS SELECT * FROM audit_heads").await;
    let one = |number: usize| format!("partner_id = '{partner}' AND sequence = {number}");
    let swap = format!(
        "UPDATE audit_log SET sequence = -1 WHERE {}; UPDATE audit_log SET sequence = 3 WHERE {};
         UPDATE audit_log SET sequence = 4 WHERE partner_id = '{partner}' AND sequence = -1;",
        one(3),
        one(4)
    );
    let earlier = format!(
        "UPDATE audit_heads SET sequence = 5, hash = (SELECT hash FROM audit_log WHERE {}) WHERE partner_id = '{partner}'",
        one(5)
    );
    let head = |change: &str| format!("UPDATE audit_heads SET {change} WHERE partner_id = '{partner}'");
    let (missing, changed) =
        (|n: usize| format!("entry {n} is missing"), |n: usize| format!("entry {n} is not what"));
    let wrongs = [
        (format!("UPDATE audit_log SET action = 'push.requested' WHERE {}", one(4)), changed(4)),
        (format!("UPDATE audit_log SET actor_id = 'x' WHERE {}", one(2)), changed(2)),
        (format!("UPDATE audit_log SET at_ms = at_ms + 1 WHERE {}", one(last)), changed(last)),
        (format!("UPDATE audit_log SET address = NULL WHERE {}", one(5)), changed(5)),
        (format!("UPDATE audit_log SET after = '{{}}' WHERE {}", one(6)), changed(6)),
        (
            format!("UPDATE audit_log SET hash = (SELECT hash FROM kept WHERE {}) WHERE {}", one(1), one(2)),
            changed(2),
        ),
        (format!("DELETE FROM audit_log WHERE {}", one(5)), missing(5)),
        (format!("DELETE FROM audit_log WHERE {}", one(1)), missing(1)),
        (format!("DELETE FROM audit_log WHERE {}", one(last)), missing(last)),
        (format!("DELETE FROM audit_log WHERE partner_id = '{partner}'"), missing(1)),
        (swap, changed(3)),
        (head("sequence = sequence + 1"), missing(last + 1)),
        (head("sequence = sequence - 1"), format!("entry {last}")),
        (head("hash = (SELECT hash FROM kept WHERE sequence = 1 LIMIT 1)"), format!("entry {last}")),
        (earlier, format!("entry {last}")),
        (format!("DELETE FROM audit_heads WHERE partner_id = '{partner}'"), format!("entry {last}")),
        // Entries that were never written: after the end, before the beginning, of nobody.
        (forged(&partner, &(last + 1).to_string()), changed(last + 1)),
        (forged(&partner, &(last + 100).to_string()), missing(last + 1)),
        (forged(&partner, "0"), missing(1)),
        (forged(&partner, "-5"), missing(1)),
        (
            format!(
                "DELETE FROM audit_log WHERE partner_id = '{partner}'; DELETE FROM audit_heads WHERE partner_id = '{partner}'"
            ),
            "it is empty".to_owned(),
        ),
    ];
    for (wrong, names) in wrongs {
        server.sql(&wrong).await;
        let (code, said) = check(&server);
        assert_eq!(code, Some(1), "{wrong}: {said}");
        let line = said.lines().find(|line| line.contains(&partner)).unwrap();
        assert!(line.contains("BROKEN") && line.contains(&names), "{wrong}: {line}");
        server.sql("DELETE FROM audit_log").await;
        server.sql("INSERT INTO audit_log SELECT * FROM kept").await;
        server.sql("DELETE FROM audit_heads").await;
        server.sql("INSERT INTO audit_heads SELECT * FROM kept_heads").await;
        assert_eq!(check(&server).0, Some(0));
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn entries_written_at_once_are_one_chain(#[case] engine: Engine) {
    const TASKS: usize = 16;
    const EACH: usize = 15;
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let before = entries(&api, &partner).await.len();
    let tasks = (0..TASKS).map(|task| {
        let (api, partner) = (api.clone(), partner.clone());
        tokio::spawn(async move {
            for number in 0..EACH {
                api.device_type(&partner, &format!("{task}-{number}")).await;
            }
        })
    });
    let written = join_all(tasks);
    // The check reads while they write, and does not take that for damage.
    let (written, checked) = tokio::join!(written, async {
        tokio::task::block_in_place(|| (0..3).map(|_| check(&server)).collect::<Vec<_>>())
    });
    written.into_iter().for_each(Result::unwrap);
    for (code, said) in checked {
        assert_eq!(code, Some(0), "{said}");
    }
    let all = entries(&api, &partner).await;
    let numbers: Vec<i64> = all.iter().map(|entry| text(entry, "id").parse().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=(before + TASKS * EACH) as i64), "{numbers:?}");
    let names: BTreeSet<_> = all.iter().map(|entry| entry["after"]["name"].to_string()).collect();
    assert!(names.len() >= TASKS * EACH);
    let (code, said) = check(&server);
    assert_eq!(code, Some(0), "{said}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_there_before_is_what_the_entry_before_left(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (owner, partner) = (server.owner().await, server.partner());
    let device_type = owner.device_type(&partner, "first").await;
    let path = format!("/v1/partners/{partner}/deviceTypes/{device_type}");
    let changes = (0..48).map(|number| owner.put(&path, json!({ "name": format!("name {number}") })));
    for answer in join_all(changes).await {
        answer.ok();
    }
    let log = format!("/v1/partners/{partner}/auditLog?object={device_type}&sort=id&size=100");
    let entries = owner.get(&log).await.ok().body["content"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 49);
    for pair in entries.windows(2) {
        assert_eq!(pair[1]["before"], pair[0]["after"], "{pair:?}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_says_from_where_a_request_is_and_nobody_else_does() {
    for (trusted, expected) in [("127.0.0.0/8", "198.51.100.7"), ("10.0.0.0/8", "127.0.0.1")] {
        let server = Server::start_with(Engine::Sqlite, &[("OTARIA_TRUSTED_PROXIES", trusted)]).await;
        let (owner, partner) = (server.owner().await, server.partner());
        let request = owner.request(Method::POST, &format!("/v1/partners/{partner}/deviceTypes"));
        let request = request.header("x-forwarded-for", "203.0.113.1, 198.51.100.7").json(&json!({ "name": "lamp" }));
        Answer::of(request).await.is(StatusCode::CREATED);
        let log = format!("/v1/partners/{partner}/auditLog?action=deviceType.created");
        assert_eq!(owner.get(&log).await.ok().body["content"][0]["address"], expected);
    }
}
