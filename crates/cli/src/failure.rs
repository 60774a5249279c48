//! Why a command failed, and with which exit code.

use std::error::Error;
use std::fmt::Write as _;

use serde_json::{Value, json};

/// What the process ends with when it did not do what it was to do. Scripts act on these, so that they never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Something went wrong that has no code of its own.
    Error = 1,
    /// The command line, or a value that it gives, is not as it must be.
    Usage = 2,
    /// Something that was named does not exist.
    NotFound = 3,
    /// Nobody is signed in, or whoever is may not do that.
    NotAllowed = 4,
    /// It contradicts what is there.
    Conflict = 5,
    /// The rules do not let this image go to this device.
    Ineligible = 6,
    /// It was pushed, and the device did not end up running it.
    PushFailed = 7,
    /// What was waited for did not happen in time.
    TimedOut = 8,
    /// It was told to end before it was done: Ctrl-C, SIGTERM or SIGHUP.
    Interrupted = 130,
}

/// Whether the same command may well succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It will not: something must change first.
    Pointless,
    /// It may: nobody answered, or the server had too much to do.
    Sensible,
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    code: String,
    message: String,
    remedy: Option<String>,
    retry: Retry,
    request_id: Option<String>,
}

impl Failure {
    /// Something is not as it must be, for whatever reason: exit code 1.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(Exit::Error, "error", error)
    }

    /// A failure with a code of its own, in snake_case, for programs to act on.
    pub fn of(exit: Exit, code: &str, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            message: chain(error.into().as_ref()),
            remedy: None,
            retry: Retry::Pointless,
            request_id: None,
        }
    }

    /// The command line is not as it must be.
    pub fn usage(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(Exit::Usage, "usage", error)
    }

    /// What was named is not there; `what` is a noun, `name` what somebody called it.
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::of(Exit::NotFound, "not_found", format!("there is no {what} {name:?}"))
    }

    /// It was told to end before it was done: Ctrl-C, SIGTERM or SIGHUP.
    pub fn interrupted() -> Self {
        Self::of(Exit::Interrupted, "interrupted", "interrupted")
    }

    /// With what to do about it, as a sentence.
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// That the same may well succeed later.
    pub fn retryable(self) -> Self {
        Self { retry: Retry::Sensible, ..self }
    }

    /// With what it is about, where there are several.
    pub fn about(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// With the id under which the server's log has it.
    pub fn in_request(self, request_id: Option<String>) -> Self {
        Self { request_id, ..self }
    }

    /// What the process ends with.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// The stable code, in snake_case.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What went wrong, without what to do about it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, if that is known.
    pub fn remedy(&self) -> Option<&str> {
        self.remedy.as_deref()
    }

    /// Whether the same may well succeed later.
    pub fn is_retryable(&self) -> bool {
        self.retry == Retry::Sensible
    }

    /// As programs are told: one object.
    pub fn as_json(&self) -> Value {
        let message = match &self.remedy {
            Some(remedy) => format!("{}; {remedy}", self.message),
            None => self.message.clone(),
        };
        let mut object = json!({
            "code": self.code, "message": message, "retryable": self.is_retryable(),
        });
        if let Some(request_id) = &self.request_id {
            object["requestId"] = json!(request_id);
        }
        object
    }

    /// As people are told, in lines.
    pub fn as_text(&self) -> String {
        let mut text = format!("otaria: {}", self.message);
        if let Some(remedy) = &self.remedy {
            let _ = write!(text, "\n        {remedy}");
        }
        if let Some(request_id) = &self.request_id {
            let _ = write!(text, "\n        (request {request_id})");
        }
        text
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

/// An error and all that caused it, on one line.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_gets_one_object() {
        let failure = Failure::not_found("device type", "Lmap").with_remedy("did you mean \"Lamp\"?");
        let failure = failure.in_request(Some("0199".to_owned()));
        insta::assert_snapshot!(failure.as_json().to_string(), @r#"{"code":"not_found","message":"there is no device type \"Lmap\"; did you mean \"Lamp\"?","requestId":"0199","retryable":false}"#);
        insta::assert_snapshot!(failure.as_text(), @r#"
        otaria: there is no device type "Lmap"
                did you mean "Lamp"?
                (request 0199)
        "#);
    }
}
