//! `otaria device-type`: the kinds of devices that the partner makes, and how each takes updates.

use std::path::Path as FilePath;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use otaria_wire::partner::DeviceTypeOut;
use serde_json::{Value, json};

use super::{ListOptions, YesOrNo, set};
use crate::client::Client;
use crate::client::api::{Change, Limit};
use crate::client::paths::Path;
use crate::duration;
use crate::failure::{Exit, Failure};
use crate::nearest;
use crate::terminal::table::Column;

const COLUMNS: &[Column] = &[
    Column::text("id", "/deviceTypeId"),
    Column::text("name", "/name"),
    Column::prose("description", "/description"),
    Column::time("updated", "/updatedTimestamp"),
];
const FIELDS: &[Column] = &[
    Column::text("id", "/deviceTypeId"),
    Column::text("name", "/name"),
    Column::text("description", "/description"),
    Column::text("asks first", "/confirmationRequired"),
    Column::text("success on", "/successOn"),
    Column::text("version within seconds", "/versionWithinSeconds"),
    Column::text("maintenance", "/maintenance"),
    Column::time("created", "/createdTimestamp"),
    Column::time("updated", "/updatedTimestamp"),
];

#[derive(Subcommand)]
pub enum Command {
    /// List the partner's device types
    List(ListOptions),
    /// Show one
    Show {
        /// Its id or name
        device_type: String,
    },
    /// Make one
    Create {
        /// What people call it
        name: String,
        /// What it is
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        policy: Policy,
    },
    /// Change one; what is not given stays
    #[command(group = super::at_least_one(&[
        "name", "description", "confirmation_required", "success_on", "version_within", "maintenance",
    ]))]
    Edit {
        /// Its id or name
        device_type: String,
        /// What people call it
        #[arg(long)]
        name: Option<String>,
        /// What it is; empty to have none
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        policy: Policy,
    },
}

