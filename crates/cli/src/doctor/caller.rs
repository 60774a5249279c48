//! Who is signed in, and what they may do with the partner.

use super::findings::{Finding, Findings};
use crate::client::Client;
use crate::client::paths::Path;
use crate::client::rights::{Rights, rights};
use crate::client::settings::Credential;

/// Whether the caller is known, and may publish; what they may do with the partner, as far as that shows.
pub async fn examine(client: &Client, findings: &mut Findings) -> Option<Rights> {
    if let Err(failure) = client.api.sign_in().await {
        findings.add(Finding::failure("sign-in", &failure));
        return None;
    }
    let by = match client.settings.credential {
        Credential::Client { .. } => "as the partner's client",
        Credential::SignIn(_) => "by `otaria login`",
        Credential::Token(_) | Credential::None => "by a token",
    };
    if let Err(failure) = client.settings.partner() {
        findings.add(Finding::ok("sign-in", by));
        findings.add(Finding::failure("partner", &failure));
        return None;
    }
    let known = match look(client).await {
        Ok(name) => {
            findings.add(Finding::ok("sign-in", by));
            let rights = rights(client).await;
            findings.add(match &rights {
                Ok(Rights::Publish) => Finding::ok("partner", format!("{name}: you may publish and push")),
                Ok(Rights::Look) => Finding::warn(
                    "partner",
                    format!("{name}: you may look, and neither publish nor push"),
                    "an owner of the partner can give you manageDeviceProfiles, with `otaria user edit`",
                ),
                Err(failure) => Finding::failure("partner", failure),
            });
            rights.ok()
        }
        Err(finding) => {
            findings.add(finding);
            None
        }
    };
    if let Ok(id) = client.settings.account() {
        findings.add(account(client, id).await);
    }
    known
}

/// Whether the account is there whose devices are made and changed, as far as the caller may know.
async fn account(client: &Client, id: &str) -> Finding {
    let path = Path::of(["v1", "accounts", id]);
    match client.api.get(&path).await {
        Ok(account) => Finding::ok("account", account["description"].as_str().unwrap_or_default()),
        Err(failure) if failure.code() == "forbidden" => Finding::warn(
            "account",
            format!("there is no account {id}, or you may not see it"),
            "check --account, or ask one of its owners; nothing but making and changing devices needs it",
        ),
        Err(failure) => Finding::failure("account", &failure),
    }
}

/// The partner's name, to those who may know it.
async fn look(client: &Client) -> Result<String, Finding> {
    let path = client.partner().map_err(|failure| Finding::failure("partner", &failure))?;
    let partner = client.api.get(&path).await;
    let partner = partner.map_err(|failure| match failure.code() {
        "unauthorized" => Finding::failure("sign-in", &failure),
        _ => Finding::failure("partner", &failure),
    })?;
    Ok(partner["name"].as_str().unwrap_or_default().to_owned())
}
