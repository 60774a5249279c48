//! What can go wrong between a call and a durable answer.

use std::sync::Arc;

use otaria_core::ids::InvalidId;
use otaria_core::push::{InvalidConfirmation, InvalidPushState};
use tokio::task::JoinError;

/// Why the store could not do what was asked. The text is for the log; the sources name the engine's reason.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A unique constraint refused the write: somebody else was first.
    #[error("a unique constraint refused the write")]
    Duplicate(#[source] Arc<sqlx::Error>),
    /// A foreign key refused the write: what it refers to is not there (any more).
    #[error("a foreign key refused the write")]
    Dangling(#[source] Arc<sqlx::Error>),
    /// No room left, in the database or in the repository.
    #[error("no room left on the storage")]
    Full(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The bytes that a row names are not in the repository (any more).
    #[error("the bytes are not in the repository")]
    Gone(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The database or the repository cannot be reached, or is too busy, just now.
    #[error("the storage cannot be reached")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Something that was stored is not what this program stores.
    #[error("the storage holds something unexpected")]
    Unexpected(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The work panicked: a fault of this program's own. What it said went to the log.
    #[error("the work panicked")]
    Panicked,
    /// The store is shutting down, or what was to go on is over.
    #[error("the write was given up")]
    GivenUp,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;

        match &error {
            sqlx::Error::Database(reason) => match reason.kind() {
                ErrorKind::UniqueViolation => Self::Duplicate(Arc::new(error)),
                ErrorKind::ForeignKeyViolation => Self::Dangling(Arc::new(error)),
                _ => match reason.code().as_deref() {
                    // SQLITE_FULL; disk_full of PostgreSQL.
                    Some("13" | "53100") => Self::Full(Arc::new(error)),
                    // SQLITE_BUSY and its variants; too many connections, shutting down, serialisation, deadlock.
                    Some("5" | "261" | "517" | "53300" | "57P01" | "57P02" | "57P03" | "40001" | "40P01") => {
                        Self::Unavailable(Arc::new(error))
                    }
                    _ => Self::Unexpected(Arc::new(error)),
                },
            },
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
                Self::Unavailable(Arc::new(error))
            }
            _ => Self::Unexpected(Arc::new(error)),
        }
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        if is_storage_full(&error) { Self::Full(Arc::new(error)) } else { Self::Unavailable(Arc::new(error)) }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        if is_storage_full(&error) { Self::Full(Arc::new(error)) } else { Self::Unavailable(Arc::new(error)) }
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        if error.is_panic() { Self::Panicked } else { Self::GivenUp }
    }
}

impl From<InvalidId> for Error {
    fn from(error: InvalidId) -> Self {
        Self::Unexpected(Arc::new(error))
    }
}

impl From<InvalidPushState> for Error {
    fn from(error: InvalidPushState) -> Self {
        Self::Unexpected(Arc::new(error))
    }
}

impl From<InvalidConfirmation> for Error {
    fn from(error: InvalidConfirmation) -> Self {
        Self::Unexpected(Arc::new(error))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Unexpected(Arc::new(error))
    }
}

fn is_storage_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
            if matches!(io.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
                return true;
            }
        }
        cause = error.source();
    }
    false
}
