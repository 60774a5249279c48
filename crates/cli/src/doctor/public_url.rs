//! The URL that the server gives to others, in links to images above all: whether a device would get there.

use reqwest::Url;
use serde_json::Value;

use super::findings::{Finding, Findings};
use crate::client::Client;
use crate::client::paths::Path;

const NAME: &str = "public URL";
const REMEDY: &str = "set OTARIA_PUBLIC_URL of the server to the URL by which devices reach it";

/// What a server says of itself.
enum Said {
    /// It calls itself so.
    Issuer(String),
    /// It says nothing that an Otaria server would say.
    Nonsense,
    /// There is no answer.
    Nothing,
}

/// Whether what the server says of itself is where it is.
pub async fn examine(client: &Client, findings: &mut Findings) {
    let Said::Issuer(issuer) = said_at(client, &client.settings.url).await else {
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

/// Whether what answers there says the same of itself: that it is the same server, nobody can know who sends no token.
async fn answers(client: &Client, public: &Url, issuer: &str) -> Finding {
    match said_at(client, public).await {
        Said::Issuer(there) if there == issuer => Finding::ok(NAME, "a server that calls itself so answers there"),
        Said::Issuer(there) => {
            Finding::fail(NAME, format!("another server answers there, which calls itself {there}"), REMEDY)
        }
        Said::Nonsense => Finding::fail(NAME, "what answers there is no Otaria server", REMEDY),
        Said::Nothing => Finding::warn(
            NAME,
            format!("{public} does not answer from here"),
            "if devices are in a network of their own, try from there; otherwise set OTARIA_PUBLIC_URL of the server",
        ),
    }
}

/// What a server calls itself (RFC 8414). No token is sent: the server may be somebody else's.
async fn said_at(client: &Client, url: &Url) -> Said {
    let path = Path::of([".well-known", "oauth-authorization-server"]);
    let Ok(answer) = client.api.connection().http().get(path.at(url)).send().await else { return Said::Nothing };
    let metadata: Value = answer.json().await.unwrap_or_default();
    metadata["issuer"].as_str().map_or(Said::Nonsense, |issuer| Said::Issuer(issuer.to_owned()))
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
