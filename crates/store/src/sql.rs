//! One SQL text, two engines: the same call expands to a typed query for each.
//!
//! `fetch_all!(conn, "SELECT …", arg, …)`, `fetch_optional!`, `fetch_one!` and `execute!` take a [`Conn`] or a
//! [`Tx`], a literal statement with `$1` placeholders, and what to bind. In this crate's tests every literal is
//! collected, and prepared on both engines.
//!
//! [`Conn`]: crate::Conn
//! [`Tx`]: crate::Tx

/// Every statement of the crate, for the test that prepares them all.
#[cfg(test)]
#[linkme::distributed_slice]
pub(crate) static STATEMENTS: [&str];

/// A statement's text, collected when testing.
macro_rules! sql {
    ($text:expr) => {{
        #[cfg(test)]
        {
            #[linkme::distributed_slice($crate::sql::STATEMENTS)]
            static STATEMENT: &str = $text;
        }
        $text
    }};
}

/// One call for each engine. The arguments stand in both arms, of which one runs.
macro_rules! on_engine {
    ($conn:expr, $build:ident [$($row:tt)*], $run:ident, $text:expr $(, $arg:expr)*) => {{
        let text = $text;
        let outcome = match $conn.engine() {
            $crate::database::Engine::Sqlite(engine) => {
                sqlx::$build::<sqlx::Sqlite $(, $row)*>(text)$(.bind($arg))*.$run(engine).await
            }
            $crate::database::Engine::Postgres(engine) => {
                sqlx::$build::<sqlx::Postgres $(, $row)*>(text)$(.bind($arg))*.$run(engine).await
            }
        };
        outcome.map_err(|error| $conn.failed(error))
    }};
}

/// Every row.
macro_rules! fetch_all {
    ($conn:expr, $text:expr $(, $arg:expr)* $(,)?) => {
        $crate::sql::on_engine!($conn, query_as [_], fetch_all, $crate::sql::sql!($text) $(, $arg)*)
    };
}

/// The row, if there is one.
macro_rules! fetch_optional {
    ($conn:expr, $text:expr $(, $arg:expr)* $(,)?) => {
        $crate::sql::on_engine!($conn, query_as [_], fetch_optional, $crate::sql::sql!($text) $(, $arg)*)
    };
}

/// The one row that the statement always has, such as a count.
macro_rules! fetch_one {
    ($conn:expr, $text:expr $(, $arg:expr)* $(,)?) => {
        $crate::sql::on_engine!($conn, query_as [_], fetch_one, $crate::sql::sql!($text) $(, $arg)*)
    };
}

/// How many rows the statement touched.
macro_rules! execute {
    ($conn:expr, $text:expr $(, $arg:expr)* $(,)?) => {{
        let text = $crate::sql::sql!($text);
        let touched = match $conn.engine() {
            $crate::database::Engine::Sqlite(engine) => {
                sqlx::query::<sqlx::Sqlite>(text)$(.bind($arg))*.execute(engine).await.map(|done| done.rows_affected())
            }
            $crate::database::Engine::Postgres(engine) => {
                sqlx::query::<sqlx::Postgres>(text)$(.bind($arg))*.execute(engine).await.map(|done| done.rows_affected())
            }
        };
        touched.map_err(|error| $conn.failed(error))
    }};
}

pub(crate) use {execute, fetch_all, fetch_one, fetch_optional, on_engine, sql};