/// How devices of a type take updates.
#[derive(Args)]
pub struct Policy {
    /// Whether somebody at the device is asked first
    #[arg(long, value_name = "ANSWER")]
    confirmation_required: Option<YesOrNo>,
    /// What counts as the success of a push: what the device reports, or the version that it runs
    #[arg(long, value_name = "WHAT")]
    success_on: Option<SuccessOn>,
    /// How long the device has until it runs the version, with `--success-on version`, such as 90s, 30m or 2h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = duration::parse)]
    version_within: Option<Duration>,
    /// When devices may be updated: JSON, or a file with it, such as {"windows": [{"opens": "02:00", "minutes": 120}]};
    /// empty for always
    #[arg(long, value_name = "JSON|FILE")]
    maintenance: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SuccessOn {
    Report,
    Version,
}

impl Policy {
    fn apply(&self, record: &mut Value) -> Result<(), Failure> {
        if let Some(answer) = self.confirmation_required {
            record["confirmationRequired"] = json!(answer == YesOrNo::Yes);
        }
        match self.success_on {
            Some(SuccessOn::Version) => record["successOn"] = json!("version"),
            // How long it may take for the version to be seen says nothing then.
            Some(SuccessOn::Report) => {
                record["successOn"] = json!("report");
                record["versionWithinSeconds"] = Value::Null;
            }
            None => {}
        }
        if let Some(within) = self.version_within {
            record["versionWithinSeconds"] = json!(within.as_secs());
        }
        if let Some(given) = &self.maintenance {
            record["maintenance"] = maintenance(given)?;
        }
        Ok(())
    }
}

fn maintenance(given: &str) -> Result<Value, Failure> {
    if given.is_empty() {
        return Ok(Value::Null);
    }
    let text = if given.trim_start().starts_with('{') {
        given.to_owned()
    } else {
        let refused = |error: std::io::Error| Failure::usage(format!("--maintenance {given}: {error}"));
        std::fs::read_to_string(FilePath::new(given)).map_err(refused)?
    };
    serde_json::from_str(&text).map_err(|error| Failure::usage(format!("--maintenance is no JSON: {error}")))
}

/// Does what is asked with device types.
pub async fn run(command: Command, client: Client) -> Result<(), Failure> {
    match command {
        Command::List(list) => {
            client.terminal.list(&client.api.list(all(&client)?, list.limit()).await?, COLUMNS);
        }
        Command::Show { device_type } => {
            let id = resolve(&client, &device_type).await?.device_type_id;
            client.terminal.show(&client.api.get(&all(&client)?.to(id)).await?, FIELDS);
        }
        Command::Create { name, description, policy } => {
            is_free(&name, &known(&client).await?)?;
            let mut body = json!({ "name": name, "description": description });
            policy.apply(&mut body)?;
            if let Some(made) = client.api.change(Change::post(all(&client)?, body)).await? {
                let id = made.body["deviceTypeId"].as_str().unwrap_or_default();
                client.terminal.done(&made.body, &format!("made the device type {name} ({id})"));
            }
        }
        Command::Edit { device_type, name, description, policy } => {
            let known = known(&client).await?;
            let id = named(&device_type, &known)?.device_type_id.clone();
            if let Some(name) = &name {
                is_free(name, known.iter().filter(|known| known.device_type_id != id))?;
            }
            let path = all(&client)?.to(id);
            let replaced = client.api.replace(&path, |known: &Value| {
                let mut record = known.clone();
                set(&mut record, "name", name.clone());
                set(&mut record, "description", description.clone());
                policy.apply(&mut record)?;
                Ok(Some(record))
            });
            if replaced.await?.is_effective() {
                let now = client.api.get(&path).await?;
                client.terminal.done(&now, &format!("changed the device type {device_type}"));
            }
        }
    }
    Ok(())
}

fn all(client: &Client) -> Result<Path, Failure> {
    Ok(client.partner()?.to("deviceTypes"))
}

/// Every device type of the partner.
///
/// # Errors
/// If the server cannot be reached, or refuses.
pub async fn known(client: &Client) -> Result<Vec<DeviceTypeOut>, Failure> {
    let known = client.api.list(all(client)?.with("sort", "deviceTypeId"), Limit::None).await?;
    Ok(serde_json::from_value(Value::from(known))?)
}

/// The device type that is meant, by id or name.
///
/// # Errors
/// If there is none, or several are called so.
pub async fn resolve(client: &Client, given: &str) -> Result<DeviceTypeOut, Failure> {
    named(given, &known(client).await?).cloned()
}

/// The same for several; nothing is asked about none.
///
/// # Errors
/// If there is none of one of them, or several are called so.
pub async fn resolve_all(client: &Client, given: &[String]) -> Result<Vec<DeviceTypeOut>, Failure> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let known = known(client).await?;
    given.iter().map(|given| named(given, &known).cloned()).collect()
}

/// That no device type is called so: of two, none could be named by its name.
fn is_free<'k>(name: &str, known: impl IntoIterator<Item = &'k DeviceTypeOut>) -> Result<(), Failure> {
    match known.into_iter().find(|known| known.name == name) {
        None => Ok(()),
        Some(there) => {
            let message = format!("there is a device type {name:?} already: {}", there.device_type_id);
            Err(Failure::of(Exit::Conflict, "name_taken", message)
                .with_remedy(format!("`otaria device-type edit {}` changes it", there.device_type_id)))
        }
    }
}

fn named<'k>(given: &str, known: &'k [DeviceTypeOut]) -> Result<&'k DeviceTypeOut, Failure> {
    let is_meant = |known: &&DeviceTypeOut| known.device_type_id == given || known.name == given;
    let meant: Vec<_> = known.iter().filter(is_meant).collect();
    match meant.as_slice() {
        [only] => Ok(only),
        [] => {
            let missing = Failure::not_found("device type", given);
            Err(match nearest::of(given, known.iter().map(|known| known.name.as_str())) {
                Some(nearest) => missing.with_remedy(format!("did you mean {nearest:?}?")),
                None => missing.with_remedy("`otaria device-type list` shows those that there are"),
            })
        }
        [..] => Err(Failure::usage(format!("several device types are called {given:?}"))
            .with_remedy("name it by its id: `otaria device-type list` shows them")),
    }
}
