//! `otaria device`: the devices that are out there, and what each is offered.

use std::collections::HashMap;
use std::fmt::Write as _;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{ListOptions, device_types};
use crate::client::Client;
use crate::client::api::{Change, Limit};
use crate::client::paths::Path;
use crate::failure::Failure;
use crate::nearest;
use crate::terminal::table::{Column, moment};
use crate::terminal::{Format, print};

/// Among how many devices one is looked for that may be meant, the newest first.
const LOOKED_AT: usize = 1000;

const COLUMNS: &[Column] = &[
    Column::text("id", "/deviceId"),
    Column::prose("name", "/friendlyName"),
    Column::text("type", "/deviceTypeId"),
    Column::prose("runs", "/versions"),
    Column::text("updating", "/updating"),
    Column::time("last heard of", "/lastPollTimestamp"),
];
const FIELDS: &[Column] = &[
    Column::text("id", "/deviceId"),
    Column::text("name", "/friendlyName"),
    Column::text("type", "/deviceTypeId"),
    Column::text("tags", "/deviceTags"),
    Column::text("runs", "/versions"),
    Column::text("updating", "/updating"),
    Column::text("says of itself", "/configData"),
    Column::text("address", "/lastAddress"),
    Column::time("last heard of", "/lastPollTimestamp"),
    Column::time("created", "/createdTimestamp"),
];
const MADE: &[Column] =
    &[Column::text("id", "/deviceId"), Column::text("type", "/deviceTypeId"), Column::text("token", "/deviceToken")];

#[derive(Subcommand)]
pub enum Command {
    /// List the devices of the partner's types
    List {
        /// Only of this type
        #[arg(long, value_name = "ID|NAME")]
        device_type: Option<String>,
        /// Only with this tag
        #[arg(long)]
        tag: Option<String>,
        /// Only with this text in the id or name
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        #[command(flatten)]
        list: ListOptions,
    },
    /// Show one
    Show {
        /// Its id
        device: String,
    },
    /// Why one is, or is not, being offered something now
    Explain {
        /// Its id
        device: String,
    },
    /// Make one, in the account; prints its token, once
    Create {
        /// Its id; one is made up if none is given
        device: Option<String>,
        /// Of which type it is
        #[arg(long, value_name = "ID|NAME")]
        device_type: String,
        /// What its owner calls it
        #[arg(long, value_name = "NAME")]
        friendly_name: Option<String>,
        /// A tag that it carries
        #[arg(long, value_name = "TAG")]
        tag: Vec<String>,
    },
    /// Change what one is called, in the account
    Edit {
        /// Its id
        device: String,
        /// What its owner calls it
        #[arg(long, value_name = "NAME")]
        friendly_name: String,
    },
    /// Forget one, in the account
    Delete {
        /// Its id
        device: String,
    },
    /// Give one a new token instead of the one that it has, and print it, once
    Token {
        /// Its id
        device: String,
    },
}

/// Does what is asked with devices.
pub async fn run(command: Command, client: Client) -> Result<(), Failure> {
    match command {
        Command::List { device_type, tag, search, list } => {
            let device_type = match device_type {
                Some(given) => Some(device_types::resolve(&client, &given).await?.device_type_id),
                None => None,
            };
            let path = client.partner()?.to("devices").with_some("deviceTypeId", device_type);
            let path = path.with_some("tag", tag).with_some("q", search);
            let devices = client.api.list(path, list.limit()).await?;
            client.terminal.list(&readable(&client, devices).await?, COLUMNS);
        }
        Command::Show { device } => {
            let path = client.partner()?.to("devices").to(&device).with("expansions", "state,tags,attributes");
            let Some(found) = client.api.find(&path).await? else { return Err(not_found(&client, &device).await) };
            for shown in readable(&client, vec![found]).await? {
                client.terminal.show(&shown, FIELDS);
            }
        }
        Command::Explain { device } => {
            let path = client.partner()?.to("devices").to(&device).to("explain");
            let Some(explanation) = client.api.find(&path).await? else {
                return Err(not_found(&client, &device).await);
            };
            match client.terminal.format() {
                Format::Json => client.terminal.show(&explanation, &[]),
                Format::Human => print(&explained(&explanation)),
            }
        }
        Command::Create { device, device_type, friendly_name, tag } => {
            let device_type = device_types::resolve(&client, &device_type).await?;
            let body = json!({
                "deviceId": device, "deviceTypeId": device_type.device_type_id, "friendlyName": friendly_name, "tags": tag,
            });
            if let Some(made) = client.api.change(Change::post(client.devices_of_account()?, body)).await? {
                for shown in readable(&client, vec![made.body]).await? {
                    client.terminal.show_secret(&shown, MADE);
                }
                client.terminal.say("the token is not shown again");
            }
        }
        Command::Edit { device, friendly_name } => {
            let path = of_account(&client, &device)?;
            let change = Change::put(path.clone().to("friendlyName"), json!({ "friendlyName": friendly_name }));
            if let Some(changed) = client.api.change(change.of_what_is_at(path)).await? {
                client.terminal.done(&changed.body, &format!("{device} is called {friendly_name}"));
            }
        }
        Command::Delete { device } => {
            let path = of_account(&client, &device)?;
            if client.api.change(Change::delete(path.clone()).of_what_is_at(path)).await?.is_some() {
                client.terminal.done(&json!({ "deviceId": device, "deleted": true }), &format!("deleted {device}"));
            }
        }
        Command::Token { device } => {
            let path = of_account(&client, &device)?;
            let change = Change::post(path.clone().to("deviceToken"), json!({}));
            if let Some(made) = client.api.change(change.of_what_is_at(path)).await? {
                for shown in readable(&client, vec![made.body]).await? {
                    client.terminal.show_secret(&shown, MADE);
                }
                client.terminal.say("the token is not shown again, and the one before is not good any more");
            }
        }
    }
    Ok(())
}

