//! Whether the server answers, is one of ours, has the right time and its storage; and if it does not answer, why.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::{Response, Url, header};
use serde_json::Value;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::findings::{Finding, Findings};
use crate::client::Client;
use crate::client::connection::unreachable::untrusted;
use crate::client::paths::Path;

/// How far apart two clocks may be, in seconds.
const APART: i64 = 30;
/// How long one connection may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks whether the server lives. Its answer, if it is one of ours.
pub async fn reach(client: &Client, findings: &mut Findings) -> Option<Response> {
    let url = &client.settings.url;
    let answer = match client.api.connection().http().get(Path::of(["livez"]).at(url)).send().await {
        Ok(answer) => answer,
        Err(error) => {
            findings.add(unreachable(url, &error).await);
            return None;
        }
    };
    findings.add(Finding::ok("server", format!("{url} answers")));
    let is_ours = answer.status().is_success() && answer.headers().contains_key("x-request-id");
    if !is_ours {
        findings.add(Finding::fail(
            "otaria",
            what_answers(&answer),
            "check the URL, and what stands before the server",
        ));
        return None;
    }
    findings.add(Finding::ok("otaria", "it is an Otaria server"));
    Some(answer)
}

fn what_answers(answer: &Response) -> String {
    let elsewhere = answer.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    match elsewhere {
        Some(elsewhere) => format!("it redirects to {elsewhere}"),
        None => format!("{} answers with {}, as no Otaria server does", answer.url(), answer.status()),
    }
}

/// Why there is no answer: the name, the connection, the certificate, or what is spoken there.
async fn unreachable(url: &Url, error: &reqwest::Error) -> Finding {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
    if let Some(failure) = untrusted(url, error) {
        return Finding::failure("tls", &failure);
    }
    let addresses = match lookup_host((host.trim_matches(['[', ']']), port)).await {
        Ok(addresses) => addresses,
        Err(error) => {
            let remedy = "check how the URL is spelled, and the name servers of this machine";
            return Finding::fail("server", format!("nobody knows the name {host}: {error}"), remedy);
        }
    };
    for address in addresses {
        if let Ok(Ok(_)) = timeout(PATIENCE, TcpStream::connect(address)).await {
            let remedy = "check the port, and whether it is https:// there or http://";
            return Finding::fail("server", format!("{address} is there, and does not answer over HTTP"), remedy);
        }
    }
    let remedy =
        "check that the server runs (there, `otaria ready` tells), its port, and firewalls between here and it";
    Finding::fail("server", format!("nothing at {host} takes connections on port {port}"), remedy)
}

/// How far the clocks are apart. Sign-ins are kept until they expire by this machine's clock.
pub fn clock(answer: &Response) -> Finding {
    let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| rfc2822::parse(date).ok()) else {
        return Finding::warn(
            "clock",
            "the server does not say what time it is",
            "check what stands before the server",
        );
    };
    let apart = Timestamp::now().as_second() - theirs.timestamp().as_second();
    if apart.abs() <= APART {
        return Finding::ok("clock", "as the server's");
    }
    let which = if apart > 0 { "behind" } else { "ahead of" };
    let what = format!("the server's is {} s {which} this machine's", apart.abs());
    Finding::warn("clock", what, "let both be set over the network (NTP)")
}

/// Whether the server's database answers it. Where the binaries are shows when one is used.
pub async fn database(client: &Client) -> Finding {
    let remedy = "look into the server's log; there, `otaria check` looks at what is stored";
    match client.api.connection().http().get(Path::of(["readyz"]).at(&client.settings.url)).send().await {
        Ok(answer) if answer.status().is_success() => Finding::ok("database", "it answers the server"),
        Ok(answer) => {
            let status = answer.status();
            let said = answer.json::<Value>().await.unwrap_or_default();
            let why = said["error_description"].as_str().map_or_else(|| status.to_string(), str::to_owned);
            Finding::fail("database", format!("the server is not ready: {why}"), remedy)
        }
        Err(error) => Finding::fail("database", format!("the server does not say: {error}"), remedy),
    }
}
