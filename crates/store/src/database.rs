//! The two engines behind one shape: `read` gives a connection, `write` runs a piece of work in a transaction.
//!
//! On PostgreSQL a write is an ordinary transaction. On SQLite one writer takes whatever is waiting into one
//! transaction, a savepoint for each, and pays for one fsync (group commit). Either way a caller is answered
//! only once its work is durable, and work that was begun is finished even if its caller went away.
//!
//! PostgreSQL gives up a transaction in which any statement failed, and answers its commit with success all the
//! same. So on both engines a write in which a statement failed fails, even if the work went on regardless.

use std::ops::{Deref, DerefMut};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, TryFutureExt as _};
use sqlx::migrate::MigrateError;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::closing::{self, Closing};
use crate::events::Bell;

/// How many writes wait for the SQLite writer before callers wait to enqueue.
const WRITE_QUEUE: usize = 1024;
/// How many writes share one SQLite transaction at most, so that no transaction grows long.
const GROUP: usize = 64;

/// A connection to read with.
pub struct Conn {
    link: Link,
    /// The first statement's failure since the work began.
    failure: Option<Error>,
}

enum Link {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
    PostgresTransaction(Transaction<'static, Postgres>),
}

/// A transaction to write in; reads in it see its own writes.
pub struct Tx {
    conn: Conn,
    /// What is written when the work is done.
    closing: Closing,
}

/// The engine behind a [`Conn`], for the macros of [`crate::sql`].
pub(crate) enum Engine<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Conn {
    const fn new(link: Link) -> Self {
        Self { link, failure: None }
    }

    /// Notes that a statement failed, which dooms the transaction.
    pub(crate) fn failed(&mut self, error: sqlx::Error) -> Error {
        let error = Error::from(error);
        self.failure.get_or_insert_with(|| error.clone());
        error
    }

    pub(crate) fn engine(&mut self) -> Engine<'_> {
        match &mut self.link {
            Link::Sqlite(connection) => Engine::Sqlite(connection),
            Link::Postgres(connection) => Engine::Postgres(connection),
            Link::PostgresTransaction(transaction) => Engine::Postgres(transaction),
        }
    }
}

impl Tx {
    fn new(link: Link) -> Self {
        Self { conn: Conn::new(link), closing: Closing::default() }
    }

    pub(crate) const fn closing(&mut self) -> &mut Closing {
        &mut self.closing
    }
}

impl Deref for Tx {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        &self.conn
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut Conn {
        &mut self.conn
    }
}

#[derive(Clone)]
pub(crate) enum Database {
    Sqlite { readers: SqlitePool, writer: mpsc::Sender<Box<dyn Job>>, bell: Bell },
    Postgres { pool: PgPool, bell: Bell },
}

/// One caller's work on the SQLite writer.
pub(crate) trait Job: Send {
    /// Does it. Its answer waits for the commit.
    fn run(self: Box<Self>, tx: &mut Tx) -> BoxFuture<'_, Done>;

    /// Answers that it could not begin, and why.
    fn refuse(self: Box<Self>, error: Error);
}

/// A [`Job`], and where its caller waits.
struct CallersWork<T, E, F> {
    work: F,
    answer: oneshot::Sender<Result<T, E>>,
    bell: Bell,
}

/// Work that ran: whether its savepoint is kept, and how to answer once the transaction's fate is known.
pub(crate) struct Done {
    fate: Fate,
    answer: Answer,
}

pub(crate) type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

pub(crate) enum Fate {
    Keep,
    /// With the statement's failure that was the reason, if that was it.
    Discard(Option<Error>),
}

impl Database {
    /// Opens a SQLite file, made if missing, and brings its schema up to date.
    pub(crate) async fn open_sqlite(file: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let writer = open_writer(&options).await?;
        // One at a time, should another process open a new file at the same instant.
        let mut migrating = writer.begin_with("BEGIN IMMEDIATE").await?;
        // `run_direct`, since a future that holds `run` on a transaction cannot be sent between threads.
        let migrations = sqlx::migrate!("migrations/sqlite");
        migrations.run_direct(None, &mut *migrating, false).await.map_err(migration_error)?;
        migrating.commit().await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(4)
            .min_connections(1)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        let (sender, jobs) = mpsc::channel(WRITE_QUEUE);
        let connection = writer.acquire().await?;
        tokio::spawn(write_groups(Tx::new(Link::Sqlite(connection)), jobs));
        Ok(Self::Sqlite { readers, writer: sender, bell: Bell::default() })
    }

