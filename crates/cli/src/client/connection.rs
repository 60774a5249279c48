//! Connections to a server, and how often a request is sent before it is given up.

pub mod answers;
pub mod heartbeat;
pub mod refusals;
pub mod unreachable;

use std::fmt;
use std::time::Duration;

use futures::TryFutureExt as _;
use otaria_wire::partner::TokenOut;
use reqwest::{Response, StatusCode, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::sleep;

use self::answers::read;
use self::heartbeat::{STANDSTILL, Unanswered};
use self::refusals::expect_success;
use self::unreachable::unreachable;
use crate::client::credentials::SignIn;
use crate::client::paths::Path;
use crate::client::settings::Settings;
use crate::failure::{Exit, Failure};
use crate::terminal::Terminal;

/// How long a connection may take to be made.
const CONNECTING: Duration = Duration::from_secs(20);
/// How often a request is sent that the server had no time for, or did not get.
const ATTEMPTS: u32 = 4;
/// How long the first wait between two of them is; each is twice the one before.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What it does to send a request twice that may have been heard the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Nothing: what it asks for is so then as well.
    Harmless,
    /// Something may be made twice.
    Harmful,
}

/// What may have come of a request before it was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Before {
    /// Nothing: the server did not hear it.
    Unheard,
    /// What it asks for: it may have been heard, and its answer was lost.
    Lost,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The answer itself.
    pub response: Response,
    /// What may have come of the request before.
    pub before: Before,
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

/// A server, as everybody can reach it.
#[derive(Clone)]
pub struct Connection {
    http: reqwest::Client,
    /// For what may take its time: reqwest's limit of reading holds while a body is still sent.
    uploads: reqwest::Client,
    url: Url,
    terminal: Terminal,
}

impl Connection {
    /// Nothing is sent yet.
    ///
    /// # Errors
    /// If the authority's file cannot be read.
    pub fn of(settings: &Settings, terminal: Terminal) -> Result<Self, Failure> {
        let http = builder(settings)?.read_timeout(STANDSTILL).build()?;
        Ok(Self { http, uploads: builder(settings)?.build()?, url: settings.url.clone(), terminal })
    }

    /// What requests are made with.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// The server's URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sends a request as often as it takes, and waits between two attempts. Where nobody knows whether it was heard, only
    /// what is harmless is sent again.
    ///
    /// # Errors
    /// If there is no answer in the end.
    pub async fn patiently<A: Future<Output = Result<Response, Unanswered>>>(
        &self,
        repeat: Repeat,
        send: impl Fn() -> A,
    ) -> Result<Answer, Failure> {
        let mut before = Before::Unheard;
        let mut wait = FIRST_WAIT;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let is_last = attempts >= ATTEMPTS;
            match send().await {
                Ok(response) if !is_last && may_pass(response.status(), repeat) => {
                    if is_from_between(response.status()) {
                        before = Before::Lost;
                    }
                    wait = asked_wait(&response).unwrap_or(wait).min(LONGEST_WAIT);
                    self.terminal.say(&format!("the server has no time now ({}): trying again", response.status()));
                }
                Ok(response) => return Ok(Answer { response, before }),
                Err(Unanswered::Lost(error)) if !is_last && (error.is_connect() || repeat == Repeat::Harmless) => {
                    if !error.is_connect() {
                        before = Before::Lost;
                    }
                    let failure = unreachable(&self.url, &error);
                    if !failure.is_retryable() {
                        return Err(failure);
                    }
                    self.terminal.say(&format!("{}: trying again", failure.message()));
                }
                Err(Unanswered::Lost(error)) => return Err(unreachable(&self.url, &error)),
                Err(Unanswered::Standstill) => return Err(self.stands_still()),
            }
            sleep(wait).await;
            wait *= 2;
        }
    }

    /// What requests are made with that may take as long as they go on: [`as_long_as_it_beats`] sends them.
    pub fn uploads(&self) -> &reqwest::Client {
        &self.uploads
    }

    /// Asks for a token as a client.
    ///
    /// # Errors
    /// If the server cannot be reached, or gives none.
    pub async fn token(&self, client_id: &str, client_secret: &str, grant: &Grant<'_>) -> Result<TokenOut, Failure> {
        // A refresh token is good once.
        let repeat = match grant {
            Grant::RefreshToken { .. } => Repeat::Harmful,
            Grant::Password { .. } | Grant::ClientCredentials => Repeat::Harmless,
        };
        let url = Path::of(["oauth", "token"]).at(&self.url);
        let response = self.patiently(repeat, || {
            let request = self.http.post(url.clone()).basic_auth(client_id, Some(client_secret));
            request.form(grant).send().err_into()
        });
        read(expect_success(response.await?.response).await?).await
    }

    /// Reads something with a token that nothing keeps yet.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn read_with_token<T: DeserializeOwned>(&self, path: &Path, token: &str) -> Result<T, Failure> {
        let get = || self.http.get(path.at(&self.url)).bearer_auth(token).send().err_into();
        let response = self.patiently(Repeat::Harmless, get);
        read(expect_success(response.await?.response).await?).await
    }

    /// Ends a sign-in (RFC 7009), with every token that came of it.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub async fn revoke(&self, sign_in: &SignIn) -> Result<(), Failure> {
        let url = Path::of(["oauth", "revoke"]).at(&self.url);
        let response = self.patiently(Repeat::Harmless, || {
            let request = self.http.post(url.clone()).basic_auth(&sign_in.client_id, Some(&sign_in.client_secret));
            request.form(&[("token", &sign_in.refresh_token)]).send().err_into()
        });
        expect_success(response.await?.response).await.map(drop)
    }

    fn stands_still(&self) -> Failure {
        let origin = self.url.origin().ascii_serialization();
        let message = format!("{origin} took nothing more for {} seconds", STANDSTILL.as_secs());
        Failure::of(Exit::Error, "unreachable", message).retryable()
    }
}

fn builder(settings: &Settings) -> Result<reqwest::ClientBuilder, Failure> {
    let agent = concat!("otaria/", env!("CARGO_PKG_VERSION"));
    let mut http = reqwest::Client::builder().user_agent(agent).connect_timeout(CONNECTING);
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
    Ok(http)
}

/// Whether the server asks to be asked again. What stands before it cannot know whether it heard.
fn may_pass(status: StatusCode, repeat: Repeat) -> bool {
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => true,
        _ => is_from_between(status) && repeat == Repeat::Harmless,
    }
}

/// Whether something between here and the server answers that it has no answer of the server's.
fn is_from_between(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT)
}

/// How long the server asks to wait (RFC 9110, 10.2.3), if it says so in seconds.
fn asked_wait(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
