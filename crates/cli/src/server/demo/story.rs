//! The demo's story: one publication, step by step, as a pipeline and its devices live it.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::api::{PartnerApi, text};
use super::device::SimulatedDevice;
use super::state::{KnownDevice, State};
use crate::failure::Failure;
use crate::terminal::print;

/// HUB: a whole system image of a Linux device.
const FIRMWARE_TYPE: u8 = 5;
/// How many devices there are.
const DEVICES: usize = 3;
/// How large the published file is, in bytes.
const SIZE: usize = 1024 * 1024;
/// How long the devices may take before the demo says that something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the story looks at the pushes.
const LOOK: Duration = Duration::from_millis(200);

/// Publishes the next version to the demo's devices and says what happens. Returns the devices, which go on polling.
pub async fn tell(url: &str, mut state: State, data: &Path) -> Result<JoinSet<()>, Failure> {
    print(&format!("Otaria serves at {url} and keeps its data in {}.\n", data.display()));
    let api = PartnerApi::sign_in(url, &state.client_id, &state.client_secret).await?;
    step(1, "A pipeline signs in with its client credentials.");

    prepare(&api, &mut state, data).await?;
    let mut devices = JoinSet::new();
    for known in &state.devices {
        devices.spawn(SimulatedDevice::new(url, known).live());
    }
    let names: Vec<_> = state.devices.iter().map(|known| known.device_id.as_str()).collect();
    step(2, &format!("{DEVICES} simulated devices of the type \"Demo lamp\" poll: {}.", names.join(", ")));

    let (image, version) = publish(&api, &mut state, data).await?;
    deliver(&api, &state, &image, &version).await?;
    Ok(devices)
}

fn step(number: u8, text: &str) {
    print(&format!("  {number}  {text}"));
}

/// Makes the device type and the devices, where an earlier run has not.
async fn prepare(api: &PartnerApi, state: &mut State, data: &Path) -> Result<(), Failure> {
    let partner = state.partner_id.clone();
    if state.device_type_id.is_none() {
        let body = json!({ "name": "Demo lamp", "description": "A lamp that exists in memory only" });
        let made = api.post(&format!("/v1/partners/{partner}/deviceTypes"), &body).await?;
        state.device_type_id = Some(text(&made, "deviceTypeId")?);
        state.save(data)?;
    }
    while state.devices.len() < DEVICES {
        // A fresh id, so that a run that was cut off between the two writes does not stop the next one.
        let suffix = uuid::Uuid::now_v7().simple().to_string();
        let id = format!("lamp-{}-{}", state.devices.len() + 1, &suffix[28..]);
        let body = json!({ "deviceTypeId": state.device_type_id, "deviceId": id, "tags": ["demo"] });
        let made = api.post(&format!("/v1/accounts/{}/devices", state.account_id), &body).await?;
        state.devices.push(KnownDevice { device_id: id, device_token: text(&made, "deviceToken")? });
        state.save(data)?;
    }
    Ok(())
}

/// Upload, move, record with its association: the image as associated, and its version.
async fn publish(api: &PartnerApi, state: &mut State, data: &Path) -> Result<(Value, String), Failure> {
    let partner = state.partner_id.clone();
    let device_type = state.device_type_id.clone().unwrap_or_default();
    state.published += 1;
    state.save(data)?;
    let version = format!("1.0.{}", state.published);
    let name = format!("demo-lamp-{version}.img");

    let binaries = format!("/v1/ota/partners/{partner}/binaries");
    let sha256 = api.upload(&binaries, &name, image_bytes(&version)).await?;
    step(3, &format!("It uploads {name} (1 MiB). SHA-256 {}…", &sha256[..16]));

    let moved = api.post(&format!("{binaries}/moveToRepository"), &json!({ "value": sha256 })).await?;
    step(4, "It moves the file to the repository.");

    let record = json!({
        "name": "demo-lamp", "type": FIRMWARE_TYPE, "version": version, "url": text(&moved, "value")?,
        "tags": ["demo"], "associations": { &partner: [&device_type] },
    });
    let image = api.post(&format!("/v1/ota/partners/{partner}/pool"), &record).await?;
    let number = text(&image, "versionNumber")?;
    step(5, &format!("It records demo-lamp {version} in the pool, for the device type. Version number {number}."));

    let images = format!("/v1/ota/partners/{partner}/deviceTypes/{device_type}/firmwareImages");
    let image = api.get(&format!("{images}/types/{FIRMWARE_TYPE}/versionNumbers/{number}")).await?;
    Ok((image, version))
}

