//! No partner reaches another one's things, and nobody does what they have no right to: generated from the OpenAPI
//! document of the running server, so that no operation is left out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "this is all test code")]

use otaria_conformance::tenants::{NOT_FOR_CLIENTS, Operation, Scene, nothing, said};
use otaria_conformance::{Engine, until};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn without_a_token_there_is_nothing(#[case] engine: Engine) {
    let Scene { server, alpha, operations, .. } = Scene::set(engine).await;
    let password =
        [("grant_type", "password"), ("username", "owner@example.com"), ("password", &server.first("password"))];
    let (id, secret) = (server.first("clientId"), server.first("clientSecret"));
    let refresh = server.anonymous().token(&id, &secret, &password).await.ok().body["refresh_token"].clone();
    let before = alpha.dump(&operations).await;
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
    for operation in &operations {
        let own = &beta.sets[0];
        let mut answer = operation.ask(&beta.api, own, own, 0).await;
        if NOT_FOR_CLIENTS.contains(&operation.id.as_str()) {
            answer.is_error(403, "forbidden");
            answer = operation.ask(&server.owner().await, own, own, 0).await;
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
    assert_eq!(alpha.dump(&operations).await, before);
    assert_eq!(alpha.poll(&server.partner()).await, StatusCode::OK);
    assert_eq!(alpha.poll(partner).await, StatusCode::UNAUTHORIZED);
    // That it polled shows from now on.
    let explain = format!("/v1/partners/{}/devices/{}/explain", server.partner(), theirs["deviceId"]);
    until("the poll shows", || async { alpha.api.get(&explain).await.ok().body["reasons"][0]["code"] == "polling" })
        .await;
    let before = alpha.dump(&operations).await;
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

/// What somebody needs in order to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// To be the installation's admin.
    Admin,
    /// To be a person.
    Oneself,
    /// Any of these privileges, or to be an owner.
    Any(&'static [&'static str]),
}

const OWNER: Needs = Needs::Any(&[]);
const VIEW: Needs = Needs::Any(&["viewDeviceInfo", "manageDeviceProfiles"]);
const MANAGE: Needs = Needs::Any(&["manageDeviceProfiles"]);
const INVITE: Needs = Needs::Any(&["inviteUsers"]);

/// What every operation that needs a token needs besides.
const NEEDS: &[(Needs, &[&str])] = &[
    (Needs::Admin, &["createPartner"]),
    (Needs::Oneself, &["getMe", "changePassword", "signOutEverywhere"]),
    (OWNER, &["updatePartner", "replaceClientSecret", "updateUser", "removeUser", "listAuditLog"]),
    (INVITE, &["inviteUser", "listUsers", "getUser"]),
    (
        VIEW,
        &[
            "getBinary",
            "listFirmwareImages",
            "listFirmwareImagesOfType",
            "getFirmwareImage",
            "listenToPartner",
            "listenToPush",
            "listPoolImages",
            "listPoolImagesOfType",
            "poolImageExists",
            "getPoolImage",
            "listPoolImageAssociations",
            "listPushes",
            "getPush",
            "listTags",
            "listFirmwareTypes",
            "getFirmwareType",
            "getPartner",
            "listDeviceTypes",
            "getDeviceType",
            "listFleet",
            "getFleetDevice",
            "explainDevice",
            "listUnreadable",
            "listGatewayTokens",
            "getDeviceAuthentication",
        ],
    ),
    (
        MANAGE,
        &[
            "createFirmwareType",
            "updateFirmwareType",
            "createPoolImage",
            "updatePoolImage",
            "uploadBinary",
            "moveBinaryToRepository",
            "createFirmwareImage",
            "deleteFirmwareImage",
            "pushFirmwareImage",
            "cancelPush",
            "createDeviceType",
            "updateDeviceType",
            "createGatewayToken",
            "deleteGatewayToken",
            "replaceDeviceAuthentication",
            // An account that the partner made is open to those who may change what is the partner's.
            "createAccount",
            "getAccount",
            "listDevices",
            "getDevice",
            "createDevice",
            "deleteDevice",
            "createDeviceAction",
            "replaceDeviceToken",
            "setFriendlyName",
        ],
    ),
];

fn needs(operation: &Operation) -> Needs {
    let found = NEEDS.iter().find(|(_, operations)| operations.contains(&operation.id.as_str()));
    found.unwrap_or_else(|| panic!("{} is new to this test: say in NEEDS what it needs", operation.id)).0
}

/// Whether an answer says that somebody has no right to what they asked for.
const fn is_refusal(status: StatusCode) -> bool {
    matches!(status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED)
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test]
async fn everybody_does_what_they_have_the_right_to_and_no_more(#[case] engine: Engine) {
    let Scene { server, alpha, operations, .. } = Scene::set(engine).await;
    let known: Vec<_> = NEEDS.iter().flat_map(|(_, operations)| *operations).collect();
    for id in known {
        assert!(operations.iter().any(|operation| operation.id == *id), "no operation {id} any more");
    }
    let own = &alpha.sets[0];
    let rights = ["viewDeviceInfo", "manageDeviceProfiles", "inviteUsers"];
    let mut people = Vec::new();
    for right in rights {
        let email = format!("{right}@example.com");
        people.push((right, server.person(&alpha.api, &server.partner(), &email, &[right]).await));
    }
    // Whom the log names changes with every refusal.
    let rest: Vec<_> = operations.iter().filter(|operation| operation.id != "listAuditLog").collect();
    let read = async || {
        let mut read = Vec::new();
        for operation in rest.iter().filter(|operation| operation.method == Method::GET && !operation.streams) {
            if !NOT_FOR_CLIENTS.contains(&operation.id.as_str()) {
                read.push(operation.ask(&alpha.api, own, own, 0).await.ok().text);
            }
        }
        read
    };
    let before = read().await;
    let (mut refused, mut allowed) = (0, 0);
    for operation in &operations {
        let needs = needs(operation);
        operation.ask(&server.anonymous(), own, own, 0).await.is_error(401, "unauthorized");
        for (right, person) in &people {
            if needs == Needs::Oneself || matches!(needs, Needs::Any(rights) if rights.contains(right)) {
                continue;
            }
            let answer = operation.ask(&person.api, own, own, 0).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} with {right}: {}", operation.id, answer.text);
            refused += 1;
        }
    }
    assert_eq!(read().await, before);
    for operation in &operations {
        for (right, person) in &people {
            let may = match needs(operation) {
                Needs::Admin => false,
                Needs::Oneself => true,
                Needs::Any(rights) => rights.contains(right),
            };
            if may {
                let fresh = person.sign_in_again(&server).await;
                let answer = operation.ask(&fresh, own, own, 0).await;
                let is_fine = answer.status.is_success()
                    || matches!(answer.status, StatusCode::CONFLICT | StatusCode::NOT_FOUND);
                assert!(is_fine, "{} with {right}: {} {}", operation.id, answer.status, answer.text);
                allowed += 1;
            }
        }
        // An owner may do everything that is their partner's.
        if !NOT_FOR_CLIENTS.contains(&operation.id.as_str()) {
            let answer = operation.ask(&alpha.api, own, own, 0).await;
            assert!(!is_refusal(answer.status), "{}: {} {}", operation.id, answer.status, answer.text);
        }
    }
    assert!(refused > 60 && allowed > 60, "{refused} refused, {allowed} allowed");
}
