//! The access token that requests carry, and where the next one comes from.

use std::time::Duration;

use jiff::Timestamp;
use otaria_wire::partner::TokenOut;
use reqwest::Url;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::connection::{Connection, Grant};
use super::credentials::{Locked, SignIn};
use super::settings::{Credential, Settings};
use crate::failure::{Exit, Failure};

/// How long before its end an access token is replaced, in milliseconds: a request that is under way should not meet it.
const MARGIN: i64 = 10_000;
/// How long somebody who interrupts waits for a sign-in that is being refreshed.
const SETTLING: Duration = Duration::from_secs(5);

/// Held while a sign-in is between the server and the user's file.
static REFRESHING: Mutex<()> = Mutex::const_new(());

/// Who a command is, at its server.
pub struct Session {
    connection: Connection,
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
    pub fn of(settings: &Settings, connection: Connection) -> Self {
        let state = match &settings.credential {
            Credential::Token(token) => State::Fixed(token.clone()),
            Credential::Client { id, secret } => {
                State::Client { id: id.clone(), secret: secret.clone(), token: None }
            }
            Credential::SignIn(sign_in) => State::SignIn(sign_in.clone()),
            Credential::None => State::None,
        };
        Self { connection, profile: settings.profile.clone(), state: Mutex::new(state) }
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
                let got = self.connection.token(id, secret, &Grant::ClientCredentials).await?;
                Ok(token.insert(got.access_token).clone())
            }
            State::SignIn(sign_in) => {
                if sign_in.expires <= Timestamp::now().as_millisecond().saturating_add(MARGIN) {
                    *sign_in = self.refreshed(sign_in).await?;
                }
                Ok(sign_in.access_token.clone())
            }
            State::None => Err(not_signed_in("nobody is signed in", self.connection.url())),
        }
    }

    /// What to do about a token that the server did not take: another one to try, if there can be one.
    ///
    /// # Errors
    /// If the server gives none.
    pub async fn token_instead_of(&self, refused: &str) -> Result<Option<String>, Failure> {
        match &mut *self.state.lock().await {
            // Of several requests at once that were refused, the first gets a new one for all.
            State::SignIn(sign_in) => {
                if sign_in.access_token == refused {
                    *sign_in = self.refreshed(sign_in).await?;
                }
                Ok(Some(sign_in.access_token.clone()))
            }
            // A pipeline that uploaded or waited for hours: its token has expired.
            State::Client { token: Some(another), .. } if another != refused => Ok(Some(another.clone())),
            State::Client { id, secret, token } => {
                let got = self.connection.token(id, secret, &Grant::ClientCredentials).await?;
                Ok(Some(token.insert(got.access_token).clone()))
            }
            State::Fixed(_) | State::None => Ok(None),
        }
    }

    /// The sign-in with new tokens. Whoever waits for it may be interrupted; what the server has given is written down all
    /// the same, since the refresh token from before is worth nothing then.
    async fn refreshed(&self, known: &SignIn) -> Result<SignIn, Failure> {
        let (connection, profile, known) = (self.connection.clone(), self.profile.clone(), known.clone());
        tokio::spawn(async move {
            let _refreshing = REFRESHING.lock().await;
            refresh(&connection, &profile, &known).await
        })
        .await?
    }
}

/// Waits until no sign-in is between the server and the user's file, but not for long.
pub async fn settled() {
    drop(timeout(SETTLING, REFRESHING.lock()).await);
}

/// Refreshes a sign-in, and writes it down. A refresh token is good once: of two commands that run at the same time, the
/// second takes what the first got.
async fn refresh(connection: &Connection, profile: &str, known: &SignIn) -> Result<SignIn, Failure> {
    let not_signed_in = |why: &str| not_signed_in(why, connection.url());
    let mut locked = tokio::task::spawn_blocking(Locked::take).await??;
    let current = locked.get(profile).cloned().ok_or_else(|| not_signed_in("the sign-in is gone"))?;
    if current.url != known.url {
        return Err(not_signed_in("somebody signed in elsewhere meanwhile, and nobody is signed in any more"));
    }
    if current.refresh_token != known.refresh_token {
        return Ok(current);
    }
    locked.require_room()?;
    let grant = Grant::RefreshToken { refresh_token: &current.refresh_token };
    let got = connection.token(&current.client_id, &current.client_secret, &grant).await;
    let got = got.map_err(|failure| match failure.exit() {
        Exit::NotAllowed => not_signed_in("the sign-in has ended"),
        _ => failure,
    })?;
    let next = current.with(got);
    locked.set(profile, Some(next.clone()))?;
    Ok(next)
}

fn not_signed_in(why: &str, url: &Url) -> Failure {
    Failure::of(Exit::NotAllowed, "not_signed_in", format!("{why} at {url}")).with_remedy(
        "run `otaria login`, or set OTARIA_TOKEN, or OTARIA_CLIENT_ID with OTARIA_CLIENT_SECRET as pipelines do",
    )
}

impl SignIn {
    /// With what the server gave now.
    pub fn with(self, got: TokenOut) -> Self {
        let expires = Timestamp::now().as_millisecond().saturating_add(got.expires_in.saturating_mul(1000));
        Self {
            access_token: got.access_token,
            expires,
            refresh_token: got.refresh_token.unwrap_or(self.refresh_token),
            ..self
        }
    }
}