/// Something that compresses to nothing but differs from version to version.
fn image_bytes(version: &str) -> Vec<u8> {
    format!("Otaria demo image {version}\n").bytes().cycle().take(SIZE).collect()
}

/// Pushes the image to every device and follows each push to its end.
async fn deliver(api: &PartnerApi, state: &State, image: &Value, version: &str) -> Result<(), Failure> {
    let (partner, id) = (&state.partner_id, text(image, "id")?);
    let device_type = text(image, "deviceTypeId")?;
    let path = format!("/v1/ota/partners/{partner}/deviceTypes/{device_type}/firmwareImages/{id}/push");
    let mut pushes = Vec::new();
    for known in &state.devices {
        pushes.push((known, api.push(&path, &known.device_id).await?));
    }
    step(6, "It pushes the image to each device, and the devices take it from there:");
    for (known, location) in &pushes {
        let push = tokio::time::timeout(PATIENCE, ended(api, location)).await;
        let push = push.map_err(|_| Failure::new(format!("{} did not finish in time", known.device_id)))??;
        print(&format!("       {:<12} {}", known.device_id, journey(&push)));
        if push["state"] != "succeeded" {
            return Err(Failure::new(format!("the push ended as {}: {}", push["state"], push["message"])));
        }
    }
    let known = &state.devices[0];
    let device =
        api.get(&format!("/v1/partners/{partner}/devices/{}?expansions=attributes", known.device_id)).await?;
    let (attribute, value) = (&device["attributes"][0]["id"], text(&device["attributes"][0], "data")?);
    step(7, &format!("All devices run {version}: their version attribute {attribute} reads {value}."));
    Ok(())
}

/// The push, once it has ended.
async fn ended(api: &PartnerApi, location: &str) -> Result<Value, Failure> {
    loop {
        let push = api.get(location).await?;
        if !push["finishedTimestamp"].is_null() {
            return Ok(push);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The states that a push went through, oldest first.
fn journey(push: &Value) -> String {
    let history = push["history"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut states: Vec<_> = history.iter().rev().filter_map(|entry| entry["state"].as_str()).collect();
    states.dedup();
    states.join(" → ")
}

/// Says what can be tried while the server and its devices stay up.
pub fn what_next(url: &str, data: &Path) {
    let file = data.join("demo.json").display().to_string();
    let lines = [
        String::new(),
        "The server and its devices stay up; Ctrl-C ends them. What to try next:".to_owned(),
        format!("  • Read and try the API in a browser: {url}/docs/"),
        format!("    Authorize with the clientId and clientSecret in {file}"),
        "  • Get a token and look at the fleet:".to_owned(),
        format!(
            "      read ID SECRET PARTNER < <(jq -r '[.clientId, .clientSecret, .partnerId] | join(\" \")' {file})"
        ),
        format!(
            "      TOKEN=$(curl -s -u $ID:$SECRET -d grant_type=client_credentials {url}/oauth/token | jq -r .access_token)"
        ),
        format!("      curl -s -H \"Authorization: Bearer $TOKEN\" {url}/v1/partners/$PARTNER/devices | jq"),
        "  • Run the demo again: it publishes the next version to the same devices.".to_owned(),
        "  • Serve for real: otaria serve, then otaria bootstrap --name NAME --email EMAIL".to_owned(),
    ];
    print(&lines.join("\n"));
}
