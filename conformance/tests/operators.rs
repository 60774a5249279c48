//! What operators choose for a device type, and what they see of a device.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is all test code")]

use otaria_conformance::publisher::Publisher;
use otaria_conformance::{Engine, until};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

const DEVICE: &str = "lamp-1";
const HUB: i64 = 5;

/// A device, by what it asks over HTTP.
struct Device<'p> {
    publisher: &'p Publisher,
    token: String,
}

impl<'p> Device<'p> {
    async fn of(publisher: &'p Publisher) -> Self {
        Self { publisher, token: publisher.device(DEVICE).await }
    }

    async fn asks(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let path = format!("/DEFAULT/controller/v1/{DEVICE}{path}");
        let nobody = self.publisher.server.anonymous();
        let request = nobody.request(method, &path).header("Authorization", format!("TargetToken {}", self.token));
        let answer = request.json(&body).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    async fn links(&self) -> Vec<String> {
        let (_, poll) = self.asks(Method::GET, "", json!({})).await;
        poll["_links"].as_object().map(|links| links.keys().cloned().collect()).unwrap_or_default()
    }

    async fn says(&self, action: i32, execution: &str, finished: &str, details: &[&str]) {
        let status = json!({"execution": execution, "result": {"finished": finished}, "details": details, "code": 7});
        let path = format!("/deploymentBase/{action}/feedback");
        assert_eq!(self.asks(Method::POST, &path, json!({"status": status})).await.0, StatusCode::OK);
    }

    async fn page(&self) -> Value {
        let path = format!("/v1/partners/{}/devices/{DEVICE}", self.publisher.partner);
        self.publisher.api.get(&path).await.ok().body
    }

    /// The codes of what is explained: of the device, and of the one firmware type.
    async fn codes(&self) -> (Vec<String>, Vec<String>) {
        let path = format!("/v1/partners/{}/devices/{DEVICE}/explain", self.publisher.partner);
        let told = self.publisher.api.get(&path).await.ok().body;
        let codes = |reasons: &Value| {
            let reasons = reasons.as_array().cloned().unwrap_or_default();
            assert!(
                reasons.iter().all(|reason| reason["message"].as_str().unwrap().ends_with(['.', 'd', 's'])),
                "{told}"
            );
            reasons.iter().map(|reason| reason["code"].as_str().unwrap().to_owned()).collect()
        };
        (codes(&told["reasons"]), codes(&told["types"][0]["reasons"]))
    }

    async fn is_told(&self, code: &str) {
        until(code, || async { self.codes().await.1.first().map(String::as_str) == Some(code) }).await;
    }
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn why_a_device_is_or_is_not_offered_something_is_said(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let device = Device::of(&publisher).await;
    assert_eq!(device.codes().await.0, ["credential_unused", "nothing_associated"]);
    device.links().await;
    assert_eq!(device.codes().await.0, ["polling", "nothing_associated"], "at once, not when it is written down");

    let (number, image) = publisher.publish(HUB, "1.0", vec![1; 1000]).await;
    device.is_told("not_pushed").await;
    publisher.wants(json!({"confirmationRequired": true, "successOn": "version", "versionWithinSeconds": 60})).await;
    let push = publisher.push(&image, DEVICE).await;
    device.is_told("waiting_for_confirmation").await;
    assert_eq!(push.shown().await["confirmation"], "waiting");
    assert_eq!(
        device.asks(Method::POST, "/confirmationBase/1/feedback", json!({"confirmation": "denied"})).await.0,
        200
    );
    device.is_told("confirmation_denied").await;
    assert_eq!(
        device.asks(Method::POST, "/confirmationBase/1/feedback", json!({"confirmation": "confirmed"})).await.0,
        200
    );
    device.is_told("offered").await;
    let windows = json!([{"opens": "00:00", "minutes": 1}]);
    publisher.wants(json!({"successOn": "version", "maintenance": {"windows": windows}})).await;
    device.is_told("time_zone_unknown").await;
    publisher.wants(json!({"successOn": "version"})).await;
    assert_eq!(device.asks(Method::GET, "/deploymentBase/1", json!({})).await.0, 200);
    device.is_told("under_way").await;
    device.says(1, "closed", "success", &["done"]).await;
    device.is_told("waiting_for_version").await;
    assert!(!device.links().await.contains(&"deploymentBase".to_owned()), "it would install it again");
    assert_eq!(push.shown().await["state"], "installed");
    let said = json!({"data": {"otaria.version.5": number.to_string()}});
    assert_eq!(device.asks(Method::PUT, "/configData", said).await.0, 200);
    device.is_told("up_to_date").await;
    assert_eq!(push.shown().await["state"], "succeeded");

    let (_, newer) = publisher.publish(HUB, "1.1", vec![2; 1000]).await;
    publisher.wants(json!({})).await;
    let push = publisher.push(&newer, DEVICE).await;
    device.asks(Method::GET, "/deploymentBase/2", json!({})).await;
    push.cancel().await;
    device.is_told("cancelling").await;
    let accepted = json!({"status": {"execution": "closed", "result": {"finished": "success"}, "details": []}});
    assert_eq!(device.asks(Method::POST, "/cancelAction/2/feedback", accepted).await.0, 200);
    assert_eq!(device.codes().await.1, ["cancelled"]);
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_device_has_what_it_said_and_what_waits(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let device = Device::of(&publisher).await;
    let fresh = device.page().await;
    assert_eq!((&fresh["waiting"], &fresh["said"]), (&json!([]), &json!([])));
    assert!(fresh.get("lastPollTimestamp").is_none());
    let (_, image) = publisher.publish(HUB, "1.0", vec![1; 1000]).await;
    let push = publisher.push(&image, DEVICE).await;
    device.links().await;
    device.says(1, "proceeding", "none", &["writing <slot b>"]).await;
    let agreed = json!({"initiator": "anna", "remark": "kiosk"});
    assert_eq!(device.asks(Method::POST, "/confirmationBase/activateAutoConfirm", agreed).await.0, 200);
    until("its address is written down", || async { device.page().await.get("lastAddress").is_some() }).await;
    let page = device.page().await;
    assert_eq!(page["lastAddress"], "127.0.0.1");
    assert!(page["lastPollTimestamp"].as_i64() >= page["createdTimestamp"].as_i64());
    assert_eq!(
        (&page["waiting"][0]["id"], &page["waiting"][0]["state"]),
        (&push.shown().await["id"], &json!("installing"))
    );
    let said = &page["said"][0];
    assert_eq!((&said["message"], &said["pushId"]), (&json!("writing <slot b>"), &page["waiting"][0]["id"]));
    assert_eq!(said["details"], json!(["code 7", "writing <slot b>"]));
    assert_eq!(
        (&page["autoConfirm"]["initiator"], &page["autoConfirm"]["remark"]),
        (&json!("anna"), &json!("kiosk"))
    );
}

#[rstest]
#[case::sqlite(Engine::Sqlite)]
#[case::postgres(Engine::Postgres)]
#[tokio::test(flavor = "multi_thread")]
async fn what_operators_choose_is_kept_and_what_is_wrong_is_named(#[case] engine: Engine) {
    let publisher = Publisher::start(engine).await;
    let path = format!("/v1/partners/{}/deviceTypes/{}", publisher.partner, publisher.device_type);
    let plain = publisher.api.get(&path).await.ok().body;
    let chosen = ["confirmationRequired", "successOn", "versionWithinSeconds", "maintenance"];
    assert!(chosen.iter().all(|name| plain.get(name).is_none()), "{plain}");
    let policy = json!({
        "name": "lamp", "confirmationRequired": true, "successOn": "version", "versionWithinSeconds": 600,
        "maintenance": {
            "timeZone": "Europe/Berlin", "windows": [{"days": ["sat", "sun"], "opens": "02:00", "minutes": 90}],
            "outside": "download",
        },
    });
    publisher.api.put(&path, policy.clone()).await.ok();
    let kept = publisher.api.get(&path).await.ok().body;
    for (name, value) in policy.as_object().unwrap() {
        assert_eq!(kept[name], *value, "{name}");
    }
    publisher.api.put(&path, kept.clone()).await.ok();
    let zone = json!({"name": "lamp", "maintenance": {"timeZone": "Mars", "windows": [{"opens": "1:00"}]}});
    let wrong = publisher.api.put(&path, zone).await.is_error(400, "invalid_fields").body;
    let names: Vec<_> = wrong["fields"].as_array().unwrap().iter().map(|field| field["name"].clone()).collect();
    assert_eq!(names, ["maintenance.timeZone", "maintenance.windows[0].opens", "maintenance.windows[0].minutes"]);
    assert_eq!(publisher.api.get(&path).await.ok().body["maintenance"], kept["maintenance"]);
    publisher.api.put(&path, json!({"name": "lamp"})).await.ok();
    assert!(publisher.api.get(&path).await.ok().body.get("maintenance").is_none(), "left out is removed");
}
