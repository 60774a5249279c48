//! `otaria gateway-token`: tokens with which a gateway speaks for many devices.

use clap::Subcommand;
use jiff::Timestamp;
use serde_json::json;

use super::{ListOptions, device_types};
use crate::client::api::Change;
use crate::client::paths::Path;
use crate::client::{Client, Effect};
use crate::failure::Failure;
use crate::terminal::table::Column;

const COLUMNS: &[Column] = &[
    Column::text("id", "/id"),
    Column::prose("name", "/name"),
    Column::text("registers", "/mayRegister"),
    Column::time("created", "/createdTimestamp"),
    Column::time("expires", "/expiresTimestamp"),
];
const MADE: &[Column] = &[
    Column::text("id", "/id"),
    Column::text("name", "/name"),
    Column::text("token", "/token"),
    Column::text("registers", "/mayRegister"),
    Column::time("expires", "/expiresTimestamp"),
];

#[derive(Subcommand)]
pub enum Command {
    /// List the partner's
    List(ListOptions),
    /// Make one, and print it, once
    Create {
        /// What people call it
        name: String,
        /// Until when it is good, such as 2030-01-01T00:00:00Z; until it is deleted, if that is not said
        #[arg(long, value_name = "TIME")]
        expires: Option<Timestamp>,
        /// Register devices that nobody knew, as devices of this type and of the account
        #[arg(long, value_name = "ID|NAME")]
        registers: Option<String>,
    },
    /// Make one worthless
    Delete {
        /// Its id
        id: String,
    },
}

/// Does what is asked with gateway tokens.
pub async fn run(command: Command, client: Client) -> Result<(), Failure> {
    match command {
        Command::List(list) => {
            client.terminal.list(&client.api.list(all(&client)?, list.limit()).await?, COLUMNS);
        }
        Command::Create { name, expires, registers } => {
            let mut body = json!({ "name": name, "expiresTimestamp": expires.map(Timestamp::as_millisecond) });
            if let Some(given) = registers {
                body["mayRegister"] = json!(true);
                body["deviceTypeId"] = json!(device_types::resolve(&client, &given).await?.device_type_id);
                body["accountId"] = json!(client.settings.account()?);
            }
            if let Some(made) = client.api.change(Change::post(all(&client)?, body)).await? {
                client.terminal.show_secret(&made.body, MADE);
                client.terminal.say("the token is not shown again");
            }
        }
        Command::Delete { id } => {
            if client.api.effect() == Effect::DryRun {
                let known = client.api.search(all(&client)?, |token| token["id"] == id.as_str()).await?;
                known.ok_or_else(|| Failure::not_found("gateway token", &id))?;
            }
            if client.api.change(Change::delete(all(&client)?.to(&id))).await?.is_some() {
                let object = json!({ "id": id, "deleted": true });
                client.terminal.done(&object, &format!("the gateway token {id} is not good any more"));
            }
        }
    }
    Ok(())
}

fn all(client: &Client) -> Result<Path, Failure> {
    Ok(client.partner()?.to("gatewayTokens"))
}
