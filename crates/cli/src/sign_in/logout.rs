//! `otaria logout`

use clap::Args;
use serde_json::json;

use crate::client::credentials::Locked;
use crate::client::{Client, Effect, api};
use crate::failure::Failure;

/// Which sign-in is forgotten: the profile's.
#[derive(Args)]
pub struct Options {}

/// Ends the sign-in on the server, and forgets it here, also where the server cannot be reached any more.
pub async fn run(_: Options, client: Client) -> Result<(), Failure> {
    let profile = client.settings.profile.clone();
    let mut locked = tokio::task::spawn_blocking(Locked::take).await??;
    let Some(sign_in) = locked.get(&profile).cloned() else {
        client.terminal.done(&json!({ "signedOut": false }), "nobody was signed in");
        return Ok(());
    };
    let url = sign_in.url.parse()?;
    if client.api.effect() == Effect::DryRun {
        let shown = json!({ "dryRun": true, "url": sign_in.url, "username": sign_in.username });
        client.terminal.done(&shown, &format!("would sign out {} at {url}", sign_in.username));
        return Ok(());
    }
    if let Err(failure) = api::revoke(client.api.http(), &url, &sign_in).await {
        client.terminal.warn(&format!("the server still knows the sign-in: {}", failure.message()));
    }
    locked.set(&profile, None)?;
    client.terminal.done(&json!({ "signedOut": true }), &format!("signed out {} at {url}", sign_in.username));
    Ok(())
}
