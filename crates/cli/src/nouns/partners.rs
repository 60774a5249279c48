//! `otaria partner`: the partner itself, and others of the same platform.

use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::set;
use crate::client::Client;
use crate::client::api::Change;
use crate::client::paths::Path;
use crate::duration;
use crate::failure::Failure;
use crate::terminal::table::Column;

const FIELDS: &[Column] = &[
    Column::text("id", "/partnerId"),
    Column::text("name", "/name"),
    Column::text("short name", "/shortName"),
    Column::text("contact", "/contactEmail"),
    Column::text("client id", "/clientId"),
    Column::text("client secret", "/clientSecret"),
    Column::time("created", "/createdTimestamp"),
];
const SECRET: &[Column] = &[
    Column::text("client id", "/clientId"),
    Column::text("client secret", "/clientSecret"),
    Column::time("old one ends", "/oldSecretExpiresTimestamp"),
];

#[derive(Subcommand)]
pub enum Command {
    /// Show the partner
    Show,
    /// Make another partner, as the owner of the platform; prints its client secret, once
    Create {
        /// Its name
        name: String,
        /// Its name in paths that devices use
        #[arg(long, value_name = "NAME")]
        short_name: Option<String>,
        /// Whom others write to
        #[arg(long, value_name = "EMAIL")]
        contact_email: Option<String>,
    },
    /// Change what is said of the partner; what is not given stays
    #[command(group = super::at_least_one(&["name", "short_name", "contact_email"]))]
    Edit {
        /// Its name
        #[arg(long)]
        name: Option<String>,
        /// Its name in paths that devices use; empty to have none
        #[arg(long, value_name = "NAME")]
        short_name: Option<String>,
        /// Whom others write to; empty to have nobody
        #[arg(long, value_name = "EMAIL")]
        contact_email: Option<String>,
    },
    /// Make a new client secret, and print it, once
    Secret {
        /// For how long the old one is good beside it, such as 30m or 2h
        #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "0s", value_parser = duration::parse)]
        overlap: Duration,
    },
}

/// Does what is asked with the partner.
pub async fn run(command: Command, client: Client) -> Result<(), Failure> {
    match command {
        Command::Show => client.terminal.show(&client.api.get(&client.partner()?).await?, FIELDS),
        Command::Create { name, short_name, contact_email } => {
            let body = json!({ "name": name, "shortName": short_name, "contactEmail": contact_email });
            if let Some(made) = client.api.change(Change::post(Path::of(["v1", "partners"]), body)).await? {
                client.terminal.show_secret(&made.body, FIELDS);
                client.terminal.say("the client secret is not shown again");
            }
        }
        Command::Edit { name, short_name, contact_email } => {
            let path = client.partner()?;
            let replaced = client.api.replace(&path, |known: &Value| {
                let mut record = known.clone();
                set(&mut record, "name", name.clone());
                set(&mut record, "shortName", short_name.clone());
                set(&mut record, "contactEmail", contact_email.clone());
                Ok(Some(record))
            });
            if replaced.await?.is_effective() {
                client.terminal.done(&client.api.get(&path).await?, "changed the partner");
            }
        }
        Command::Secret { overlap } => {
            let path = client.partner()?.to("clientSecret");
            let body = json!({ "overlapSeconds": overlap.as_secs() });
            if let Some(made) = client.api.change(Change::post(path, body)).await? {
                client.terminal.show_secret(&made.body, SECRET);
                client.terminal.say("the client secret is not shown again");
            }
        }
    }
    Ok(())
}
