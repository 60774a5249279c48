//! `otaria push`: images on their way to devices.

use std::time::Duration;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use otaria_core::push::PushState;
use otaria_wire::partner::{AssociationOut, PoolImageOut};
use serde_json::{Value, json};

use super::image_reference::ImageReference;
use super::{ListOptions, devices, images};
use crate::client::Client;
use crate::client::api::Change;
use crate::client::waiting::{self, Changes};
use crate::duration;
use crate::failure::{Exit, Failure};
use crate::terminal::Format;
use crate::terminal::table::{Column, moment};

const COLUMNS: &[Column] = &[
    Column::text("id", "/id"),
    Column::text("device", "/deviceId"),
    Column::text("type", "/type"),
    Column::text("version", "/version"),
    Column::text("state", "/state"),
    Column::text("%", "/progress"),
    Column::time("updated", "/updatedTimestamp"),
];
const FIELDS: &[Column] = &[
    Column::text("id", "/id"),
    Column::text("device", "/deviceId"),
    Column::text("type", "/type"),
    Column::text("number", "/versionNumber"),
    Column::text("version", "/version"),
    Column::text("state", "/state"),
    Column::text("percent", "/progress"),
    Column::text("confirmation", "/confirmation"),
    Column::text("message", "/message"),
    Column::text("asked for by", "/requestedBy"),
    Column::time("asked for", "/createdTimestamp"),
    Column::time("taken up", "/startedTimestamp"),
    Column::time("ended", "/finishedTimestamp"),
    Column::text("history", "/history"),
];

#[derive(Subcommand)]
pub enum Command {
    /// List them
    List {
        /// Only to this device
        #[arg(long, value_name = "ID")]
        device: Option<String>,
        /// Only of this firmware type
        #[arg(long)]
        r#type: Option<u8>,
        /// Only in this state
        #[arg(long, value_parser = PossibleValuesParser::new(PushState::ALL.map(PushState::as_str)))]
        state: Option<String>,
        #[command(flatten)]
        list: ListOptions,
    },
    /// Show one, and what happened to it
    Show {
        /// Its id
        push: String,
    },
    /// Push an image to devices
    Create {
        /// TYPE/VERSIONNUMBER or NAME@VERSION
        image: ImageReference,
        /// The devices, by id
        #[arg(required = true)]
        device: Vec<String>,
    },
    /// Take one back, or ask the device to let go of it
    Cancel {
        /// Its id
        push: String,
    },
    /// Wait until they have ended, and say what becomes of them meanwhile
    Watch {
        /// Their ids
        #[arg(required = true)]
        push: Vec<String>,
        /// How long to wait, such as 90s, 30m or 2h; until they have ended, if that is not said
        #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = duration::parse)]
        timeout: Option<Duration>,
    },
}

