//! `otaria user`: the people who work for the partner, and what each may do.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::ListOptions;
use crate::client::Client;
use crate::client::api::{Change, Limit};
use crate::client::paths::Path;
use crate::failure::Failure;
use crate::terminal::Format;
use crate::terminal::table::Column;

const COLUMNS: &[Column] = &[
    Column::text("id", "/userId"),
    Column::text("e-mail", "/email"),
    Column::text("status", "/status"),
    Column::prose("may", "/privileges"),
    Column::time("last seen", "/lastUsedTimestamp"),
];
const INVITED: &[Column] = &[
    Column::text("id", "/userId"),
    Column::text("e-mail", "/email"),
    Column::text("may", "/privileges"),
    Column::text("token", "/token"),
    Column::time("expires", "/expiresTimestamp"),
];

#[derive(Subcommand)]
pub enum Command {
    /// List them, also those who were invited
    List(ListOptions),
    /// Show one
    Show {
        /// Their id or e-mail address
        user: String,
    },
    /// Invite somebody; prints the token with which they accept, once
    Create {
        /// Their e-mail address
        email: String,
        /// What they may do
        #[arg(long, value_name = "PRIVILEGE", required = true)]
        may: Vec<Privilege>,
    },
    /// Change what somebody may do; what is not given stays
    Edit {
        /// Their id or e-mail address
        user: String,
        /// What they may do
        #[arg(long, value_name = "PRIVILEGE", required_unless_present = "may_not")]
        may: Vec<Privilege>,
        /// What they may not do
        #[arg(long, value_name = "PRIVILEGE")]
        may_not: Vec<Privilege>,
    },
    /// Take somebody away from the partner
    Delete {
        /// Their id or e-mail address
        user: String,
    },
}

/// Something that not everybody may.
#[derive(Clone, Copy, ValueEnum)]
pub enum Privilege {
    /// Everything
    Owner,
    /// Invite others
    InviteUsers,
    /// Make and publish firmware, and push it
    ManageDeviceProfiles,
    /// See devices
    ViewDeviceInfo,
}

impl Privilege {
    fn field(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::InviteUsers => "inviteUsers",
            Self::ManageDeviceProfiles => "manageDeviceProfiles",
            Self::ViewDeviceInfo => "viewDeviceInfo",
        }
    }
}

/// Does what is asked with the partner's people.
pub async fn run(command: Command, client: Client) -> Result<(), Failure> {
    match command {
        Command::List(list) => {
            let users = client.api.list(all(&client)?, list.limit()).await?;
            let users: Vec<_> = users.into_iter().map(|user| readable(&client, user)).collect();
            client.terminal.list(&users, COLUMNS);
        }
        Command::Show { user } => {
            let user = resolve(&client, &user).await?;
            client.terminal.show(&readable(&client, user), COLUMNS);
        }
        Command::Create { email, may } => {
            let body = json!({ "email": email, "privileges": with(json!({}), &may, &[]) });
            if let Some(made) = client.api.change(Change::post(all(&client)?, body)).await? {
                client.terminal.show_secret(&readable(&client, made.body), INVITED);
                client.terminal.say("the token is not shown again; whoever has it can accept the invitation");
            }
        }
        Command::Edit { user, may, may_not } => {
            let path = path(&client, &resolve(&client, &user).await?)?;
            let replaced = client.api.replace(&path, |known: &Value| {
                Ok(Some(json!({ "privileges": with(known["privileges"].clone(), &may, &may_not) })))
            });
            if replaced.await?.is_effective() {
                let user: Value = client.api.get(&path).await?;
                client.terminal.done(&user, &format!("changed what {} may do", email(&user)));
            }
        }
        Command::Delete { user } => {
            let user = resolve(&client, &user).await?;
            if client.api.change(Change::delete(path(&client, &user)?)).await?.is_some() {
                let object = json!({ "userId": user["userId"], "deleted": true });
                client.terminal.done(&object, &format!("{} does not belong to the partner any more", email(&user)));
            }
        }
    }
    Ok(())
}

fn all(client: &Client) -> Result<Path, Failure> {
    Ok(client.partner()?.to("users"))
}

fn path(client: &Client, user: &Value) -> Result<Path, Failure> {
    Ok(all(client)?.to(user["userId"].as_str().unwrap_or_default()))
}

fn email(user: &Value) -> &str {
    user["email"].as_str().unwrap_or_default()
}

/// Somebody of the partner, by id or e-mail address.
async fn resolve(client: &Client, given: &str) -> Result<Value, Failure> {
    let users = client.api.list(all(client)?, Limit::None).await?;
    let is_meant = |user: &&Value| user["userId"] == given || email(user).eq_ignore_ascii_case(given);
    if let Some(user) = users.iter().find(is_meant) {
        return Ok(user.clone());
    }
    Err(Failure::not_found("user", given).with_remedy("`otaria user list` shows those that there are"))
}

/// Privileges with some granted and some taken away.
fn with(mut privileges: Value, may: &[Privilege], may_not: &[Privilege]) -> Value {
    for privilege in may {
        privileges[privilege.field()] = json!(true);
    }
    for privilege in may_not {
        privileges[privilege.field()] = json!(false);
    }
    privileges
}

/// Somebody as people read it: what they may, by name. Programs get it as it is.
fn readable(client: &Client, mut user: Value) -> Value {
    if client.terminal.format() == Format::Human {
        let granted = user["privileges"].as_object().into_iter().flatten();
        user["privileges"] =
            granted.filter(|(_, granted)| **granted == json!(true)).map(|(name, _)| json!(name)).collect();
    }
    user
}
