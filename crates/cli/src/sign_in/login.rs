//! `otaria login`: by a password, and from then on by what the server gives for that.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use otaria_wire::partner::MeOut;
use serde_json::json;

use crate::client::api::{self, Grant};
use crate::client::credentials::{Locked, SignIn};
use crate::client::paths::Path;
use crate::client::settings::{Credential, secret};
use crate::client::{Client, Effect};
use crate::failure::Failure;

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
pub struct Answers {
    username: String,
    password: String,
    client_id: String,
    client_secret: String,
}

/// Asks for what was not given. This blocks until it is answered, and Ctrl-C ends the process as it always does.
///
/// # Errors
/// If there is no terminal to ask on.
pub fn ask(options: Options, client: &Client) -> Result<Answers, Failure> {
    let client_id = match client.settings.client_id.clone() {
        Some(id) => id,
        None => visible("Client id of the partner", "give --client-id ID, or set OTARIA_CLIENT_ID")?,
    };
    let client_secret = match secret("OTARIA_CLIENT_SECRET")? {
        Some(secret) => secret,
        None => hidden("Client secret", "set OTARIA_CLIENT_SECRET or OTARIA_CLIENT_SECRET_FILE")?,
    };
    let username = match options.username {
        Some(username) => username,
        None => visible("E-mail address", "give --username EMAIL")?,
    };
    let password = if options.password_stdin {
        line_of_stdin()?
    } else {
        hidden("Password", "pipe it in, with --password-stdin")?
    };
    Ok(Answers { username, password, client_id, client_secret })
}

/// Signs in, and keeps what the server gives, under the profile.
pub async fn run(answers: Answers, client: Client) -> Result<(), Failure> {
    let Answers { username, password, client_id, client_secret } = answers;
    let (http, url) = (client.api.http(), &client.settings.url);
    if client.api.effect() == Effect::DryRun {
        let shown = json!({ "dryRun": true, "url": url.as_str(), "username": username });
        client.terminal.done(&shown, &format!("would sign in at {url} as {username}"));
        return Ok(());
    }
    let grant = Grant::Password { username: &username, password: &password };
    let got = api::token(http, url, &client_id, &client_secret, &grant).await?;
    let me: MeOut = api::read_with_token(http, url, &Path::of(["v1", "users", "me"]), &got.access_token).await?;
    // Of one there is no choice to make.
    let partner = match me.partner_access.as_slice() {
        [only] => Some(only.partner.partner_id.clone()),
        _ => None,
    };
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
    let keep = move || Locked::take()?.set(&profile, Some(kept));
    tokio::task::spawn_blocking(keep).await??;
    client.terminal.done(&shown, &format!("signed in at {url} as {username}"));
    // What the environment says goes before a sign-in, and somebody may have forgotten that it says something.
    match client.settings.credential {
        Credential::Client { .. } => {
            client
                .terminal
                .say("while a client secret is set here, commands act as the partner's client all the same");
        }
        Credential::Token(_) => client.terminal.say("while a token is set here, commands act by that all the same"),
        Credential::SignIn(_) | Credential::None => {}
    }
    if shown["partnerId"].is_null() {
        client.terminal.say("there are several partners to work for: name one with --partner or OTARIA_PARTNER");
    }
    Ok(())
}

fn visible(question: &str, instead: &str) -> Result<String, Failure> {
    require_terminal(question, instead)?;
    // No answer shows that a question could not be asked.
    drop(write!(anstream::stderr(), "{question}: "));
    line_of_stdin()
}

fn hidden(question: &str, instead: &str) -> Result<String, Failure> {
    require_terminal(question, instead)?;
    Ok(rpassword::prompt_password(format!("{question}: "))?)
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
