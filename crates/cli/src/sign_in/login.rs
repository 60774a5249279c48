//! `otaria login`: by a password, and from then on by what the server gives for that.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;
use otaria_wire::partner::MeOut;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde_json::json;

use crate::client::connection::Grant;
use crate::client::credentials::{Locked, SignIn};
use crate::client::paths::Path;
use crate::client::settings::{Credential, variable};
use crate::client::{Client, Effect};
use crate::failure::Failure;
use crate::terminal;

/// Who signs in.
#[derive(Args)]
pub struct Options {
    /// The e-mail address of who signs in; asked for on a terminal
    #[arg(long, value_name = "EMAIL")]
    username: Option<String>,
    /// Read the password from standard input instead of asking for it
    #[arg(long, conflicts_with = "token_stdin")]
    password_stdin: bool,
}

/// What somebody has to say to be signed in. `Debug` is not derived: it holds secrets.
struct Answers {
    username: String,
    password: String,
    client_id: String,
    client_secret: String,
}

/// What was said before anybody is asked. `Debug` is not derived: it holds secrets.
struct Given {
    options: Options,
    url: String,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Given {
    fn of(options: Options, client: &Client) -> Result<Self, Failure> {
        let client_secret = match &client.settings.credential {
            Credential::Client { secret, .. } => Some(secret.clone()),
            Credential::Token(_) | Credential::SignIn(_) | Credential::None => variable("OTARIA_CLIENT_SECRET")?,
        };
        let client_id = client.settings.client_id.clone();
        Ok(Self { options, url: client.settings.url.to_string(), client_id, client_secret })
    }
}

/// Asks for what was not given, and blocks until it is answered.
///
/// # Errors
/// If there is no terminal to ask on.
fn ask(given: Given) -> Result<Answers, Failure> {
    let Given { options, url, client_id, client_secret } = given;
    let client_id = match client_id {
        Some(id) => id,
        None => visible(
            &format!("Client id of the partner at {url}"),
            "give --client-id ID, or set OTARIA_CLIENT_ID or OTARIA_CLIENT_ID_FILE",
        )?,
    };
    let client_secret = match client_secret {
        Some(secret) => secret,
        None => hidden(
            &format!("Secret of the client {client_id} at {url}"),
            "set OTARIA_CLIENT_SECRET or OTARIA_CLIENT_SECRET_FILE",
        )?,
    };
    let username = match options.username {
        Some(username) => username,
        None => visible(&format!("E-mail address at {url}"), "give --username EMAIL")?,
    };
    let password = if options.password_stdin {
        line_of_stdin()?
    } else {
        hidden(&format!("Password of {username} at {url}"), "pipe it in, with --password-stdin")?
    };
    Ok(Answers { username, password, client_id, client_secret })
}

/// Asks who it is, signs in, and keeps what the server gives, under the profile.
///
/// # Errors
/// If there is no terminal to ask on, or the server cannot be reached or refuses.
pub async fn run(options: Options, client: Client) -> Result<(), Failure> {
    let given = Given::of(options, &client)?;
    let answers = {
        // Who interrupts at a prompt gets their terminal back as it was.
        let _echo = Echo::as_it_is();
        tokio::task::spawn_blocking(move || ask(given)).await??
    };
    let Answers { username, password, client_id, client_secret } = answers;
    let (connection, url) = (client.api.connection(), &client.settings.url);
    if client.api.effect() == Effect::DryRun {
        let plan = json!({ "dryRun": true, "url": url.as_str(), "username": username });
        client.terminal.would(&plan, &format!("would sign in at {url} as {username}"));
        return Ok(());
    }
    let mut locked = tokio::task::spawn_blocking(Locked::take).await??;
    locked.require_room()?;
    let grant = Grant::Password { username: &username, password: &password };
    let got = connection.token(&client_id, &client_secret, &grant).await?;
    let me: MeOut = connection.read_with_token(&Path::of(["v1", "users", "me"]), &got.access_token).await?;
    // Of one there is no choice to make, and of several it is that whose client this is.
    let partner = match me.partner_access.as_slice() {
        [only] => Some(only),
        several => several.iter().find(|access| access.partner.client_id == client_id),
    };
    let partner = partner.map(|access| access.partner.partner_id.clone());
    let account = match me.account_access.as_slice() {
        [only] => Some(only.account.account_id.clone()),
        _ => None,
    };
    let sign_in = SignIn {
        url: url.to_string(),
        username: username.clone(),
        partner: client.settings.partner().ok().map(str::to_owned).or(partner),
        account: client.settings.account().ok().map(str::to_owned).or(account),
        client_id,
        client_secret,
        access_token: String::new(),
        expires: 0,
        refresh_token: String::new(),
    };
    let profile = client.settings.profile.clone();
    let shown = json!({
        "url": url.as_str(), "username": username, "profile": profile,
        "partnerId": sign_in.partner, "accountId": sign_in.account,
    });
    let kept = sign_in.with(got);
    if let Err(failure) = locked.set(&profile, Some(kept.clone())) {
        // What nothing keeps, nobody could end later.
        if let Err(failure) = connection.revoke(&kept).await {
            client.terminal.warn(&format!("the server still knows the sign-in: {}", failure.message()));
        }
        return Err(failure);
    }
    drop(locked);
    client.terminal.done(&shown, &format!("signed in at {url} as {username}"));
    // What the environment says goes before a sign-in, and somebody may have forgotten that it says something.
    if variable("OTARIA_TOKEN")?.is_some() {
        client.terminal.say("while a token is set here, commands act by that all the same");
    } else if variable("OTARIA_CLIENT_SECRET")?.is_some() {
        client.terminal.say("while a client secret is set here, commands act as the partner's client all the same");
    }
    if shown["partnerId"].is_null() {
        client.terminal.say("there are several partners to work for: name one with --partner or OTARIA_PARTNER");
    }
    Ok(())
}

/// How the terminal was when somebody began to be asked; it is so again when this is dropped.
struct Echo(Option<Termios>);

impl Echo {
    fn as_it_is() -> Self {
        Self(tcgetattr(std::io::stdin()).ok())
    }

    /// Shows nothing of what is typed from now on but the end of a line.
    fn off() -> Result<Self, Failure> {
        let before = tcgetattr(std::io::stdin())?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        hidden.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(std::io::stdin(), OptionalActions::Now, &hidden)?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // There is nothing to be done about a terminal that is gone.
            tcsetattr(std::io::stdin(), OptionalActions::Now, before).unwrap_or_default();
        }
    }
}

fn visible(question: &str, instead: &str) -> Result<String, Failure> {
    require_terminal(question, instead)?;
    ask_on_terminal(question)
}

fn ask_on_terminal(question: &str) -> Result<String, Failure> {
    terminal::ask(question);
    line_of_stdin()
}

fn hidden(question: &str, instead: &str) -> Result<String, Failure> {
    require_terminal(question, instead)?;
    let _echo = Echo::off()?;
    ask_on_terminal(question)
}

fn require_terminal(question: &str, instead: &str) -> Result<(), Failure> {
    if std::io::stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(format!("{question}: there is no terminal to ask on")).with_remedy(instead))
}

fn line_of_stdin() -> Result<String, Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() { Err(Failure::usage("nothing was answered")) } else { Ok(line.to_owned()) }
}
