//! `otaria whoami`

use clap::Args;
use serde_json::{Value, json};

use crate::client::Client;
use crate::client::paths::Path;
use crate::client::settings::Credential;
use crate::failure::Failure;
use crate::terminal::table::Column;

const FIELDS: &[Column] = &[
    Column::text("server", "/url"),
    Column::text("signed in as", "/username"),
    Column::text("by", "/by"),
    Column::text("profile", "/profile"),
    Column::text("partner", "/partner"),
    Column::text("account", "/account"),
    Column::text("may", "/may"),
];

/// Nothing to choose.
#[derive(Args)]
pub struct Options {}

/// Asks the server who the caller is. A pipeline's client is its partner's, and no person.
pub async fn run(_: Options, client: Client) -> Result<(), Failure> {
    let settings = &client.settings;
    let mut shown = json!({
        "url": settings.url.as_str(), "profile": settings.profile,
        "partnerId": settings.partner().ok(), "accountId": settings.account().ok(),
    });
    match &settings.credential {
        Credential::Client { id, .. } => {
            let partner: Value = client.api.get(&client.partner()?).await?;
            shown["username"] = json!(format!("client {id}"));
            shown["by"] = json!("client credentials");
            shown["partner"] = json!(named(&partner, "name", "partnerId"));
            shown["may"] = json!(["everything that an owner of the partner may"]);
        }
        Credential::Token(_) | Credential::SignIn(_) | Credential::None => {
            let me = client.api.get(&Path::of(["v1", "users", "me"])).await?;
            shown["username"] = me["credential"]["credentialId"].clone();
            shown["by"] = json!(if matches!(settings.credential, Credential::Token(_)) { "token" } else { "login" });
            let chosen = settings.partner().ok();
            let access = me["partnerAccess"].as_array().into_iter().flatten();
            let access: Vec<_> = access.filter(|access| is_chosen(access, chosen)).collect();
            shown["partner"] =
                json!(access.iter().map(|access| named(&access["partner"], "name", "partnerId")).collect::<Vec<_>>());
            let accounts = me["accountAccess"].as_array().into_iter().flatten();
            shown["account"] = json!(
                accounts.map(|access| named(&access["account"], "description", "accountId")).collect::<Vec<_>>()
            );
            shown["may"] = json!(access.iter().flat_map(|access| granted(&access["privileges"])).collect::<Vec<_>>());
        }
    }
    client.terminal.show(&shown, FIELDS);
    Ok(())
}

fn is_chosen(access: &Value, chosen: Option<&str>) -> bool {
    chosen.is_none_or(|chosen| access["partner"]["partnerId"] == chosen)
}

fn named(record: &Value, name: &str, id: &str) -> String {
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    format!("{} ({})", text(name), text(id))
}

fn granted(privileges: &Value) -> Vec<String> {
    let privileges = privileges.as_object().into_iter().flatten();
    privileges.filter(|(_, granted)| **granted == Value::Bool(true)).map(|(name, _)| name.clone()).collect()
}
