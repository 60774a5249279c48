//! `otaria push`: images on their way to devices.

use std::time::Duration;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;
use otaria_core::eligibility::Refusal;
use otaria_core::push::PushState;
use otaria_wire::partner::{AssociationOut, PoolImageOut};
use serde_json::{Value, json};

use super::image_reference::ImageReference;
use super::recipients::{Recipient, refused};
use super::several::Several;
use super::{ListOptions, images};
use crate::client::api::Change;
use crate::client::paths::Path;
use crate::client::waiting::{self, Changes};
use crate::client::{Client, Effect};
use crate::duration;
use crate::failure::{Exit, Failure};
use crate::terminal::Format;
use crate::terminal::table::{Column, moment};

/// By which code the server says that a push has ended.
const ENDED: &str = "push_has_ended";

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
    /// Wait until they have ended, and say what becomes of them meanwhile, a line for each change
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
            cancel(&client, client.ota("pushes")?.to(&push)).await?;
        }
        Command::Watch { push, timeout } => {
            let pushes = waiting::until_ended(&client, &push, timeout, Changes::AreData).await?;
            waiting::verdict(&pushes)?;
        }
    }
    Ok(())
}

async fn cancel(client: &Client, path: Path) -> Result<(), Failure> {
    let ended = |state: &str| {
        let message = format!("the push has ended ({state}): there is nothing to cancel");
        Failure::of(Exit::Conflict, ENDED, message)
    };
    if client.api.effect() == Effect::DryRun {
        let now = client.api.get(&path).await?;
        if waiting::has_ended(&now) {
            return Err(ended(now["state"].as_str().unwrap_or_default()));
        }
    }
    if client.api.change(Change::delete(path.clone()).once_done_refused_as(ENDED)).await?.is_none() {
        return Ok(());
    }
    let now = client.api.get(&path).await?;
    match now["state"].as_str().unwrap_or_default() {
        "cancelling" => client.terminal.done(&now, "the device is asked to let go of it"),
        "cancelled" => client.terminal.done(&now, "cancelled"),
        // It ended by itself, before an answer was lost.
        other => return Err(ended(other)),
    }
    Ok(())
}

/// Pushes to each device, once it is known of all that they are of a type that may have it; also to those after one to
/// which the server does not push, and fails with what went wrong first.
async fn create(client: &Client, image: &PoolImageOut, devices: &[String]) -> Result<(), Failure> {
    let associations = images::associations(client, image).await?;
    let mut recipients = Vec::new();
    for device in devices {
        let meant = meant_for(client, image, &associations, device).await;
        recipients.push(meant.map_err(|failure| failure.about(device))?);
    }
    let mut several = Several::new(client.terminal);
    for (recipient, association) in &recipients {
        let device = recipient.id.as_str();
        let object = json!({ "deviceId": device });
        let pushed = match client.api.effect() {
            Effect::Apply => start(client, association, device).await.map(Some),
            Effect::DryRun => foresee(client, image, recipient, association).await.map(|()| None),
        };
        match pushed {
            Ok(Some(id)) => {
                let object = json!({ "deviceId": device, "pushId": id, "state": "offered" });
                several.found(object, &format!("{} is on its way to {device}: push {id}", images::called(image)));
            }
            Ok(None) => several.would(&change(client, association, device)?),
            Err(failure) if failure.code() == "already_installed" => {
                let object = json!({ "deviceId": device, "state": "already_installed" });
                several.found(object, &format!("{device} runs it already"));
            }
            Err(failure) => several.failed(object, failure.about(device)),
        }
    }
    several.finish()
}

/// A device, and by which of its associations an image may go to it.
async fn meant_for<'a>(
    client: &Client,
    image: &PoolImageOut,
    associations: &'a [AssociationOut],
    device: &str,
) -> Result<(Recipient, &'a AssociationOut), Failure> {
    let recipient = Recipient::find(client, device).await?;
    let device_type = &recipient.device_type;
    let association = associations.iter().find(|known| known.device_type_id == *device_type);
    let association = association.ok_or_else(|| {
        let number = format!("{}/{}", image.r#type, image.version_number);
        Failure::of(Exit::Ineligible, "not_associated", "the image is not for devices of its type")
            .with_remedy(format!("`otaria image associate {number} --device-type {device_type}` makes it so"))
    })?;
    Ok((recipient, association))
}

/// That the server would push an image to a device, as far as that can be known.
async fn foresee(
    client: &Client,
    image: &PoolImageOut,
    recipient: &Recipient,
    association: &AssociationOut,
) -> Result<(), Failure> {
    client.api.foresee(&change(client, association, &recipient.id)?).await?;
    if image.url.is_empty() {
        return Err(refused(Refusal::NoBinary));
    }
    match recipient.refusal(client, image).await? {
        None => Ok(()),
        Some(refusal) => Err(refused(refusal)),
    }
}

fn change(client: &Client, association: &AssociationOut, device: &str) -> Result<Change, Failure> {
    let path = images::of_device_type(client, &association.device_type_id)?.to(&association.firmware_image_id);
    Ok(Change::put(path.to("push"), json!({ "value": device })))
}

/// Sends what a device's type may have to the device, in no dry run; the push's id.
///
/// # Errors
/// If the server refuses, by the rules (exit code 6) or otherwise, or does not say which push it is.
pub async fn start(client: &Client, association: &AssociationOut, device: &str) -> Result<String, Failure> {
    let pushed = client.api.change(change(client, association, device)?).await?;
    let location = pushed.and_then(|pushed| pushed.location).unwrap_or_default();
    match location.rsplit('/').next() {
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => Err(Failure::new("it is pushed, and the server does not say under which id")
            .with_remedy(format!("`otaria push list --device {device}` shows it"))),
    }
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
