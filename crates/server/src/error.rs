//! What can go wrong, by meaning. The dialects give it a status and a body.

use std::sync::Arc;
use std::time::Duration;

use otaria_core::fields::{FieldError, Fields};

/// Why an action was not done. The text tells the caller what to do about it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request as a whole cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// Fields of the request are not as allowed.
    #[error("{}", describe(.0))]
    Invalid(Vec<FieldError>),
    /// There is no such thing where the caller may look.
    #[error("{0}")]
    NotFound(String),
    /// It contradicts what is there. The code is stable; the text says what to do.
    #[error("{description}")]
    Conflict {
        /// A stable word for it.
        code: &'static str,
        /// What to do about it.
        description: String,
    },
    /// It is not any more as the caller says that it knows it.
    #[error("It was changed meanwhile: read it again, and send its new ETag as If-Match.")]
    Changed,
    /// The caller may not.
    #[error("You have no right to do this here, or there is no such partner or account.")]
    Forbidden,
    /// More bytes than are taken.
    #[error("{0}")]
    TooLarge(String),
    /// The rest of the request did not come in time.
    #[error("The request's body stopped coming; send it again.")]
    TooSlow,
    /// Too many wrong passwords.
    #[error("Too many attempts; wait before you try again.")]
    TooManyAttempts {
        /// How long to wait.
        retry_after: Duration,
    },
    /// More polls of one device than are taken.
    #[error("The device polls too often; wait before it polls again.")]
    TooManyPolls {
        /// How long to wait.
        retry_after: Duration,
    },
    /// More of them at once than there is room for.
    #[error("Too many listen already; try again later.")]
    TooManyListeners {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The token endpoint's own refusals (RFC 6749, section 5.2).
    #[error("{description}")]
    Grant {
        /// Which refusal.
        refusal: GrantRefusal,
        /// What to do about it.
        description: &'static str,
    },
    /// The bytes of a file are lost.
    #[error("The bytes of this file are lost here: upload it again.")]
    Gone(#[source] Arc<otaria_store::Error>),
    /// No room is left.
    #[error("The server's storage is full; nothing was stored. Make room and send it again.")]
    Full(#[source] Arc<otaria_store::Error>),
    /// The storage does not answer just now.
    #[error("The server cannot reach its storage just now; try again.")]
    Unavailable(#[source] Arc<otaria_store::Error>),
    /// A fault of the server's own. The log has the reason, under the request's id.
    #[error("The server failed; its log says why, under this request's id.")]
    Internal(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

/// The refusals of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantRefusal {
    /// The client is unknown, or its secret wrong.
    InvalidClient,
    /// The user's or the refresh token's proof is not valid.
    InvalidGrant,
    /// A parameter is missing or repeated.
    InvalidRequest,
    /// No such grant here.
    UnsupportedGrantType,
    /// A scope that does not exist.
    InvalidScope,
}

fn describe(fields: &[FieldError]) -> String {
    let parts = fields.iter().map(|field| format!("{} {}", field.name, field.message));
    parts.collect::<Vec<_>>().join("; ")
}

impl Error {
    /// A thing named `what` that is not there.
    pub fn not_found(what: &str) -> Self {
        Self::NotFound(format!("There is no such {what} here."))
    }

    /// One field that is not as allowed.
    pub fn field(name: &str, message: impl std::fmt::Display) -> Self {
        let mut fields = Fields::new();
        fields.refuse(name, message);
        Self::Invalid(fields.finish().err().unwrap_or_default())
    }

    /// Whether the server could not do it, other than that it refuses to: what its transaction did before is undone.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Gone(_) | Self::Unavailable(_) | Self::Internal(_))
    }

    /// A refusal of the token endpoint.
    pub const fn grant(refusal: GrantRefusal, description: &'static str) -> Self {
        Self::Grant { refusal, description }
    }

    /// That a client has not shown who it is, or is not known.
    pub const fn unknown_client() -> Self {
        Self::grant(GrantRefusal::InvalidClient, "Authenticate by HTTP Basic with the client id and client secret.")
    }

    /// A contradiction.
    pub fn conflict(code: &'static str, description: impl Into<String>) -> Self {
        Self::Conflict { code, description: description.into() }
    }
}

impl From<otaria_store::Error> for Error {
    fn from(error: otaria_store::Error) -> Self {
        use otaria_store::Error as Store;
        match error {
            Store::Full(_) => Self::Full(Arc::new(error)),
            Store::Gone(_) => Self::Gone(Arc::new(error)),
            Store::Unavailable(_) | Store::GivenUp => Self::Unavailable(Arc::new(error)),
            Store::Duplicate(_) | Store::Dangling(_) | Store::Unexpected(_) | Store::Panicked => {
                Self::Internal(Arc::new(error))
            }
        }
    }
}

impl From<Vec<FieldError>> for Error {
    fn from(fields: Vec<FieldError>) -> Self {
        Self::Invalid(fields)
    }
}

/// The error that a store error stands for, where the call can meet a refused constraint.
pub(crate) fn on_duplicate(meaning: impl FnOnce() -> Error) -> impl FnOnce(otaria_store::Error) -> Error {
    |error| if matches!(error, otaria_store::Error::Duplicate(_)) { meaning() } else { error.into() }
}