    /// Connects to PostgreSQL and brings its schema up to date.
    pub(crate) async fn open_postgres(url: &str) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)?.application_name("otaria");
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await?;
        sqlx::migrate!("migrations/postgres").run(&pool).await.map_err(migration_error)?;
        Ok(Self::Postgres { pool, bell: Bell::default() })
    }

    pub(crate) async fn read(&self) -> Result<Conn, Error> {
        Ok(Conn::new(match self {
            Self::Sqlite { readers, .. } => Link::Sqlite(readers.acquire().await?),
            Self::Postgres { pool, .. } => Link::Postgres(pool.acquire().await?),
        }))
    }

    pub(crate) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match self {
            Self::Sqlite { writer, bell, .. } => {
                let (answer, answered) = oneshot::channel();
                let job = CallersWork { work, answer, bell: bell.clone() };
                writer.send(Box::new(job)).await.map_err(|_| E::from(Error::GivenUp))?;
                answered.await.map_err(|_| E::from(Error::GivenUp))?
            }
            Self::Postgres { pool, bell } => {
                let (pool, bell) = (pool.clone(), bell.clone());
                // Spawned, so that a caller who goes away does not cut the work in two.
                let task = tokio::spawn(async move {
                    let transaction = pool.begin().await.map_err(Error::from)?;
                    let mut tx = Tx::new(Link::PostgresTransaction(transaction));
                    let value = work(&mut tx).await?;
                    let told = closing::write(&mut tx).await?;
                    if let Some(error) = tx.failure.take() {
                        return Err(E::from(error));
                    }
                    if let Link::PostgresTransaction(transaction) = tx.conn.link {
                        transaction.commit().await.map_err(Error::from)?;
                    }
                    bell.ring(&told);
                    Ok(value)
                });
                task.await.map_err(|error| E::from(Error::from(error)))?
            }
        }
    }

    pub(crate) fn is_writable(&self) -> bool {
        match self {
            Self::Sqlite { writer, .. } => !writer.is_closed(),
            Self::Postgres { pool, .. } => !pool.is_closed(),
        }
    }

    pub(crate) const fn bell(&self) -> &Bell {
        match self {
            Self::Sqlite { bell, .. } | Self::Postgres { bell, .. } => bell,
        }
    }

    pub(crate) fn waiting_writes(&self) -> Option<usize> {
        match self {
            Self::Sqlite { writer, .. } => Some(writer.max_capacity().saturating_sub(writer.capacity())),
            Self::Postgres { .. } => None,
        }
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { readers, .. } => readers.close().await,
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }
}

/// Where two processes make a new file's journal a write-ahead log at the same instant, SQLite refuses one of them
/// at once, whatever the busy timeout.
async fn open_writer(options: &SqliteConnectOptions) -> Result<SqlitePool, Error> {
    let open = || SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).map_err(Error::from);
    for _ in 0..50 {
        match open().await {
            Err(Error::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            opened => return opened,
        }
    }
    open().await
}

fn migration_error(error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(error) => Error::from(error),
        other => Error::Unexpected(std::sync::Arc::new(other)),
    }
}

impl<T, E, F> Job for CallersWork<T, E, F>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    fn run(self: Box<Self>, tx: &mut Tx) -> BoxFuture<'_, Done> {
        let Self { work, answer, bell } = *self;
        Box::pin(async move {
            // Called inside, so that a panic before its first await is caught as well.
            let whole = async {
                let value = work(&mut *tx).await?;
                let told = closing::write(&mut *tx).await?;
                Ok((value, told))
            };
            let outcome = AssertUnwindSafe(whole).catch_unwind().await;
            *tx.closing() = Closing::default();
            let failure = tx.failure.take();
            let (outcome, fate) = match (outcome, failure) {
                (Ok(Ok(done)), None) => (Ok(Ok(done)), Fate::Keep),
                (Ok(Ok(_)), Some(error)) => (Ok(Err(E::from(error.clone()))), Fate::Discard(Some(error))),
                (outcome, failure) => (outcome, Fate::Discard(failure)),
            };
            let answer: Answer = Box::new(move |committed| {
                let result = match outcome {
                    Ok(Ok((value, told))) => committed
                        .map(|()| {
                            bell.ring(&told);
                            value
                        })
                        .map_err(E::from),
                    Ok(Err(error)) => Err(error),
                    Err(_panic) => Err(E::from(Error::Panicked)),
                };
                // A caller who went away needs no answer.
                drop(answer.send(result));
            });
            Done { fate, answer }
        })
    }

    fn refuse(self: Box<Self>, error: Error) {
        // A caller who went away needs no answer.
        drop(self.answer.send(Err(E::from(error))));
    }
}

/// The one SQLite writer: takes what waits, runs it as one transaction, answers.
async fn write_groups(mut tx: Tx, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    while let Some(first) = jobs.recv().await {
        let mut waiting = Some(first);
        let mut answers: Vec<Answer> = Vec::new();
        let committed = run_group(&mut tx, &mut jobs, &mut waiting, &mut answers).await;
        if let Err(error) = &committed {
            tracing::error!(error = error as &dyn std::error::Error, writes = answers.len(), "writing failed");
            // After some errors SQLite has rolled back by itself; then this one has nothing to do and says so.
            drop(command(&mut tx, "ROLLBACK").await);
            if let Some(job) = waiting {
                job.refuse(error.clone());
            }
        }
        for answer in answers {
            answer(committed.clone());
        }
    }
}

/// Runs the job that is `waiting`, and up to a group of those that come after it. After a failure, `waiting` is the job
/// that was taken and could not begin, if that was it.
async fn run_group(
    tx: &mut Tx,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    waiting: &mut Option<Box<dyn Job>>,
    answers: &mut Vec<Answer>,
) -> Result<(), Error> {
    command(tx, "BEGIN IMMEDIATE").await?;
    command(tx, "SAVEPOINT caller").await?;
    while let Some(job) = waiting.take() {
        let done = job.run(tx).await;
        answers.push(done.answer);
        if let Fate::Discard(reason) = done.fate
            && let Err(error) = command(tx, "ROLLBACK TO caller").await
        {
            // After some failures, such as a full disk, SQLite has rolled back the whole group by itself.
            return Err(reason.unwrap_or(error));
        }
        command(tx, "RELEASE caller").await?;
        if answers.len() < GROUP
            && let Ok(next) = jobs.try_recv()
        {
            *waiting = Some(next);
            command(tx, "SAVEPOINT caller").await?;
        }
    }
    command(tx, "COMMIT").await
}

async fn command(tx: &mut Tx, command: &'static str) -> Result<(), Error> {
    match tx.engine() {
        Engine::Sqlite(connection) => sqlx::query(command).execute(connection).await.map(drop).map_err(Error::from),
        Engine::Postgres(connection) => sqlx::query(command).execute(connection).await.map(drop).map_err(Error::from),
    }
}
