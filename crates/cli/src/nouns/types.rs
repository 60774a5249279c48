//! `otaria type`: firmware types, the platform's and the partner's own.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::Client;
use crate::client::api::Change;
use crate::client::paths::Path;
use crate::failure::{Exit, Failure};
use crate::terminal::table::Column;

const COLUMNS: &[Column] = &[
    Column::text("type", "/type"),
    Column::text("name", "/name"),
    Column::prose("description", "/description"),
    Column::time("updated", "/updatedTimestamp"),
];
const FIELDS: &[Column] = &[
    Column::text("type", "/type"),
    Column::text("name", "/name"),
    Column::text("description", "/description"),
    Column::text("part", "/part"),
    Column::text("version attribute", "/versionAttributeId"),
    Column::time("created", "/createdTimestamp"),
    Column::time("updated", "/updatedTimestamp"),
];

#[derive(Subcommand)]
pub enum Command {
    /// List the partner's own types
    List {
        /// The platform's as well
        #[arg(long)]
        platform: bool,
    },
    /// Show one
    Show {
        /// Its number
        r#type: u8,
    },
    /// Make one of the partner's own
    Create {
        /// Its number
        #[arg(value_parser = own_type)]
        r#type: u8,
        /// What people call it
        #[arg(long)]
        name: String,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// What its binaries are for their devices, in the words of DDI, such as `bApp`
        #[arg(long)]
        part: Option<String>,
    },
    /// Change what is said of one; what is not given stays
    #[command(group = super::at_least_one(&["name", "description", "part"]))]
    Edit {
        /// Its number
        #[arg(value_parser = own_type)]
        r#type: u8,
        /// What people call it
        #[arg(long)]
        name: Option<String>,
        /// What it is for; empty to have none
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// What its binaries are for their devices; empty to have none
        #[arg(long)]
        part: Option<String>,
    },
}

/// Does what is asked with firmware types.
pub async fn run(command: Command, client: Client) -> Result<(), Failure> {
    match command {
        Command::List { platform } => {
            let path = client.ota("types")?.with("includePlatform", platform);
            let types = client.api.read::<Vec<Value>>(&path).await?;
            client.terminal.list(&types, COLUMNS);
        }
        Command::Show { r#type } => client.terminal.show(&one(&client, r#type).await?, FIELDS),
        Command::Create { r#type, name, description, part } => {
            let body = json!({ "type": r#type, "name": name, "description": description, "part": part });
            if let Some(made) = client.api.change(Change::post(client.ota("types")?, body)).await? {
                client.terminal.done(&made.body, &format!("made the firmware type {type} {name}"));
            }
        }
        Command::Edit { r#type, name, description, part } => {
            let path = path(&client, r#type)?;
            let replaced = client.api.replace(&path, |known: &Value| {
                let mut record = known.clone();
                super::set(&mut record, "name", name.clone());
                super::set(&mut record, "description", description.clone());
                super::set(&mut record, "part", part.clone());
                Ok(Some(record))
            });
            if replaced.await.map_err(|failure| told(failure, r#type))?.is_effective() {
                client.terminal.done(&one(&client, r#type).await?, &format!("changed the firmware type {type}"));
            }
        }
    }
    Ok(())
}

/// The number of a type that partners may make and change.
fn own_type(text: &str) -> Result<u8, String> {
    match text.parse() {
        Ok(number @ 101..=200) => Ok(number),
        Ok(1..=100) => {
            Err("1 to 100 are the platform's types, which cannot be changed; a partner's own are 101 to 200"
                .to_owned())
        }
        _ => Err("a partner's own types are 101 to 200".to_owned()),
    }
}

fn path(client: &Client, number: u8) -> Result<Path, Failure> {
    Ok(client.ota("types")?.to(number))
}

/// The type of this number; the server answers with a list of it alone.
async fn one(client: &Client, number: u8) -> Result<Value, Failure> {
    let [record] = client.api.read(&path(client, number)?).await.map_err(|failure| told(failure, number))?;
    Ok(record)
}

/// What is not found is the type.
fn told(failure: Failure, number: u8) -> Failure {
    match failure.exit() {
        Exit::NotFound => Failure::not_found("firmware type", &number.to_string())
            .with_remedy("`otaria type list --platform` shows those that there are"),
        _ => failure,
    }
}
