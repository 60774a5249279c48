//! Everything that the service remembers: rows in SQLite or PostgreSQL, bytes in a repository.
//!
//! A room for each noun. Reading functions take a [`Conn`], writing ones a [`Tx`], and all of them the scope of
//! what they touch (see [`scopes`]): there is no other way to name a partner.

#![cfg_attr(not(test), forbid(unsafe_code))]
#![cfg_attr(test, allow(unsafe_code, reason = "the tests collect the statements in a section of the linker's"))]

mod closing;
mod database;
mod error;
mod lists;
mod privileges;
mod registers;
mod secret;
mod sequences;
mod sql;

pub mod accounts;
pub mod audit;
pub mod binaries;
pub mod candidates;
pub mod device_authentication;
pub mod device_types;
pub mod devices;
pub mod events;
pub mod firmware_images;
pub mod firmware_types;
pub mod gateway_tokens;
pub mod installation_keys;
pub mod invitations;
pub mod partner_users;
pub mod partners;
pub mod pool;
pub mod pushes;
pub mod repository;
pub mod scopes;
pub mod text;
pub mod tokens;
pub mod unreadable;
pub mod users;

use std::path::PathBuf;

use futures::future::BoxFuture;

pub use database::{Conn, Tx};
pub use error::Error;
pub use registers::Registers;
pub use repository::{Repository, RepositoryLocation};
pub use secret::SecretHash;

use database::Database;

/// Where the rows are.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseLocation {
    /// A SQLite file, made if missing.
    Sqlite(PathBuf),
    /// A PostgreSQL database, by URL.
    Postgres(String),
}

impl std::fmt::Debug for DatabaseLocation {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(file) => f.debug_tuple("Sqlite").field(file).finish(),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

/// The rows. Cheap to clone.
#[derive(Clone)]
pub struct Store(Database);

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// If it cannot be reached, or holds a schema that this program does not know.
    pub async fn open(location: &DatabaseLocation) -> Result<Self, Error> {
        Ok(Self(match location {
            DatabaseLocation::Sqlite(file) => Database::open_sqlite(file).await?,
            DatabaseLocation::Postgres(url) => Database::open_postgres(url).await?,
        }))
    }

    /// A connection to read with.
    ///
    /// # Errors
    /// If none can be had in time.
    pub async fn read(&self) -> Result<Conn, Error> {
        self.0.read().await
    }

    /// Runs `work` in a transaction and answers once it is durable. If `work` fails, nothing of it stays. It runs
    /// to its end even if the caller goes away; it must do nothing slow besides talking to the database.
    ///
    /// # Errors
    /// What `work` returned, or why the transaction failed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.0.write(work).await
    }

    /// Whether writes can still be done at all; once not, only a restart helps.
    pub fn is_writable(&self) -> bool {
        self.0.is_writable()
    }

    /// How many writes wait for the one writer of SQLite; none on PostgreSQL, which has no such line.
    pub fn waiting_writes(&self) -> Option<usize> {
        self.0.waiting_writes()
    }

    /// Waits for connections to end.
    pub async fn close(&self) {
        self.0.close().await;
    }
}

#[cfg(test)]
mod tests;
