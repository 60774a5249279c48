//! Requests to the partner API, and what their answers mean.

mod pages;
mod refusals;

use std::fmt;
use std::time::Duration;

use otaria_wire::partner::TokenOut;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::credentials::SignIn;
use super::options::Effect;
use super::paths::Path;
use super::session::Session;
use super::settings::Settings;
use crate::failure::Failure;
use crate::terminal::{Format, Terminal, print};

pub use self::pages::Limit;
use self::refusals::{refusal, unreachable};

/// How long a connection may take to be made.
const CONNECTING: Duration = Duration::from_secs(20);
/// How long an answer may stand still.
const STANDSTILL: Duration = Duration::from_secs(90);
/// How often a request is sent that the server had no time for, or did not get.
const ATTEMPTS: u32 = 4;
/// How long the first wait between two of them is; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The server, as the caller may use it.
pub struct Api {
    http: reqwest::Client,
    url: Url,
    session: Session,
    effect: Effect,
    terminal: Terminal,
}

/// How a token is asked for (RFC 6749).
#[derive(Serialize)]
#[serde(tag = "grant_type", rename_all = "snake_case")]
pub enum Grant<'g> {
    /// A person, by name and password.
    Password {
        /// Their e-mail address.
        username: &'g str,
        /// Their password.
        password: &'g str,
    },
    /// A person who signed in before.
    RefreshToken {
        /// What they got then, good once.
        refresh_token: &'g str,
    },
    /// The partner's client itself.
    ClientCredentials,
}

/// A request that changes something.
#[derive(Clone, Debug)]
pub struct Change {
    method: Method,
    path: Path,
    body: Option<Value>,
}

impl Change {
    /// Makes something.
    pub fn post(path: Path, body: Value) -> Self {
        Self { method: Method::POST, path, body: Some(body) }
    }

    /// Replaces something.
    pub fn put(path: Path, body: Value) -> Self {
        Self { method: Method::PUT, path, body: Some(body) }
    }

    /// Removes something.
    pub fn delete(path: Path) -> Self {
        Self { method: Method::DELETE, path, body: None }
    }

