//! What it means for a command that the server refuses, or does not answer.

use otaria_wire::partner::ErrorBody;
use reqwest::{Response, StatusCode, header};

use super::answers::bytes_of;
use crate::failure::{Exit, Failure};

/// By which codes the server says that the rules do not let an image go to a device.
const INELIGIBLE: [&str; 4] = ["already_installed", "newer_installed", "newer_under_way", "no_binary"];

/// A success, or why not.
pub async fn expect_success(response: Response) -> Result<Response, Failure> {
    if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
}

/// What an answer that is no success means.
async fn refusal(response: Response) -> Failure {
    let status = response.status();
    let request_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let url = response.url().clone();
    if let Some(failure) = redirection(&response) {
        return failure;
    }
    let body = bytes_of(response).await.ok();
    let failure = match body.and_then(|body| serde_json::from_slice::<ErrorBody>(&body).ok()) {
        Some(body) => said(status, &body),
        // Something between here and the server, or no server of ours.
        None => Failure::of(exit(status), "unexpected_answer", format!("{url} answers with {status}"))
            .with_remedy("is this the URL of an Otaria server?"),
    };
    let failure = failure.in_request(request_id);
    if may_pass(status) { failure.retryable() } else { failure }
}

/// That what is asked for is somewhere else. Nothing is sent there that nobody meant for it.
fn redirection(response: &Response) -> Option<Failure> {
    let elsewhere = response.headers().get(header::LOCATION).filter(|_| response.status().is_redirection())?;
    let elsewhere = response.url().join(elsewhere.to_str().ok()?).ok()?;
    let message = format!("{} redirects to {elsewhere}", response.url());
    let failure = Failure::of(Exit::Error, "redirected", message);
    let is_elsewhere = elsewhere.origin() != response.url().origin();
    let remedy = "if that is the server that you mean, name it with --url or OTARIA_URL";
    Some(if is_elsewhere { failure.with_remedy(remedy) } else { failure })
}

/// What an error of the server's own means.
fn said(status: StatusCode, body: &ErrorBody) -> Failure {
    let exit = match body.error.as_str() {
        code if INELIGIBLE.contains(&code) => Exit::Ineligible,
        // A password that is wrong, or a sign-in that has ended (RFC 6749, 5.2).
        "invalid_grant" => Exit::NotAllowed,
        _ => exit(status),
    };
    // Of one field, the description says it all.
    let told = |name: &str| body.error_description.starts_with(name);
    let fields = body.fields.iter().flatten().filter(|field| !told(&field.name));
    let fields: Vec<_> = fields.map(|field| format!("{} {}", field.name, field.message)).collect();
    let message = match fields.as_slice() {
        [] => body.error_description.clone(),
        fields => format!("{}; {}", body.error_description, fields.join("; ")),
    };
    let failure = Failure::of(exit, &body.error, message);
    match status {
        StatusCode::UNAUTHORIZED => {
            failure.with_remedy("sign in with `otaria login`, or give another OTARIA_TOKEN or client secret")
        }
        StatusCode::FORBIDDEN => failure
            .with_remedy("`otaria whoami` shows who is signed in, and what they may do; check --partner as well"),
        StatusCode::PRECONDITION_FAILED => {
            failure.with_remedy("somebody else was faster: the same again looks at what it is now")
        }
        _ => failure,
    }
}

fn exit(status: StatusCode) -> Exit {
    match status {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Exit::Usage,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::NotAllowed,
        StatusCode::NOT_FOUND => Exit::NotFound,
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Exit::Conflict,
        _ => Exit::Error,
    }
}

/// Whether the same request may be answered otherwise later. A full disk does not empty itself.
fn may_pass(status: StatusCode) -> bool {
    let is_servers = status.is_server_error() && status != StatusCode::INSUFFICIENT_STORAGE;
    is_servers || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}
