//! People come, change, and go: invitations, privileges, passwords, sign-ins, and the client's secret.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use futures::future::{join, join_all};
use otaria_conformance::people::{Person, privileges};
use otaria_conformance::{Answer, Api, Engine, Server, how_many, now_millis, until};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

const PASSWORD: &str = "a password of their own";
const OWNER: &[&str] = &["owner"];
const VIEW: &[&str] = &["viewDeviceInfo"];

#[track_caller]
fn text<'v>(record: &'v Value, name: &str) -> &'v str {
    record[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {record}"))
}

fn users(partner: &str) -> String {
    format!("/v1/partners/{partner}/users")
}

fn user(partner: &str, id: &str) -> String {
    format!("/v1/partners/{partner}/users/{id}")
}

/// The token of a fresh invitation.
async fn invited(server: &Server, api: &Api, partner: &str, email: &str, names: &[&str]) -> String {
    let invited = server.invite(api, partner, email, names).await.is(StatusCode::CREATED).body;
    text(&invited, "token").to_owned()
}

/// What an error says, apart from what is different each time.
fn said(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    for name in ["timestamp", "trace"] {
        body.as_object_mut().unwrap().remove(name);
    }
    body
}

/// A partner's people by their e-mail addresses, with what they are.
async fn people(api: &Api, partner: &str) -> Vec<(String, String)> {
    let page = api.get(&format!("{}?sort=email", users(partner))).await.ok().body;
    let content = page["content"].as_array().unwrap();
    content.iter().map(|user| (text(user, "email").to_owned(), text(user, "status").to_owned())).collect()
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_invitation_is_accepted_once_by_whoever_has_its_token(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let invitation = server.invite(&api, &partner, " Ann@Example.COM ", VIEW).await.is(StatusCode::CREATED).body;
    assert_eq!((text(&invitation, "email"), text(&invitation, "status")), ("ann@example.com", "INVITED"));
    assert!(text(&invitation, "token").starts_with("ota_in_"));
    // The list does not show the token again.
    let listed = api.get(&users(&partner)).await.ok();
    assert!(!listed.text.contains(text(&invitation, "token")));
    let listed = listed.body["content"].as_array().unwrap().clone();
    let listed = listed.iter().find(|user| user["email"] == "ann@example.com").unwrap();
    assert_eq!((&listed["userId"], &listed["status"]), (&invitation["userId"], &json!("INVITED")));
    // Nobody signs in by an invitation alone.
    server.tokens("ann@example.com", PASSWORD).await.is_error(400, "invalid_grant");

    server.accept("ota_in_unknown", PASSWORD).await.is_error(404, "not_found");
    let short = server.accept(text(&invitation, "token"), "short").await.is_error(400, "invalid_fields");
    assert_eq!(short.fields(), ["password"]);
    let accepted = server.accept(text(&invitation, "token"), PASSWORD).await.ok().body;
    assert_eq!(accepted["email"], "ann@example.com");
    assert_eq!(accepted["privileges"]["viewDeviceInfo"], true);
    server.accept(text(&invitation, "token"), PASSWORD).await.is_error(404, "not_found");

    let ann = server.sign_in("ann@example.com", PASSWORD).await;
    let me = ann.get("/v1/users/me").await.ok().body;
    assert_eq!((&me["userId"], &me["firstName"]), (&accepted["userId"], &json!("Ann")));
    assert_eq!(me["partnerAccess"][0]["partner"]["partnerId"], partner);
    assert_eq!(me["partnerAccess"][0]["privileges"]["manageDeviceProfiles"], false);
    assert!(people(&api, &partner).await.contains(&("ann@example.com".to_owned(), "ACTIVE".to_owned())));
    server.invite(&api, &partner, "ann@example.com", VIEW).await.is_error(409, "already_here");
    for email in ["", "no address", "a@", "@b", "a b@c", "a@b@c"] {
        assert_eq!(
            server.invite(&api, &partner, email, VIEW).await.is_error(400, "invalid_fields").fields(),
            ["email"]
        );
    }
    let none = server.invite(&api, &partner, "bob@example.com", &[]).await.is_error(400, "invalid_fields");
    assert_eq!(none.fields(), ["privileges"]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_invitation_ends_when_it_expires_is_replaced_or_withdrawn(#[case] engine: Engine) {
    let mut server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let replaced = invited(&server, &api, &partner, "ann@example.com", VIEW).await;
    let newer = server.invite(&api, &partner, "ann@example.com", OWNER).await.is(StatusCode::CREATED).body;
    server.accept(&replaced, PASSWORD).await.is_error(404, "not_found");
    assert_eq!(people(&api, &partner).await.iter().filter(|(email, _)| email == "ann@example.com").count(), 1);
    api.delete(&user(&partner, text(&newer, "userId"))).await.is(StatusCode::NO_CONTENT);
    server.accept(text(&newer, "token"), PASSWORD).await.is_error(404, "not_found");
    api.delete(&user(&partner, text(&newer, "userId"))).await.is_error(404, "not_found");

    // What was changed while it waited counts.
    let changed = server.invite(&api, &partner, "bob@example.com", OWNER).await.is(StatusCode::CREATED).body;
    let body = json!({ "privileges": privileges(VIEW) });
    api.put(&user(&partner, text(&changed, "userId")), body).await.ok();
    let accepted = server.accept(text(&changed, "token"), PASSWORD).await.ok().body;
    assert_eq!(accepted["privileges"]["owner"], false);

    server.kill();
    server.set("OTARIA_INVITATION_SECONDS", "1");
    server.launch();
    // The connections of before are gone.
    let api = server.client().await;
    let short = invited(&server, &api, &partner, "eve@example.com", VIEW).await;
    // An attempt before its time would use it up: only its time can be waited for.
    tokio::time::sleep(std::time::Duration::from_millis(1050)).await;
    server.accept(&short, PASSWORD).await.is_error(404, "not_found");
    server.tokens("eve@example.com", PASSWORD).await.is_error(400, "invalid_grant");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_invitation_gives_no_power_over_an_account_that_is_there(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let other = server.another_partner("Other").await;
    let ann = server.person(&api, &partner, "ann@example.com", VIEW).await;
    let token = invited(&server, &other.client, &other.id, "ann@example.com", OWNER).await;

    // Whoever invites holds the token, and must not get in with it.
    let refused = server.accept(&token, "not the password").await.is_error(400, "invalid_fields");
    assert_eq!(refused.fields(), ["password"]);
    server.tokens("ann@example.com", "not the password").await.is_error(400, "invalid_grant");
    let me = ann.api.get("/v1/users/me").await.ok().body;
    assert_eq!(me["partnerAccess"].as_array().unwrap().len(), 1);
    assert_eq!(people(&other.client, &other.id).await.len(), 2);

    let accepted = server.accept(&token, &server.first("password")).await.ok().body;
    assert_eq!(text(&accepted, "userId"), ann.id);
    let me = ann.api.get("/v1/users/me").await.ok().body;
    assert_eq!(me["partnerAccess"].as_array().unwrap().len(), 2);
    // Names that came along change nothing either; the password is the old one.
    ann.sign_in_again(&server).await.get(&users(&other.id)).await.ok();
    // Guessing by invitations is slowed down as by signing in.
    let again = server.another_partner("Third").await;
    let token = invited(&server, &again.client, &again.id, "ann@example.com", VIEW).await;
    let mut answers = Vec::new();
    for _ in 0..6 {
        answers.push(server.accept(&token, "still not the password").await.status.as_u16());
    }
    assert!(answers.contains(&429) && !answers.contains(&200), "{answers:?}");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_accept_at_once_one_comes(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let other = server.another_partner("Other").await;
    for round in 0..how_many("OTARIA_RACES", 12).min(200) {
        let email = format!("guest{round}@example.com");
        let token = invited(&server, &api, &partner, &email, VIEW).await;
        let (first, second) = join(server.accept(&token, PASSWORD), server.accept(&token, PASSWORD)).await;
        let mut statuses = [first.status.as_u16(), second.status.as_u16()];
        statuses.sort_unstable();
        // The second may find the person there, whose password it knows, or the invitation gone.
        assert_eq!(statuses[0], 200, "{} {}", first.text, second.text);
        assert!([404, 409].contains(&statuses[1]), "{} {}", first.text, second.text);

        // Two partners invite one who is new: one account, and nobody is left half way.
        let email = format!("shared{round}@example.com");
        let (here, there) = (
            invited(&server, &api, &partner, &email, VIEW).await,
            invited(&server, &other.client, &other.id, &email, VIEW).await,
        );
        let (first, second) = join(server.accept(&here, PASSWORD), server.accept(&there, PASSWORD)).await;
        for (answer, token) in [(first, &here), (second, &there)] {
            if answer.status != StatusCode::OK {
                answer.is_error(409, "already_known");
                server.accept(token, PASSWORD).await.ok();
            }
        }
        let me = server.sign_in(&email, PASSWORD).await.get("/v1/users/me").await.ok().body;
        assert_eq!(me["partnerAccess"].as_array().unwrap().len(), 2);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn nobody_gives_more_than_they_have(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner) = (server.client().await, server.partner());
    let names = ["owner", "viewDeviceInfo", "manageDeviceProfiles", "inviteUsers"];
    for (number, own) in
        [&["inviteUsers"][..], &["inviteUsers", "viewDeviceInfo"], &["inviteUsers", "manageDeviceProfiles"]]
            .into_iter()
            .enumerate()
    {
        let giver = server.person(&api, &partner, &format!("giver{number}@example.com"), own).await;
        for name in names {
            let has = own.contains(&name) || name == "viewDeviceInfo" && own.contains(&"manageDeviceProfiles");
            let email = format!("{name}{number}@example.com");
            let answer = server.invite(&giver.api, &partner, &email, &[name]).await;
            if has {
                answer.is(StatusCode::CREATED);
            } else {
                answer.is_error(403, "forbidden");
            }
        }
        // Nor do they take an invitation over that gives more.
        let email = format!("taken{number}@example.com");
        let token = invited(&server, &api, &partner, &email, OWNER).await;
        server.invite(&giver.api, &partner, &email, &["inviteUsers"]).await.is_error(403, "forbidden");
        assert_eq!(server.accept(&token, PASSWORD).await.ok().body["privileges"]["owner"], true);
        let body = json!({ "privileges": privileges(OWNER) });
        giver.api.put(&user(&partner, &giver.id), body).await.is_error(403, "forbidden");
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn one_owner_always_remains(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (client, partner) = (server.client().await, server.partner());
    let me = server.owner().await.get("/v1/users/me").await.ok().body;
    let demotion = || json!({ "privileges": privileges(VIEW) });
    let first = user(&partner, text(&me, "userId"));
    client.delete(&first).await.is_error(409, "last_owner");
    client.put(&first, demotion()).await.is_error(409, "last_owner");
    // Somebody invited is no owner yet.
    let invitation = server.invite(&client, &partner, "late@example.com", OWNER).await.is(StatusCode::CREATED).body;
    client.delete(&first).await.is_error(409, "last_owner");
    client.put(&user(&partner, text(&invitation, "userId")), demotion()).await.ok();

    // Two owners demote each other, or are demoted, at the same moment; then both are owners again.
    let second = server.person(&client, &partner, "second@example.com", OWNER).await;
    let third = user(&partner, &second.id);
    let owner = server.owner().await;
    let owners = async || {
        let page = client.get(&users(&partner)).await.ok().body;
        let content = page["content"].as_array().unwrap().clone();
        content.iter().filter(|user| user["privileges"]["owner"] == true && user["status"] == "ACTIVE").count()
    };
    let mut lost = [0, 0];
    for round in 0..how_many("OTARIA_RACES", 60).min(500) {
        let request = |api: &Api, path: &str| api.request(Method::PUT, path).json(&demotion());
        // By each other, by themselves, and by the partner's client.
        let (one, two) = match round % 3 {
            0 => (request(&owner, &third), request(&second.api, &first)),
            1 => (request(&owner, &first), request(&second.api, &third)),
            _ => (request(&client, &first), request(&client, &third)),
        };
        let (one, two) = join(tokio::spawn(Answer::of(one)), tokio::spawn(Answer::of(two))).await;
        let statuses = [one.unwrap().status.as_u16(), two.unwrap().status.as_u16()];
        assert_eq!(owners().await, 1, "round {round}: {statuses:?}");
        lost[usize::from(statuses[0] >= 400)] += 1;
        assert!(statuses.iter().all(|status| [200, 204, 403, 401, 409].contains(status)), "{statuses:?}");
        for path in [&first, &third] {
            client.put(path, json!({ "privileges": privileges(OWNER) })).await.ok();
        }
        assert_eq!(owners().await, 2);
    }
    eprintln!("the first won {} times, the second {}", lost[0], lost[1]);
    removals(&server, &client, &partner).await;
}

/// Owners who remove each other at once, signed in anew each time.
async fn removals(server: &Server, client: &Api, partner: &str) {
    for round in 0..how_many("OTARIA_RACES", 20).min(200) {
        let pair = join_all((0..2).map(async |number| {
            let email = format!("pair{round}-{number}@example.com");
            server.person(client, partner, &email, OWNER).await
        }))
        .await;
        // Only these two are owners.
        let page = client.get(&format!("{}?size=1000", users(partner))).await.ok().body;
        for other in page["content"].as_array().unwrap() {
            if pair.iter().all(|person| person.id != text(other, "userId")) {
                client.delete(&user(partner, text(other, "userId"))).await.is(StatusCode::NO_CONTENT);
            }
        }
        let remove = |by: &Person, whom: &Person| by.api.request(Method::DELETE, &user(partner, &whom.id));
        let requests = [remove(&pair[0], &pair[1]), remove(&pair[1], &pair[0])];
        let answers = join_all(requests.map(|request| tokio::spawn(Answer::of(request)))).await;
        let mut statuses: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().status.as_u16()).collect();
        statuses.sort_unstable();
        assert_eq!(statuses[0], 204);
        assert!([401, 403, 409].contains(&statuses[1]), "{statuses:?}");
        assert_eq!(people(client, partner).await.len(), 1);
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn who_is_removed_is_out_at_once(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (client, partner) = (server.client().await, server.partner());
    let ann = server.person(&client, &partner, "ann@example.com", OWNER).await;
    let tokens = server.tokens("ann@example.com", &server.first("password")).await.ok().body;
    let account = json!({ "description": "Ann's", "partnerId": partner });
    let account = ann.api.post("/v1/accounts", account).await.is(StatusCode::CREATED).body;
    let account = format!("/v1/accounts/{}", text(&account, "accountId"));
    ann.api.get(&account).await.ok();
    let other = server.another_partner("Other").await;
    let token = invited(&server, &other.client, &other.id, "ann@example.com", OWNER).await;
    server.accept(&token, &server.first("password")).await.ok();
    let form = [("grant_type", "password"), ("username", "ann@example.com"), ("password", &server.first("password"))];
    let elsewhere = server.anonymous().token(&other.client_id, &other.client_secret, &form).await.ok().body;
    let elsewhere = server.anonymous().with_token(text(&elsewhere, "access_token"));
    elsewhere.get(&account).await.ok();

    client.delete(&user(&partner, &ann.id)).await.is(StatusCode::NO_CONTENT);
    for api in [&ann.api, &server.anonymous().with_token(text(&tokens, "access_token"))] {
        for path in ["/v1/users/me", &account, &format!("/v1/partners/{partner}")] {
            api.get(path).await.is_error(401, "unauthorized");
        }
    }
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", text(&tokens, "refresh_token"))];
    let (id, secret) = (server.first("clientId"), server.first("clientSecret"));
    server.anonymous().token(&id, &secret, &refresh).await.is_error(400, "invalid_grant");
    // What they have at the other partner stays; of this one it opens nothing.
    elsewhere.get(&format!("/v1/partners/{}", other.id)).await.ok();
    for path in [&account, &format!("/v1/partners/{partner}"), &users(&partner)] {
        elsewhere.get(path).await.is_error(403, "forbidden");
    }
    let again = ann.sign_in_again(&server).await;
    again.get(&account).await.is_error(403, "forbidden");
    assert_eq!(again.get("/v1/users/me").await.ok().body["accountAccess"], json!([]));

    // Less than before counts at once as well.
    let bob = server.person(&client, &partner, "bob@example.com", OWNER).await;
    bob.api.get(&users(&partner)).await.ok();
    client.put(&user(&partner, &bob.id), json!({ "privileges": privileges(VIEW) })).await.ok();
    bob.api.get(&users(&partner)).await.is_error(403, "forbidden");
    bob.api.get(&account).await.is_error(403, "forbidden");
    bob.api.get(&format!("/v1/partners/{partner}")).await.ok();
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_client_secret_is_replaced_at_once_or_with_an_overlap(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let other = server.another_partner("Other").await;
    let path = format!("/v1/partners/{}/clientSecret", other.id);
    let owner = server.owner().await;
    let ask = async |secret: &str| {
        server.anonymous().token(&other.client_id, secret, &[("grant_type", "client_credentials")]).await
    };
    for overlap in [json!(-1), json!(30 * 24 * 60 * 60 + 1), json!("soon")] {
        let refused = owner.post(&path, json!({ "overlapSeconds": overlap })).await.is_error(400, "invalid_fields");
        assert_eq!(refused.fields(), ["overlapSeconds"]);
    }
    // With an overlap both are good, and whoever holds a token keeps it.
    let second = owner.post(&path, json!({ "overlapSeconds": 3600 })).await.is(StatusCode::CREATED).body;
    assert_eq!(text(&second, "clientId"), other.client_id);
    let second = text(&second, "clientSecret");
    assert_ne!(second, other.client_secret);
    for secret in [&other.client_secret, second] {
        ask(secret).await.ok();
    }
    other.client.get(&format!("/v1/partners/{}", other.id)).await.ok();
    // A short overlap ends by itself.
    let third = owner.post(&path, json!({ "overlapSeconds": 1 })).await.is(StatusCode::CREATED).body;
    let third = text(&third, "clientSecret");
    until("the second secret ends", || async { ask(second).await.status == StatusCode::UNAUTHORIZED }).await;
    for secret in [&other.client_secret, second] {
        ask(secret).await.is_error(401, "invalid_client");
    }
    ask(third).await.ok();
    other.client.get(&format!("/v1/partners/{}", other.id)).await.ok();

    // Without one, the old secret and what it opened end now; people stay signed in.
    let fourth = owner.post(&path, json!({})).await.is(StatusCode::CREATED).body;
    ask(third).await.is_error(401, "invalid_client");
    other.client.get(&format!("/v1/partners/{}", other.id)).await.is_error(401, "unauthorized");
    ask(text(&fourth, "clientSecret")).await.ok();
    owner.get("/v1/users/me").await.ok();
    // The other partner's secret is as it was.
    server.client().await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn a_new_password_ends_the_other_sign_ins(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (client, partner) = (server.client().await, server.partner());
    let ann = server.person(&client, &partner, "ann@example.com", VIEW).await;
    let (here, there) = (ann.sign_in_again(&server).await, ann.sign_in_again(&server).await);
    let change = async |api: &Api, current: &str, new: &str| {
        api.put("/v1/users/me/password", json!({ "currentPassword": current, "newPassword": new })).await
    };
    let old = server.first("password");
    let wrong = change(&here, "not this one", PASSWORD).await.is_error(400, "invalid_fields");
    assert_eq!(wrong.fields(), ["currentPassword"]);
    assert_eq!(change(&here, &old, "short").await.is_error(400, "invalid_fields").fields(), ["newPassword"]);
    there.get("/v1/users/me").await.ok();
    change(&client, &old, PASSWORD).await.is_error(403, "forbidden");

    change(&here, &old, PASSWORD).await.is(StatusCode::NO_CONTENT);
    here.get("/v1/users/me").await.ok();
    for api in [&there, &ann.api] {
        api.get("/v1/users/me").await.is_error(401, "unauthorized");
    }
    server.tokens("ann@example.com", &old).await.is_error(400, "invalid_grant");
    let fresh = server.sign_in("ann@example.com", PASSWORD).await;

    // Signing out ends every one of theirs, and nobody else's.
    client.post("/v1/users/me/signOut", json!({})).await.is_error(403, "forbidden");
    fresh.request(Method::POST, "/v1/users/me/signOut").send().await.unwrap().error_for_status().unwrap();
    for api in [&fresh, &here] {
        api.get("/v1/users/me").await.is_error(401, "unauthorized");
    }
    client.get(&format!("/v1/partners/{partner}")).await.ok();
    server.sign_in("ann@example.com", PASSWORD).await.get("/v1/users/me").await.ok();
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_speaks_for_its_partners_devices_and_registers_new_ones(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, partner, account) = (server.client().await, server.partner(), server.account());
    let device_type = api.device_type(&partner, "Lamp").await;
    api.device(&account, &device_type, "known").await;
    let other = server.another_partner("Other").await;
    let tokens = format!("/v1/partners/{partner}/gatewayTokens");
    let make = async |body: Value| api.post(&tokens, body).await.is(StatusCode::CREATED).body;
    let plain = make(json!({ "name": "plain" })).await;
    let registering =
        make(json!({ "name": "r", "mayRegister": true, "deviceTypeId": device_type, "accountId": account })).await;
    let theirs = format!("/v1/partners/{}/gatewayTokens", other.id);
    let theirs = other.client.post(&theirs, json!({ "name": "theirs" })).await.is(StatusCode::CREATED).body;
    for body in [
        json!({ "name": "x", "mayRegister": true }),
        json!({ "name": "x", "deviceTypeId": device_type }),
        json!({ "name": "x", "expiresTimestamp": 1 }),
    ] {
        api.post(&tokens, body).await.is_error(400, "invalid_fields");
    }
    let listed = api.get(&tokens).await.ok();
    for token in [&plain, &registering] {
        let token = text(token, "token");
        assert!(token.len() == 32 && token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{token}");
        assert!(!listed.text.contains(token));
    }
    let poll = async |token: &str, id: &str| {
        let request = server.anonymous().request(Method::GET, &format!("/{partner}/controller/v1/{id}"));
        Answer::of(request.header("authorization", format!("GatewayToken {token}"))).await
    };
    for token in [&plain, &registering] {
        poll(text(token, "token"), "known").await.ok();
    }

    // Sixteen times at once, and it is one device.
    let polls = join_all((0..16).map(|_| poll(text(&registering, "token"), "new"))).await;
    assert!(polls.iter().all(|answer| answer.status == StatusCode::OK), "{polls:?}");
    let device = format!("/v1/accounts/{account}/devices/new");
    let shown = api.get(&device).await.ok().body;
    assert_eq!((text(&shown, "deviceTypeId"), text(&shown, "partnerId")), (&*device_type, &*partner));
    let entries = api.get(&format!("/v1/partners/{partner}/auditLog?action=device.registered")).await.ok().body;
    assert_eq!(entries["totalElements"], 1);
    assert_eq!(entries["content"][0]["actor"]["id"], registering["id"]);

    // What was taken out does not come back by itself.
    api.delete(&device).await.is(StatusCode::NO_CONTENT);
    let expiring = now_millis() + 1000;
    let expired = make(json!({ "name": "e", "expiresTimestamp": expiring })).await;
    poll(text(&expired, "token"), "known").await.ok();
    let deleted = make(json!({ "name": "d" })).await;
    api.delete(&format!("{tokens}/{}", text(&deleted, "id"))).await.is(StatusCode::NO_CONTENT);
    api.delete(&format!("{tokens}/{}", text(&deleted, "id"))).await.is_error(404, "not_found");
    until("it expires", || async { poll(text(&expired, "token"), "known").await.status == StatusCode::UNAUTHORIZED })
        .await;
    let mut refusals = Vec::new();
    for (token, id) in [
        (text(&registering, "token"), "new"),
        (text(&plain, "token"), "unknown"),
        (text(&expired, "token"), "known"),
        (text(&deleted, "token"), "known"),
        (text(&theirs, "token"), "known"),
        ("00000000000000000000000000000000", "known"),
        ("", "known"),
    ] {
        let refused = poll(token, id).await.is(StatusCode::UNAUTHORIZED);
        let names: Vec<_> = refused.headers.keys().map(ToString::to_string).collect();
        let mut body = refused.body.clone();
        if let Some(fields) = body.as_object_mut() {
            for name in ["timestamp", "trace"] {
                fields.remove(name);
            }
        }
        let challenge = refused.headers.get("www-authenticate").cloned();
        let length = refused.headers.get("content-length").cloned();
        refusals.push((names, body, challenge, length));
    }
    assert!(refusals.windows(2).all(|pair| pair[0] == pair[1]), "{refusals:#?}");
    api.get(&device).await.is_error(404, "not_found");
    api.get(&format!("/v1/accounts/{account}/devices/unknown")).await.is_error(404, "not_found");
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn an_action_says_that_the_device_has_no_channel_for_it(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (api, account) = (server.client().await, server.account());
    let device_type = api.device_type(&server.partner(), "Lamp").await;
    api.device(&account, &device_type, "lamp").await;
    let actions = format!("/v1/accounts/{account}/devices/lamp/actions");
    let bodies = [
        json!({ "type": "attribute_read", "attrId": 2003 }),
        json!({ "type": "attribute_write", "attrId": 2003, "data": "0a00" }),
    ];
    let mut answers = Vec::new();
    for body in bodies {
        answers.push(said(&api.post(&actions, body).await.is_error(409, "not_supported_by_device")));
    }
    assert_eq!(answers[0], answers[1]);
    for (body, field) in [
        (json!({ "attrId": 1 }), "type"),
        (json!({ "type": "attribute_read" }), "attrId"),
        (json!({ "type": "attribute_write", "attrId": 1 }), "data"),
        (json!({ "type": "attribute_write", "attrId": 1, "data": "0" }), "data"),
        (json!({ "type": "attribute_write", "attrId": 1, "data": "zz" }), "data"),
    ] {
        assert_eq!(api.post(&actions, body).await.is_error(400, "invalid_fields").fields(), [field]);
    }
    let unknown = format!("/v1/accounts/{account}/devices/unknown/actions");
    api.post(&unknown, json!({ "type": "attribute_read", "attrId": 1 })).await.is_error(404, "not_found");
}

/// A request for a new client secret whose body comes to its end only when it is told to.
fn in_two_pieces(caller: &Api, path: &str) -> (impl Future<Output = Answer>, tokio::sync::oneshot::Sender<()>) {
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let (head, tail) = (r#"{"overlapSecon"#, r#"ds": 0}"#);
    let pieces = futures::stream::unfold((0, Some(gone)), move |(step, gone)| async move {
        match step {
            0 => Some((Ok::<_, std::io::Error>(head), (1, gone))),
            1 => {
                gone.unwrap().await.unwrap();
                Some((Ok(tail), (2, None)))
            }
            _ => None,
        }
    });
    (caller.send(Method::POST, path, None, reqwest::Body::wrap_stream(pieces)), go)
}

/// A large upload over a slow line takes longer than a token is good for.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn whose_token_expires_while_their_body_is_on_its_way_gets_through(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let owner = server.owner().await;
    let path = format!("/v1/partners/{}/clientSecret", server.partner());
    let (slow, go) = in_two_pieces(&owner, &path);
    let expiry = async {
        // The header is there, and was let in, well before this is done: it takes a sign-in's time.
        server.owner().await;
        let now = now_millis();
        assert!(server.sql(&format!("UPDATE access_tokens SET expires_ms = {now}")).await > 0);
        go.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(slow, expiry);
    answer.is(StatusCode::CREATED);
    owner.get("/v1/users/me").await.is_error(401, "unauthorized");
}

/// A body may come long after its header: what whoever was let in for must hold still.
#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn who_is_removed_while_their_body_is_on_its_way_does_not_get_through(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (owner, partner) = (server.owner().await, server.partner());
    let body = json!({ "email": "second@example.com", "privileges": { "owner": true } });
    let invited = owner.post(&format!("/v1/partners/{partner}/users"), body).await.is(StatusCode::CREATED).body;
    let acceptance = json!({ "token": invited["token"], "password": "long enough" });
    let accepted = server.anonymous().post("/v1/invitations/accept", acceptance).await.ok().body;
    let form = [("grant_type", "password"), ("username", "second@example.com"), ("password", "long enough")];
    let token = server.anonymous().token(&server.first("clientId"), &server.first("clientSecret"), &form).await.ok();
    let second = server.anonymous().with_token(token.body["access_token"].as_str().unwrap());

    let path = format!("/v1/partners/{partner}/clientSecret");
    let (slow, go) = in_two_pieces(&second, &path);
    let removal = async {
        // The header is there, and was let in, well before this is done: it takes a sign-in's time.
        server.owner().await;
        let user = accepted["userId"].as_str().unwrap();
        owner.delete(&format!("/v1/partners/{partner}/users/{user}")).await.is(StatusCode::NO_CONTENT);
        go.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(slow, removal);
    answer.is_error(401, "unauthorized");
    server.client().await;
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn who_may_not_manage_any_more_has_nothing_left_at_the_accounts_they_made(#[case] engine: Engine) {
    let server = Server::start(engine).await;
    let (owner, partner) = (server.owner().await, server.partner());
    let body = json!({ "email": "m@example.com", "privileges": { "manageDeviceProfiles": true } });
    let invited = owner.post(&format!("/v1/partners/{partner}/users"), body).await.is(StatusCode::CREATED).body;
    let acceptance = json!({ "token": invited["token"], "password": "long enough" });
    server.anonymous().post("/v1/invitations/accept", acceptance).await.ok();
    let form = [("grant_type", "password"), ("username", "m@example.com"), ("password", "long enough")];
    let token = server.anonymous().token(&server.first("clientId"), &server.first("clientSecret"), &form).await.ok();
    let manager = server.anonymous().with_token(token.body["access_token"].as_str().unwrap());
    let account = manager.post("/v1/accounts", json!({ "description": "a", "partnerId": partner })).await;
    let account = account.is(StatusCode::CREATED).body["accountId"].as_str().unwrap().to_owned();
    let device_type = owner.device_type(&partner, "lamp").await;
    manager.device(&account, &device_type, "d").await;
    let user = invited["userId"].as_str().unwrap();
    let less = json!({ "privileges": { "viewDeviceInfo": true } });
    owner.put(&format!("/v1/partners/{partner}/users/{user}"), less).await.ok();
    let token = format!("/v1/accounts/{account}/devices/d/deviceToken");
    manager.post(&token, json!({})).await.is_error(403, "forbidden");
    manager.get(&format!("/v1/accounts/{account}")).await.is_error(403, "forbidden");
}
