//! Requests to the partner API, and what their answers mean.

mod change;
mod pages;
mod replacing;
mod rights;

use std::fmt;

use futures::TryFutureExt as _;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::connection::answers::{body_of, read};
use super::connection::heartbeat::{Heartbeat, Unanswered, as_long_as_it_beats};
use super::connection::refusals::expect_success;
use super::connection::{Answer, Before, Connection, Repeat};
use super::options::Effect;
use super::paths::Path;
use super::session::Session;
use crate::failure::Failure;
use crate::terminal::{Format, Terminal, print, print_json_line};

pub use self::change::Change;
pub use self::pages::Limit;
pub use self::replacing::Replaced;

/// The server, as the caller may use it.
pub struct Api {
    connection: Connection,
    session: Session,
    effect: Effect,
    terminal: Terminal,
}

/// What came of a change.
#[derive(Debug)]
pub struct Changed {
    /// What the server answered; null if it had nothing to say, or nobody heard it.
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
    /// If the server cannot be reached, or refuses; in a dry run, if it is known that it would.
    pub async fn change(&self, change: Change) -> Result<Option<Changed>, Failure> {
        if self.effect == Effect::DryRun {
            self.foresee(&change).await?;
            let (object, sentence) = change.would();
            match self.terminal.format() {
                Format::Json => print_json_line(&object),
                Format::Human => print(&sentence),
            }
            return Ok(None);
        }
        let (before, changed) = self.send_change(&change).await?;
        match changed {
            Err(refused) if before == Before::Lost && change.is_done_if(&refused) => {
                Ok(Some(Changed { body: Value::Null, location: None }))
            }
            changed => changed.map(Some),
        }
    }

    /// That, as far as it can be known, a change would not be refused.
    ///
    /// # Errors
    /// If it would.
    pub async fn foresee(&self, change: &Change) -> Result<(), Failure> {
        change.path().checked()?;
        self.require_right(change).await?;
        match change.subject() {
            Some(subject) => self.get(subject).await.map(drop),
            None => Ok(()),
        }
    }

    /// Sends a change, in no dry run; what came of it, and what may have come of it before.
    async fn send_change(&self, change: &Change) -> Result<(Before, Result<Changed, Failure>), Failure> {
        let Answer { response, before } =
            self.answer(change.method(), change.path(), change.repeat(), |request| change.on(request)).await?;
        Ok((before, changed(response).await))
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
        let repeat = if method.is_idempotent() { Repeat::Harmless } else { Repeat::Harmful };
        Ok(self.answer(&method, path, repeat, with).await?.response)
    }

    async fn answer(
        &self,
        method: &Method,
        path: &Path,
        repeat: Repeat,
        with: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, Failure> {
        let url = path.checked()?.at(self.connection.url());
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
        expect_success(answer.await?.response).await
    }

    /// Sends something with the caller's token; once more with another, if that is not taken and there is one.
    async fn as_caller<A: Future<Output = Result<Response, Unanswered>>>(
        &self,
        repeat: Repeat,
        send: impl Fn(&str) -> A,
    ) -> Result<Answer, Failure> {
        let token = self.session.token().await?;
        let first = self.connection.patiently(repeat, || send(&token)).await?;
        if first.response.status() != StatusCode::UNAUTHORIZED {
            return Ok(first);
        }
        match self.session.token_instead_of(&token).await? {
            Some(another) => {
                let answer = self.connection.patiently(repeat, || send(&another)).await?;
                Ok(Answer { before: answer.before.max(first.before), ..answer })
            }
            None => Ok(first),
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("url", &self.connection.url().as_str()).finish_non_exhaustive()
    }
}

/// What the server says of what was changed, or why it was not.
async fn changed(response: Response) -> Result<Changed, Failure> {
    let response = expect_success(response).await?;
    let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let location = location.map(str::to_owned);
    Ok(Changed { body: body_of(response).await?, location })
}
