//! `otaria logout`

use serde_json::json;

use crate::client::credentials::{self, Locked};
use crate::client::{Client, ClientOptions, Effect, Profile, settings};
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Ends the sign-in of the profile on its server, and forgets it here, also where the server cannot be reached any more.
///
/// # Errors
/// If what is kept cannot be read or changed.
pub async fn run(options: ClientOptions) -> Result<(), Failure> {
    let profile = settings::profile(&options)?;
    let Some(known) = credentials::load(&profile)? else {
        nobody(options.terminal());
        return Ok(());
    };
    let client = Client::of(options.at(&known.url), Profile::Exists)?;
    let mut locked = tokio::task::spawn_blocking(Locked::take).await??;
    // Somebody may have been quicker.
    let Some(sign_in) = locked.get(&profile).cloned() else {
        nobody(client.terminal);
        return Ok(());
    };
    let (url, username) = (&sign_in.url, &sign_in.username);
    if client.api.effect() == Effect::DryRun {
        let plan = json!({ "dryRun": true, "url": url, "username": username });
        client.terminal.would(&plan, &format!("would sign out {username} at {url}"));
        return Ok(());
    }
    if let Err(failure) = client.api.connection().revoke(&sign_in).await {
        client.terminal.warn(&format!("the server still knows the sign-in: {}", failure.message()));
    }
    locked.set(&profile, None)?;
    client.terminal.done(&json!({ "signedOut": true }), &format!("signed out {username} at {url}"));
    Ok(())
}

fn nobody(terminal: Terminal) {
    terminal.done(&json!({ "signedOut": false }), "nobody was signed in");
}
