//! What it means for a command that a server cannot be reached.

use reqwest::Url;

use crate::failure::{Exit, Failure};

/// That a server does not answer.
pub fn unreachable(url: &Url, error: &reqwest::Error) -> Failure {
    let origin = url.origin().ascii_serialization();
    let message = if error.is_timeout() {
        format!("{origin} does not answer in time")
    } else {
        format!("{origin} cannot be reached: {}", root_cause(error))
    };
    let failure = Failure::of(Exit::Error, "unreachable", message);
    failure.with_remedy("`otaria doctor` finds out why").retryable()
}

/// The last of an error's causes says it; those before only name the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