    /// Whatever request.
    pub fn of(method: Method, path: Path, body: Option<Value>) -> Self {
        Self { method, path, body }
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
    pub fn new(
        http: reqwest::Client,
        settings: &Settings,
        session: Session,
        effect: Effect,
        terminal: Terminal,
    ) -> Self {
        Self { http, url: settings.url.clone(), session, effect, terminal }
    }

    /// The command's connections.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
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
        Ok(serde_json::from_value(self.get(path).await?)?)
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
        if self.effect == Effect::DryRun {
            self.say_instead(&change);
            return Ok(None);
        }
        let response = self.send(change.method, &change.path, |request| match &change.body {
            Some(body) => request.json(body),
            None => request,
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
        let url = path.at(&self.url);
        let mut token = self.session.token().await?;
        let mut has_new_token = false;
        let mut wait = FIRST_WAIT;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let request = self.http.request(method.clone(), url.clone()).bearer_auth(&token);
            let answer = with(request).send().await;
            let is_last = attempts >= ATTEMPTS;
            match answer {
                Ok(response) if response.status() == StatusCode::UNAUTHORIZED && !has_new_token => {
                    has_new_token = true;
                    match self.session.token_instead_of(&token).await? {
                        Some(another) => token = another,
                        None => return Ok(response),
                    }
                    continue;
                }
                Ok(response) if is_busy(response.status()) && !is_last => {
                    wait = asked_wait(&response).unwrap_or(wait).min(LONGEST_WAIT);
                    self.terminal.say(&format!("the server has no time now ({}): trying again", response.status()));
                }
                Ok(response) => return Ok(response),
                // What may have been done already is not done twice without anybody knowing.
                Err(error) if !is_last && (error.is_connect() || method.is_idempotent()) => {
                    self.terminal.say(&format!("{}: trying again", unreachable(&self.url, &error).message()));
                }
                Err(error) => return Err(unreachable(&self.url, &error)),
            }
            sleep(wait).await;
            wait *= 2;
        }
    }

    fn say_instead(&self, change: &Change) {
        let Change { method, path, body } = change;
        let body = body.as_ref().map(without_secrets);
        match (self.terminal.format(), body) {
            (Format::Json, body) => {
                let would =
                    json!({ "dryRun": true, "method": method.as_str(), "path": path.to_string(), "body": body });
                print(&would.to_string());
            }
            (Format::Human, None) => print(&format!("would send {method} {path}")),
            (Format::Human, Some(body)) => print(&format!("would send {method} {path} {body}")),
        }
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

/// Makes the connections of a command.
///
/// # Errors
/// If the authority's file cannot be read.
pub fn http_client(settings: &Settings) -> Result<reqwest::Client, Failure> {
    let agent = concat!("otaria/", env!("CARGO_PKG_VERSION"));
    let mut http = reqwest::Client::builder().user_agent(agent).connect_timeout(CONNECTING).read_timeout(STANDSTILL);
    // Whoever is redirected to says so: a password, a token or a file is not for a server that nobody chose.
    http = http.redirect(reqwest::redirect::Policy::none());
    if let Some(file) = &settings.ca_file {
        let refused = |why: &dyn fmt::Display| Failure::usage(format!("the authority in {}: {why}", file.display()));
        let pem = std::fs::read(file).map_err(|error| refused(&error))?;
        let authorities = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| refused(&error))?;
        if authorities.is_empty() {
            return Err(refused(&"there is no certificate in it"));
        }
        http = http.tls_certs_merge(authorities);
    }
    Ok(http.build()?)
}

/// Asks for a token as a client.
///
/// # Errors
/// If the server cannot be reached, or gives none.
pub async fn token(
    http: &reqwest::Client,
    url: &Url,
    client_id: &str,
    client_secret: &str,
    grant: &Grant<'_>,
) -> Result<TokenOut, Failure> {
    let request = http.post(Path::of(["oauth", "token"]).at(url)).basic_auth(client_id, Some(client_secret));
    let response = request.form(grant).send().await.map_err(|error| unreachable(url, &error))?;
    Ok(serde_json::from_value(body_of(expect_success(response).await?).await?)?)
}

/// Reads something with a token that nothing keeps yet.
///
/// # Errors
/// If the server cannot be reached, or refuses.
pub async fn read_with_token<T: DeserializeOwned>(
    http: &reqwest::Client,
    url: &Url,
    path: &Path,
    token: &str,
) -> Result<T, Failure> {
    let response =
        http.get(path.at(url)).bearer_auth(token).send().await.map_err(|error| unreachable(url, &error))?;
    Ok(serde_json::from_value(body_of(expect_success(response).await?).await?)?)
}

/// Ends a sign-in (RFC 7009), with every token that came of it.
///
/// # Errors
/// If the server cannot be reached, or refuses.
pub async fn revoke(http: &reqwest::Client, url: &Url, sign_in: &SignIn) -> Result<(), Failure> {
    let request = http.post(Path::of(["oauth", "revoke"]).at(url));
    let request = request.basic_auth(&sign_in.client_id, Some(&sign_in.client_secret));
    let response = request.form(&[("token", &sign_in.refresh_token)]).send().await;
    expect_success(response.map_err(|error| unreachable(url, &error))?).await.map(drop)
}

/// A success, or why not.
async fn expect_success(response: Response) -> Result<Response, Failure> {
    if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
}

/// The JSON of an answer; null if it has none.
async fn body_of(response: Response) -> Result<Value, Failure> {
    let url = response.url().clone();
    let bytes = response.bytes().await.map_err(|error| unreachable(&url, &error))?;
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&bytes).map_err(|_| {
        Failure::new(format!("{url} answers with something else than JSON"))
            .with_remedy("is this the URL of an Otaria server?")
    })
}

/// Whether the server did nothing and asks to be asked again.
fn is_busy(status: StatusCode) -> bool {
    matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE)
}

/// How long the server asks to wait (RFC 9110, 10.2.3), if it says so in seconds.
fn asked_wait(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// A body as it may be shown.
fn without_secrets(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(object) = body.as_object_mut() {
        for (name, value) in object {
            let name = name.to_lowercase();
            if name.contains("password") || name.contains("secret") || name.contains("token") {
                *value = json!("…");
            }
        }
    }
    body
}
