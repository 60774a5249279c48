//! Requests to the partner API, and what their answers mean.

mod pages;

use std::fmt;

use futures::TryFutureExt as _;
use reqwest::header::{self, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::connection::answers::{body_of, read};
use super::connection::heartbeat::{Heartbeat, Unanswered, as_long_as_it_beats};
use super::connection::refusals::expect_success;
use super::connection::{Connection, Repeat};
use super::hidden::without_secrets;
use super::options::Effect;
use super::paths::Path;
use super::session::Session;
use crate::failure::Failure;
use crate::terminal::{Format, Terminal, print, print_json_line};

pub use self::pages::Limit;

/// The server, as the caller may use it.
pub struct Api {
    connection: Connection,
    session: Session,
    effect: Effect,
    terminal: Terminal,
}

/// A request that changes something.
#[derive(Clone, Debug)]
pub struct Change {
    method: Method,
    path: Path,
    body: Option<Value>,
    /// The entity tag of what it replaces, if that must be what is there.
    only: Option<HeaderValue>,
}

/// Something that was read, and how it is known again.
#[derive(Clone, Debug)]
pub struct Tagged<T> {
    /// What was read.
    pub value: T,
    /// Its entity tag, if the server names one.
    pub tag: Option<HeaderValue>,
}

impl Change {
    /// Makes something.
    pub fn post(path: Path, body: Value) -> Self {
        Self { method: Method::POST, path, body: Some(body), only: None }
    }

    /// Replaces something.
    pub fn put(path: Path, body: Value) -> Self {
        Self { method: Method::PUT, path, body: Some(body), only: None }
    }

    /// Removes something.
    pub fn delete(path: Path) -> Self {
        Self { method: Method::DELETE, path, body: None, only: None }
    }

    /// Whatever request.
    pub fn of(method: Method, path: Path, body: Option<Value>) -> Self {
        Self { method, path, body, only: None }
    }

    /// That it is made only if what it replaces is still what was read.
    pub fn of_what_was_read<T>(self, read: &Tagged<T>) -> Self {
        Self { only: read.tag.clone(), ..self }
    }
}

/// What came of a change.
#[derive(Debug)]
pub struct Changed {
    /// What the server answered; null if it had nothing to say.
    pub body: Value,
    /// Where what was made is, as a path of the server.
    pub location: Option<String>,
}

impl Api {
    /// The server that was chosen.
    pub fn new(connection: Connection, session: Session, effect: Effect, terminal: Terminal) -> Self {
        Self { connection, session, effect, terminal }
    }

    /// The server, as everybody can reach it.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether changes are made at all.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Signs in, if nothing has needed that yet.
    ///
    /// # Errors
    /// If nobody is signed in, or the server gives no token.
    pub async fn sign_in(&self) -> Result<(), Failure> {
        self.session.token().await.map(drop)
    }

    /// Reads something.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn get(&self, path: &Path) -> Result<Value, Failure> {
        body_of(self.send(Method::GET, path, |request| request).await?).await
    }

    /// Reads something as what it is.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or answers something else.
    pub async fn read<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Failure> {
        read(self.send(Method::GET, path, |request| request).await?).await
    }

    /// Reads something that is then to be changed as it is.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, or answers something else.
    pub async fn read_to_change<T: DeserializeOwned>(&self, path: &Path) -> Result<Tagged<T>, Failure> {
        let response = self.send(Method::GET, path, |request| request).await?;
        let tag = response.headers().get(header::ETAG).cloned();
        Ok(Tagged { value: read(response).await?, tag })
    }

    /// Reads something, if it is there.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses for another reason.
    pub async fn find(&self, path: &Path) -> Result<Option<Value>, Failure> {
        match self.attempt(Method::GET, path, |request| request).await? {
            response if response.status() == StatusCode::NOT_FOUND => Ok(None),
            response => Ok(Some(body_of(expect_success(response).await?).await?)),
        }
    }

    /// Changes something; nothing is changed, and said instead what would be, in a dry run.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn change(&self, change: Change) -> Result<Option<Changed>, Failure> {
        change.path.checked()?;
        if self.effect == Effect::DryRun {
            self.say_instead(&change);
            return Ok(None);
        }
        let response = self.send(change.method, &change.path, |mut request| {
            if let Some(tag) = &change.only {
                request = request.header(header::IF_MATCH, tag);
            }
            match &change.body {
                Some(body) => request.json(body),
                None => request,
            }
        });
        let response = response.await?;
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        Ok(Some(Changed { body: body_of(response).await?, location }))
    }

    /// Sends whatever request as often as it takes; a success, or why not. `with` adds what the request carries, and
    /// is asked again for each attempt.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn send(
        &self,
        method: Method,
        path: &Path,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Failure> {
        expect_success(self.attempt(method, path, with).await?).await
    }

    /// The same, with whatever the server answers in the end.
    ///
    /// # Errors
    /// If the server cannot be reached.
    pub async fn attempt(
        &self,
        method: Method,
        path: &Path,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Failure> {
        let url = path.checked()?.at(self.connection.url());
        let repeat = if method.is_idempotent() { Repeat::Harmless } else { Repeat::Harmful };
        let answer = self.as_caller(repeat, |token| {
            let request = self.connection.http().request(method.clone(), url.clone()).bearer_auth(token);
            with(request).send().err_into()
        });
        answer.await
    }

    /// Sends bytes for as long as they go: `with` adds them, and what tells that they do. The same bytes again do no harm.
    ///
    /// # Errors
    /// If the server cannot be reached, stops taking, or refuses.
    pub async fn upload(
        &self,
        path: &Path,
        with: impl Fn(RequestBuilder, Heartbeat) -> RequestBuilder,
    ) -> Result<Response, Failure> {
        let url = path.checked()?.at(self.connection.url());
        let answer = self.as_caller(Repeat::Harmless, |token| {
            let (heartbeat, heart) = Heartbeat::new();
            let request = self.connection.uploads().post(url.clone()).bearer_auth(token);
            as_long_as_it_beats(with(request, heartbeat), heart)
        });
        expect_success(answer.await?).await
    }

    /// Sends something with the caller's token; once more with another, if that is not taken and there is one.
    async fn as_caller<A: Future<Output = Result<Response, Unanswered>>>(
        &self,
        repeat: Repeat,
        send: impl Fn(&str) -> A,
    ) -> Result<Response, Failure> {
        let token = self.session.token().await?;
        let answer = self.connection.patiently(repeat, || send(&token)).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        match self.session.token_instead_of(&token).await? {
            Some(another) => self.connection.patiently(repeat, || send(&another)).await,
            None => Ok(answer),
        }
    }

    fn say_instead(&self, change: &Change) {
        let Change { method, path, body, .. } = change;
        let body = body.as_ref().map(without_secrets);
        match (self.terminal.format(), body) {
            (Format::Json, body) => {
                let would =
                    json!({ "dryRun": true, "method": method.as_str(), "path": path.to_string(), "body": body });
                print_json_line(&would);
            }
            (Format::Human, None) => print(&format!("would send {method} {path}")),
            (Format::Human, Some(body)) => print(&format!("would send {method} {path} {body}")),
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("url", &self.connection.url().as_str()).finish_non_exhaustive()
    }
}
