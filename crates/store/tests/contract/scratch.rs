//! An empty database for one test: a file in a temporary folder, or a database of its own in PostgreSQL.

use std::path::PathBuf;
use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};
use tempfile::TempDir;
use uuid::Uuid;

/// The variable that names the PostgreSQL to test on.
const SERVER: &str = "OTARIA_TEST_POSTGRES_URL";

/// Which engine a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

/// An empty database, which goes when this value goes.
pub(crate) enum Scratch {
    Sqlite(TempDir),
    Postgres { server: Box<PgConnectOptions>, database: String },
}

impl Scratch {
    pub(crate) async fn on(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite(tempfile::tempdir().expect("a temporary folder can be made")),
            Engine::Postgres => {
                let url = std::env::var(SERVER).unwrap_or_else(|_| {
                    panic!(
                        "{SERVER} is not set. `make test` sets it, and so does `scripts/with-postgres cargo test`: \
                         both start a PostgreSQL that goes when the tests are over"
                    )
                });
                let server = PgConnectOptions::from_str(&url).expect("the variable holds a PostgreSQL URL");
                let database = format!("otaria_test_{}", Uuid::now_v7().simple());
                execute(&server, format!("CREATE DATABASE {database}")).await;
                Self::Postgres { server: Box::new(server), database }
            }
        }
    }

    /// The SQLite file, which nobody has made yet.
    pub(crate) fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join("otaria.db"),
            Self::Postgres { .. } => panic!("a PostgreSQL database is no file"),
        }
    }

    /// How to connect to the PostgreSQL database.
    pub(crate) fn postgres(&self) -> PgConnectOptions {
        match self {
            Self::Sqlite(_) => panic!("a SQLite file has no URL"),
            Self::Postgres { server, database } => PgConnectOptions::clone(server).database(database),
        }
    }
}

impl Drop for Scratch {
    /// A runtime of its own, since a test's cannot be waited for here. Connections that are still open are cut.
    fn drop(&mut self) {
        if let Self::Postgres { server, database } = self {
            let (server, drop_it) = (server.clone(), format!("DROP DATABASE {database} WITH (FORCE)"));
            let dropping = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime can be built").block_on(execute(&server, drop_it));
            });
            // A database that is left over spoils nothing, and a test may be failing for a better reason.
            drop(dropping.join());
        }
    }
}

async fn execute(server: &PgConnectOptions, statement: String) {
    let mut connection = server.connect().await.expect("PostgreSQL can be reached");
    connection.execute(AssertSqlSafe(statement)).await.expect("databases can be created and dropped");
}
