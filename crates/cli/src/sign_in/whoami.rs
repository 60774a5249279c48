//! `otaria whoami`

use serde_json::{Value, json};

use crate::client::Client;
use crate::client::paths::Path;
use crate::client::settings::Credential;
use crate::failure::Failure;
use crate::terminal::Format;
use crate::terminal::table::Column;

const FIELDS: &[Column] = &[
    Column::text("server", "/url"),
    Column::text("signed in as", "/username"),
    Column::text("by", "/by"),
    Column::text("profile", "/profile"),
    Column::text("partner", "/partners"),
    Column::text("account", "/accounts"),
];

/// What a client may.
const EVERYTHING: &str = "everything that an owner of the partner may";

/// Asks the server who the caller is. A pipeline's client is its partner's, and no person.
///
/// # Errors
/// If nobody is signed in, or the server cannot be reached or refuses.
pub async fn run(client: Client) -> Result<(), Failure> {
    let settings = &client.settings;
    let mut shown = json!({
        "url": settings.url.as_str(), "profile": settings.profile,
        "partnerId": settings.partner().ok(), "accountId": settings.account().ok(),
    });
    match &settings.credential {
        Credential::Client { id, .. } => {
            // Whether the secret is good shows where no partner is named, too.
            client.api.sign_in().await?;
            shown["by"] = json!("client credentials");
            shown["username"] = json!(format!("client {id}"));
            shown["partners"] = partners_of_client(&client).await?;
        }
        Credential::Token(_) | Credential::SignIn(_) | Credential::None => {
            shown["by"] = json!(if matches!(settings.credential, Credential::Token(_)) { "token" } else { "login" });
            match me(&client).await? {
                Some(me) => {
                    shown["username"] = me["credential"]["credentialId"].clone();
                    shown["partners"] = accessible(&me["partnerAccess"], "partner", "partnerId", "name");
                    shown["accounts"] = accessible(&me["accountAccess"], "account", "accountId", "description");
                }
                None => {
                    shown["username"] = json!("a partner's client");
                    shown["partners"] = partners_of_client(&client).await?;
                }
            }
        }
    }
    if client.terminal.format() == Format::Human {
        for list in ["partners", "accounts"] {
            let lines = shown[list].as_array().into_iter().flatten().map(line).collect::<Vec<_>>();
            shown[list] = json!(lines.join("\n"));
        }
    }
    client.terminal.show(&shown, FIELDS);
    Ok(())
}

/// What the server knows of the person; none of a client, which is no person.
async fn me(client: &Client) -> Result<Option<Value>, Failure> {
    let path = Path::of(["v1", "users", "me"]);
    match client.api.get(&path).await {
        Ok(me) => Ok(Some(me)),
        Err(failure) if failure.code() == "forbidden" => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The partner whose client it is, where that is named.
async fn partners_of_client(client: &Client) -> Result<Value, Failure> {
    let Ok(path) = client.partner() else { return Ok(json!([])) };
    let partner = client.api.get(&path).await?;
    Ok(json!([{ "partnerId": partner["partnerId"], "name": partner["name"], "may": [EVERYTHING] }]))
}

/// What somebody has access to, and what they may do with each.
fn accessible(access: &Value, what: &str, id: &str, name: &str) -> Value {
    let access = access.as_array().into_iter().flatten();
    let shown = access.map(|access| {
        let record = &access[what];
        json!({ id: record[id], "name": record[name], "may": granted(&access["privileges"]) })
    });
    shown.collect()
}

fn granted(privileges: &Value) -> Vec<&str> {
    let privileges = privileges.as_object().into_iter().flatten();
    privileges.filter(|(_, granted)| **granted == Value::Bool(true)).map(|(name, _)| name.as_str()).collect()
}

/// One of them as people read it.
fn line(access: &Value) -> String {
    let id = access["partnerId"].as_str().or(access["accountId"].as_str()).unwrap_or_default();
    let may = access["may"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    let may = if may.is_empty() { "nothing but look".to_owned() } else { may.join(", ") };
    format!("{} ({id}): {may}", access["name"].as_str().unwrap_or_default())
}
