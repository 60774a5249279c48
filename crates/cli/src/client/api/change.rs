//! Requests that change something, and what it means to send one twice.

use reqwest::header::{self, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::client::connection::Repeat;
use crate::client::hidden::without_secrets;
use crate::client::paths::Path;
use crate::failure::Failure;

/// A request that changes something.
#[derive(Clone, Debug)]
pub struct Change {
    method: Method,
    path: Path,
    body: Option<Value>,
    /// The entity tag of what it replaces, if that must be what is there.
    only: Option<HeaderValue>,
    /// What it does to send it twice.
    repeat: Repeat,
    /// By which code the server refuses it once it is done.
    once_done: Option<&'static str>,
    /// What must be there for it.
    subject: Option<Path>,
}

impl Change {
    /// Makes something. Sent twice, it may make two, unless it says otherwise.
    pub fn post(path: Path, body: Value) -> Self {
        Self::of(Method::POST, path, Some(body))
    }

    /// Replaces something.
    pub fn put(path: Path, body: Value) -> Self {
        Self::of(Method::PUT, path, Some(body))
    }

    /// Removes something: what is not there any more is removed.
    pub fn delete(path: Path) -> Self {
        Self::of(Method::DELETE, path, None).once_done_refused_as("not_found")
    }

    /// Whatever request.
    pub fn of(method: Method, path: Path, body: Option<Value>) -> Self {
        let repeat = if method.is_idempotent() { Repeat::Harmless } else { Repeat::Harmful };
        Self { method, path, body, only: None, repeat, once_done: None, subject: None }
    }

    /// That it does no harm to send it twice.
    pub fn harmless_to_repeat(self) -> Self {
        Self { repeat: Repeat::Harmless, ..self }
    }

    /// That the server refuses it by this code once it is done, so that no harm is in sending it twice.
    pub fn once_done_refused_as(self, code: &'static str) -> Self {
        Self { once_done: Some(code), ..self.harmless_to_repeat() }
    }

    /// That there must be something at this path for it: a dry run looks.
    pub fn of_what_is_at(self, path: Path) -> Self {
        Self { subject: Some(path), ..self }
    }

    /// That it is made only if what it replaces is still what was read.
    pub fn only_of(self, tag: Option<HeaderValue>) -> Self {
        Self { only: tag, ..self }
    }

    /// What it asks for.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Where.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it does to send it twice.
    pub fn repeat(&self) -> Repeat {
        self.repeat
    }

    /// What must be there for it.
    pub fn subject(&self) -> Option<&Path> {
        self.subject.as_ref()
    }

    /// Whether one that was sent before, and whose answer was lost, did what it asks for, if this one was refused so.
    pub fn is_done_if(&self, refused: &Failure) -> bool {
        self.once_done == Some(refused.code())
    }

    /// The request, with what it carries.
    pub fn on(&self, mut request: RequestBuilder) -> RequestBuilder {
        if let Some(tag) = &self.only {
            request = request.header(header::IF_MATCH, tag);
        }
        match &self.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// What would be sent, without secrets: for programs, and for people.
    pub fn would(&self) -> (Value, String) {
        let Self { method, path, .. } = self;
        let body = self.body.as_ref().map(without_secrets);
        let sentence = match &body {
            None => format!("would send {method} {path}"),
            Some(body) => format!("would send {method} {path} {body}"),
        };
        let object = json!({ "dryRun": true, "method": method.as_str(), "path": path.to_string(), "body": body });
        (object, sentence)
    }
}