/// Does what is asked with pushes.
pub async fn run(command: Command, client: Client) -> Result<(), Failure> {
    match command {
        Command::List { device, r#type, state, list } => {
            let path = client.ota("pushes")?.with_some("deviceId", device).with_some("type", r#type);
            client.terminal.list(&client.api.list(path.with_some("state", state), list.limit()).await?, COLUMNS);
        }
        Command::Show { push } => {
            let found = client.api.find(&client.ota("pushes")?.to(&push)).await?;
            let found = found.ok_or_else(|| Failure::not_found("push", &push))?;
            client.terminal.show(&readable(&client, found), FIELDS);
        }
        Command::Create { image, device } => create(&client, &image.resolve(&client).await?, &device).await?,
        Command::Cancel { push } => {
            let path = client.ota("pushes")?.to(&push);
            if client.api.change(Change::delete(path.clone())).await?.is_some() {
                let now = client.api.get(&path).await?;
                let sentence = match now["state"].as_str() {
                    Some("cancelling") => "the device is asked to let go of it",
                    _ => "cancelled",
                };
                client.terminal.done(&now, sentence);
            }
        }
        Command::Watch { push, timeout } => {
            let pushes = waiting::until_ended(&client, &push, timeout, Changes::AreData).await?;
            waiting::verdict(&pushes)?;
        }
    }
    Ok(())
}

/// Pushes to each device, once it is known of all that they can have it; also to those after one to which the server does
/// not push, and fails with what went wrong first.
async fn create(client: &Client, image: &PoolImageOut, devices: &[String]) -> Result<(), Failure> {
    let associations = images::associations(client, image).await?;
    let mut pushes = Vec::new();
    for device in devices {
        let association = meant_for(client, image, &associations, device).await;
        pushes.push((device, association.map_err(|failure| failure.about(device))?));
    }
    let mut failed = None;
    for (device, association) in pushes {
        if let Err(failure) = push(client, image, association, device).await {
            let failure = failure.about(device);
            match &failed {
                None => failed = Some(failure),
                Some(_) => client.terminal.warn(failure.message()),
            }
        }
    }
    failed.map_or(Ok(()), Err)
}

/// By which of its associations an image may go to a device.
async fn meant_for<'a>(
    client: &Client,
    image: &PoolImageOut,
    associations: &'a [AssociationOut],
    device: &str,
) -> Result<&'a AssociationOut, Failure> {
    let found = client.api.find(&client.partner()?.to("devices").to(device)).await?;
    let Some(found) = found else { return Err(devices::not_found(client, device).await) };
    let device_type = found["deviceTypeId"].as_str().unwrap_or_default();
    let association = associations.iter().find(|known| known.device_type_id == device_type);
    association.ok_or_else(|| {
        let number = format!("{}/{}", image.r#type, image.version_number);
        Failure::of(Exit::Ineligible, "not_associated", "the image is not for devices of its type")
            .with_remedy(format!("`otaria image associate {number} --device-type {device_type}` makes it so"))
    })
}

async fn push(
    client: &Client,
    image: &PoolImageOut,
    association: &AssociationOut,
    device: &str,
) -> Result<(), Failure> {
    let started = match start(client, association, device).await {
        Err(failure) if failure.code() == "already_installed" => {
            client.terminal.done_to_one(
                &json!({ "deviceId": device, "state": "already_installed" }),
                &format!("{device} runs it already"),
            );
            return Ok(());
        }
        started => started?,
    };
    if let Some(id) = started {
        let object = json!({ "deviceId": device, "pushId": id });
        client
            .terminal
            .done_to_one(&object, &format!("{} is on its way to {device}: push {id}", images::called(image)));
    }
    Ok(())
}

/// Sends what a device's type may have to the device; the push's id, or none in a dry run.
///
/// # Errors
/// If the server refuses, by the rules (exit code 6) or otherwise.
pub async fn start(client: &Client, association: &AssociationOut, device: &str) -> Result<Option<String>, Failure> {
    let path = images::of_device_type(client, &association.device_type_id)?.to(&association.firmware_image_id);
    let pushed = client.api.change(Change::put(path.to("push"), json!({ "value": device }))).await?;
    let Some(pushed) = pushed else { return Ok(None) };
    let location = pushed.location.unwrap_or_default();
    Ok(location.rsplit('/').next().map(str::to_owned))
}

/// A push as people read it: what happened, a line each, from the beginning. Programs get it as it is.
fn readable(client: &Client, mut push: Value) -> Value {
    if client.terminal.format() == Format::Human {
        let happened = push["history"].as_array().into_iter().flatten().rev();
        push["history"] = json!(happened.map(line).collect::<Vec<_>>().join("\n"));
    }
    push
}

fn line(happened: &Value) -> String {
    let at = moment(happened["timestamp"].as_i64().unwrap_or_default());
    let state = happened["state"].as_str().unwrap_or_default();
    let times = happened["count"].as_i64().map_or_else(String::new, |count| format!(" ({count} times)"));
    match happened["message"].as_str() {
        Some(message) => format!("{at}  {state}: {message}{times}"),
        None => format!("{at}  {state}{times}"),
    }
}