fn of_account(client: &Client, device: &str) -> Result<Path, Failure> {
    Ok(client.devices_of_account()?.to(device))
}

/// That there is no such device, and which one may be meant.
pub async fn not_found(client: &Client, device: &str) -> Failure {
    let failure = Failure::not_found("device", device);
    let known = match client.partner() {
        Ok(path) => client.api.list(path.to("devices"), Limit::First(LOOKED_AT)).await.unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    match nearest::of(device, known.iter().filter_map(|known| known["deviceId"].as_str())) {
        Some(nearest) => failure.with_remedy(format!("did you mean {nearest:?}?")),
        None => failure.with_remedy("`otaria device list` shows those that there are"),
    }
}

/// Devices as people read them: with the name of their type, and what they run in a few words. Programs get them as
/// they are.
async fn readable(client: &Client, mut devices: Vec<Value>) -> Result<Vec<Value>, Failure> {
    if client.terminal.format() == Format::Json || devices.is_empty() {
        return Ok(devices);
    }
    let known = device_types::known(client).await?;
    let names: HashMap<_, _> = known.into_iter().map(|known| (known.device_type_id, known.name)).collect();
    for device in &mut devices {
        if let Some(name) = device["deviceTypeId"].as_str().and_then(|id| names.get(id)) {
            device["deviceTypeId"] = json!(name);
        }
        let tags = device["deviceTags"].as_array().into_iter().flatten();
        device["deviceTags"] = tags.map(|tag| tag["value"].clone()).collect();
        let versions = device["versions"].as_array().into_iter().flatten();
        device["versions"] = versions.map(|runs| Value::from(running(runs))).collect();
        let config = device["configData"].as_object().into_iter().flatten();
        device["configData"] =
            config.map(|(key, value)| json!(format!("{key}={}", value.as_str().unwrap_or_default()))).collect();
    }
    Ok(devices)
}

/// What a device runs of one firmware type: the version for people, where the image is known.
fn running(runs: &Value) -> String {
    let number = runs["versionNumber"].as_str().unwrap_or_default();
    match runs["version"].as_str() {
        Some(version) => format!("{version} ({}/{number})", runs["type"]),
        None => format!("{}/{number}", runs["type"]),
    }
}

/// The reasons, those of the device first.
fn explained(explanation: &Value) -> String {
    let mut text = String::new();
    let device = explanation["deviceId"].as_str().unwrap_or_default();
    let last = explanation["lastPollTimestamp"].as_i64();
    let last = last.map_or_else(String::new, |at| format!(", last heard of at {}", moment(at)));
    let _ = writeln!(text, "{device}{last}");
    push_reasons(&mut text, &explanation["reasons"]);
    for of_type in explanation["types"].as_array().into_iter().flatten() {
        let number = |field: &str| of_type[field].as_str().unwrap_or("none");
        let (runs, newest) = (number("installedVersionNumber"), number("newestVersionNumber"));
        let _ = writeln!(text, "firmware type {}: runs {runs}, newest {newest}", of_type["type"]);
        push_reasons(&mut text, &of_type["reasons"]);
    }
    text.trim_end().to_owned()
}

fn push_reasons(text: &mut String, reasons: &Value) {
    for reason in reasons.as_array().into_iter().flatten() {
        let _ = writeln!(text, "  {}", reason["message"].as_str().unwrap_or_default());
    }
}
