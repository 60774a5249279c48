//! `otaria doctor`: what keeps this command, or devices, from working with a server, and what to do about it.

mod caller;
mod findings;
mod public_url;
mod server;
mod storage;

use self::findings::{Finding, Findings};
use crate::client::{Client, ClientOptions, Profile};
use crate::failure::Failure;

/// Looks at one thing after the other, and ends where the next would make no sense.
///
/// # Errors
/// If something is found that does not work.
pub async fn run(options: ClientOptions) -> Result<(), Failure> {
    let terminal = options.terminal();
    let mut findings = Findings::of(terminal);
    match Client::of(options, Profile::Exists) {
        Ok(client) => examine(&client, &mut findings).await,
        Err(failure) => findings.add(Finding::failure("settings", &failure)),
    }
    findings.conclude()
}

async fn examine(client: &Client, findings: &mut Findings) {
    for origin in &client.settings.origins {
        findings
            .add(Finding::ok("settings", format!("{} is {}, from {}", origin.setting, origin.value, origin.place)));
    }
    let Some(answer) = server::reach(client, findings).await else { return };
    findings.add(server::clock(&answer));
    findings.add(server::database(client).await);
    if caller::examine(client, findings).await.is_some() {
        findings.add(storage::examine(client).await);
    }
    public_url::examine(client, findings).await;
}
