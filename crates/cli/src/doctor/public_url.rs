//! The URL that the server gives to others, in links to images above all: whether a device would get there.

use reqwest::{Response, Url};
use serde_json::Value;

use super::findings::{Finding, Findings};
use crate::client::Client;
use crate::client::paths::Path;

const NAME: &str = "public URL";
const REMEDY: &str = "set OTARIA_PUBLIC_URL of the server to the URL by which devices reach it";

/// What the server says of itself is also where it is.
pub async fn examine(client: &Client, findings: &mut Findings) {
    let Some(issuer) = issuer_at(client, &client.settings.url).await else {
        findings.add(Finding::fail(
            NAME,
            "the server does not say what it is",
            "check what stands before the server",
        ));
        return;
    };
    let Ok(public) = Url::parse(&issuer) else {
        findings.add(Finding::fail(NAME, format!("{issuer} is no URL"), REMEDY));
        return;
    };
    findings.add(usable(&public));
    if !is_same(&public, &client.settings.url) {
        findings.add(answers(client, &public, &issuer).await);
    }
}

/// Whether devices elsewhere can use it at all.
fn usable(public: &Url) -> Finding {
    if is_loopback(public) {
        return Finding::warn(
            NAME,
            format!("{public} is this machine for whoever asks: no device elsewhere gets there"),
            REMEDY,
        );
    }
    if public.scheme() == "http" {
        let remedy = "let the server speak TLS itself (OTARIA_TLS_CERTIFICATE), or put a proxy before it, and set OTARIA_PUBLIC_URL to https://…";
        return Finding::warn(
            NAME,
            format!("{public} is not encrypted: whoever is on the way can read tokens and change images"),
            remedy,
        );
    }
    Finding::ok(NAME, format!("{public}"))
}

/// Whether the same server answers there.
async fn answers(client: &Client, public: &Url, issuer: &str) -> Finding {
    match issuer_at(client, public).await {
        Some(there) if there == issuer => Finding::ok(NAME, "the same server answers there"),
        Some(there) => {
            Finding::fail(NAME, format!("another server answers there, which calls itself {there}"), REMEDY)
        }
        None => Finding::warn(
            NAME,
            format!("{public} does not answer from here"),
            "if devices are in a network of their own, try from there; otherwise set OTARIA_PUBLIC_URL of the server",
        ),
    }
}

/// What a server calls itself (RFC 8414). No token is sent: the server may be somebody else's.
async fn issuer_at(client: &Client, url: &Url) -> Option<String> {
    let path = Path::of([".well-known", "oauth-authorization-server"]);
    let answer = client.api.http().get(path.at(url)).send().await.and_then(Response::error_for_status).ok()?;
    let metadata: Value = answer.json().await.ok()?;
    metadata["issuer"].as_str().map(str::to_owned)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_address =
        host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback() || address.is_unspecified());
    is_address || host == "localhost" || host.ends_with(".localhost")
}

fn is_same(one: &Url, other: &Url) -> bool {
    one.as_str().trim_end_matches('/') == other.as_str().trim_end_matches('/')
}
