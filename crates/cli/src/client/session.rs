//! The access token that requests carry, and where the next one comes from.

use jiff::Timestamp;
use otaria_wire::partner::TokenOut;
use reqwest::Url;
use tokio::sync::Mutex;

use super::api::{self, Grant};
use super::credentials::{Locked, SignIn};
use super::settings::{Credential, Settings};
use crate::failure::{Exit, Failure};

/// How long before its end an access token is replaced, in milliseconds: a long upload should not outlive it.
const MARGIN: i64 = 60_000;

/// Who a command is, at its server.
pub struct Session {
    http: reqwest::Client,
    url: Url,
    profile: String,
    state: Mutex<State>,
}

enum State {
    /// A token that somebody else got: when it is not good any more, there is no other.
    Fixed(String),
    /// The partner's client, and the token that it has got so far.
    Client {
        id: String,
        secret: String,
        token: Option<String>,
    },
    /// A person's sign-in.
    SignIn(SignIn),
    None,
}

impl Session {
    /// Nothing is sent yet.
    pub fn of(settings: &Settings, http: reqwest::Client) -> Self {
        let state = match &settings.credential {
            Credential::Token(token) => State::Fixed(token.clone()),
            Credential::Client { id, secret } => {
                State::Client { id: id.clone(), secret: secret.clone(), token: None }
            }
            Credential::SignIn(sign_in) => State::SignIn(sign_in.clone()),
            Credential::None => State::None,
        };
        Self { http, url: settings.url.clone(), profile: settings.profile.clone(), state: Mutex::new(state) }
    }

    /// A token for the next request.
    ///
    /// # Errors
    /// If nobody is signed in, or the server gives no token.
    pub async fn token(&self) -> Result<String, Failure> {
        match &mut *self.state.lock().await {
            State::Fixed(token) => Ok(token.clone()),
            State::Client { id, secret, token } => {
                if let Some(token) = token {
                    return Ok(token.clone());
                }
                let got = api::token(&self.http, &self.url, id, secret, &Grant::ClientCredentials).await?;
                Ok(token.insert(got.access_token).clone())
            }
            State::SignIn(sign_in) => {
                if sign_in.expires - MARGIN <= Timestamp::now().as_millisecond() {
                    *sign_in = self.refreshed(sign_in).await?;
                }
                Ok(sign_in.access_token.clone())
            }
            State::None => Err(self.not_signed_in("nobody is signed in")),
        }
    }

    /// What to do about a token that the server did not take: another one to try, if there can be one.
    ///
    /// # Errors
    /// If the server gives none.
    pub async fn token_instead_of(&self, refused: &str) -> Result<Option<String>, Failure> {
        match &mut *self.state.lock().await {
            State::SignIn(sign_in) if sign_in.access_token == refused => {
                *sign_in = self.refreshed(sign_in).await?;
                Ok(Some(sign_in.access_token.clone()))
            }
            // A pipeline that uploaded or waited for hours: its token has expired.
            State::Client { id, secret, token } if token.as_deref() == Some(refused) => {
                let got = api::token(&self.http, &self.url, id, secret, &Grant::ClientCredentials).await?;
                Ok(Some(token.insert(got.access_token).clone()))
            }
            State::SignIn(_) | State::Client { .. } | State::Fixed(_) | State::None => Ok(None),
        }
    }

    /// The sign-in with new tokens, written down before it is used. A refresh token is good once: of two commands that run at
    /// the same time, the second takes what the first got.
    async fn refreshed(&self, known: &SignIn) -> Result<SignIn, Failure> {
        let mut locked = tokio::task::spawn_blocking(Locked::take).await??;
        let current = locked.get(&self.profile).cloned().ok_or_else(|| self.not_signed_in("the sign-in is gone"))?;
        if current.refresh_token != known.refresh_token && current.url == known.url {
            return Ok(current);
        }
        let grant = Grant::RefreshToken { refresh_token: &current.refresh_token };
        let got = api::token(&self.http, &self.url, &current.client_id, &current.client_secret, &grant).await;
        let got = got.map_err(|failure| match failure.exit() {
            Exit::NotAllowed => self.not_signed_in("the sign-in has ended"),
            _ => failure,
        })?;
        let next = current.with(got);
        locked.set(&self.profile, Some(next.clone()))?;
        Ok(next)
    }

    fn not_signed_in(&self, why: &str) -> Failure {
        Failure::of(Exit::NotAllowed, "not_signed_in", format!("{why} at {}", self.url)).with_remedy(
            "run `otaria login`, or set OTARIA_TOKEN, or OTARIA_CLIENT_ID with OTARIA_CLIENT_SECRET as pipelines do",
        )
    }
}

impl SignIn {
    /// With what the server gave now.
    pub fn with(self, got: TokenOut) -> Self {
        let expires = Timestamp::now().as_millisecond() + got.expires_in * 1000;
        Self {
            access_token: got.access_token,
            expires,
            refresh_token: got.refresh_token.unwrap_or(self.refresh_token),
            ..self
        }
    }
}
