//! What can only be seen from inside: the statements, the schemas, the settings of the connections.

use std::collections::BTreeSet;

use otaria_core::page::{Direction, PageRequest, Sort};
use otaria_core::{DeviceId, PartnerId};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, SqlSafeStr as _, SqliteConnection,
    Statement as _,
};

use self::scratch::{Engine, Scratch};
use crate::lists::{LISTS, List};
use crate::scopes::DeviceScope;
use crate::sql::STATEMENTS;
use crate::{
    DatabaseLocation, Error, Store, Tx, audit, database, device_types, devices, gateway_tokens, partner_users, pool,
    pushes,
};

#[path = "../tests/contract/scratch.rs"]
mod scratch;

async fn migrated_sqlite(scratch: &Scratch) -> SqliteConnection {
    Store::open(&DatabaseLocation::Sqlite(scratch.file())).await.unwrap().close().await;
    SqliteConnectOptions::new().filename(scratch.file()).connect().await.unwrap()
}

async fn migrated_postgres(scratch: &Scratch) -> PgConnection {
    let url = scratch.postgres().to_url_lossy().to_string();
    Store::open(&DatabaseLocation::Postgres(url)).await.unwrap().close().await;
    scratch.postgres().connect().await.unwrap()
}

/// How many arguments a statement takes.
async fn prepare_on_sqlite(connection: &mut SqliteConnection, text: &str) -> Result<usize, sqlx::Error> {
    let statement = connection.prepare(AssertSqlSafe(text).into_sql_str()).await?;
    Ok(statement.parameters().map_or(0, |either| either.either(<[_]>::len, |count| count)))
}

/// How many arguments a statement takes.
async fn prepare_on_postgres(connection: &mut PgConnection, text: &str) -> Result<usize, sqlx::Error> {
    let statement = connection.prepare(AssertSqlSafe(text).into_sql_str()).await?;
    Ok(statement.parameters().map_or(0, |either| either.either(<[_]>::len, |count| count)))
}

/// Every statement that pages of this list are made of, and how many arguments it takes.
fn statements_of(list: &List) -> Vec<(String, usize)> {
    let directions = [Direction::Ascending, Direction::Descending];
    let sort = |(field, _): &(&'static str, &str), direction| Sort { field, direction };
    let by_one = list.columns.iter().flat_map(|column| directions.map(|direction| vec![sort(column, direction)]));
    let by_two =
        list.columns.windows(2).map(|pair| vec![sort(&pair[1], directions[1]), sort(&pair[0], directions[0])]);
    let arguments = usize::from(list.arguments);
    by_one
        .chain(by_two)
        .map(|sort| (list.page_sql(&PageRequest { number: 0, size: 10, sort }), arguments + 2))
        .chain([(list.count.to_owned(), arguments)])
        .collect()
}

#[tokio::test]
async fn every_statement_can_be_prepared_on_both_engines() {
    assert!(STATEMENTS.len() > 60, "only {} statements were collected", STATEMENTS.len());
    let (file, database) = (Scratch::on(Engine::Sqlite).await, Scratch::on(Engine::Postgres).await);
    let (mut sqlite, mut postgres) = (migrated_sqlite(&file).await, migrated_postgres(&database).await);

    for wrong in ["SELECT no_such_column FROM partners", "SELECT 1 WHERE $1 IS NUL"] {
        assert!(prepare_on_sqlite(&mut sqlite, wrong).await.is_err(), "{wrong}");
        assert!(prepare_on_postgres(&mut postgres, wrong).await.is_err(), "{wrong}");
    }
    for text in STATEMENTS {
        let on_sqlite = prepare_on_sqlite(&mut sqlite, text).await.unwrap_or_else(|error| panic!("{error}: {text}"));
        let on_postgres =
            prepare_on_postgres(&mut postgres, text).await.unwrap_or_else(|error| panic!("{error}: {text}"));
        assert_eq!(on_sqlite, on_postgres, "{text}");
    }
}

#[tokio::test]
async fn every_list_can_be_prepared_in_every_order_on_both_engines() {
    assert!(LISTS.len() >= 5, "only {} lists were collected", LISTS.len());
    let (file, database) = (Scratch::on(Engine::Sqlite).await, Scratch::on(Engine::Postgres).await);
    let (mut sqlite, mut postgres) = (migrated_sqlite(&file).await, migrated_postgres(&database).await);

    for list in LISTS {
        let statements = statements_of(list);
        assert_eq!(statements.len(), 3 * list.columns.len(), "one column in two directions, pairs, and the count");
        for (text, arguments) in statements {
            let on_sqlite = prepare_on_sqlite(&mut sqlite, &text).await;
            assert_eq!(on_sqlite.unwrap_or_else(|error| panic!("{error}: {text}")), arguments, "{text}");
            let on_postgres = prepare_on_postgres(&mut postgres, &text).await;
            assert_eq!(on_postgres.unwrap_or_else(|error| panic!("{error}: {text}")), arguments, "{text}");
        }
    }
}

#[test]
fn what_a_list_says_it_sorts_on_is_what_it_sorts_on() {
    // A device type's firmware images sort as the pool does.
    let mut said = [
        ("associations", pool::SORTABLE),
        ("audit_log", audit::SORTABLE),
        ("device_types", device_types::SORTABLE),
        ("devices", devices::SORTABLE),
        ("gateway_tokens", gateway_tokens::SORTABLE),
        ("images", pool::SORTABLE),
        ("partner_users", partner_users::SORTABLE),
        ("pushes", pushes::SORTABLE),
    ]
    .map(|(table, fields)| (table, fields.to_vec()))
    .to_vec();
    let mut found: Vec<_> = LISTS
        .iter()
        .map(|list| {
            // A partner's people are in two tables.
            let table = match list.count.strip_prefix("SELECT COUNT(*) FROM ") {
                Some(rest) => rest.split_whitespace().next().unwrap(),
                None => "partner_users",
            };
            (table, list.columns.iter().map(|(name, _)| *name).collect())
        })
        .collect();
    said.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, said);
}

/// The order of a list is total, or a walk through its pages could miss something.
#[test]
fn every_order_ends_with_a_unique_column_in_the_direction_of_the_last_criterion() {
    for list in LISTS {
        let by = |direction| {
            let sort = vec![Sort { field: list.columns[1].0, direction }];
            list.page_sql(&PageRequest { number: 0, size: 10, sort })
        };
        let (limit, offset) = (list.arguments + 1, list.arguments + 2);
        for (direction, word) in [(Direction::Ascending, "ASC"), (Direction::Descending, "DESC")] {
            let end = format!("NULLS LAST, {} {word} LIMIT ${limit} OFFSET ${offset}", list.tie);
            assert!(by(direction).ends_with(&end), "{}", by(direction));
        }
    }
}

/// One line for each column, index, foreign key and name.
const SQLITE_SHAPE: &str = "
    WITH tables AS (SELECT name, sql FROM sqlite_master
                    WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_sqlx%' ESCAPE '\\')
    SELECT 'column ' || t.name || '.' || c.name || ' '
           || CASE c.type WHEN 'TEXT' THEN 'text' WHEN 'INTEGER' THEN 'integer' WHEN 'BLOB' THEN 'bytes' END
           || CASE WHEN c.\"notnull\" THEN ' not null' ELSE '' END
    FROM tables t, pragma_table_info(t.name) c
    UNION ALL
    SELECT CASE WHEN i.origin = 'pk' THEN 'primary key' WHEN i.\"unique\" THEN 'unique index' ELSE 'index' END
           || ' on ' || t.name || ' ('
           || (SELECT STRING_AGG(c.name, ', ' ORDER BY c.seqno) FROM pragma_index_info(i.name) c) || ')'
           || COALESCE((SELECT SUBSTR(m.sql, INSTR(m.sql, ' WHERE ')) FROM sqlite_master m
                        WHERE m.name = i.name AND i.partial), '')
           || CASE WHEN i.origin = 'c' THEN ' named ' || i.name ELSE '' END
    FROM tables t, pragma_index_list(t.name) i
    UNION ALL
    SELECT 'foreign key from ' || t.name || ' (' || STRING_AGG(f.\"from\", ', ' ORDER BY f.seq) || ') to '
           || f.\"table\" || ' (' || STRING_AGG(f.\"to\", ', ' ORDER BY f.seq) || ') on delete ' || LOWER(f.on_delete)
    FROM tables t, pragma_foreign_key_list(t.name) f GROUP BY t.name, f.id";

/// The same of PostgreSQL. Text that does not compare by bytes is another kind of text.
const POSTGRES_SHAPE: &str = "
    SELECT 'column ' || table_name || '.' || column_name || ' '
           || CASE data_type WHEN 'text' THEN CASE collation_name WHEN 'C' THEN 'text' ELSE 'text by language' END
                             WHEN 'bigint' THEN 'integer' WHEN 'boolean' THEN 'integer' WHEN 'bytea' THEN 'bytes' END
           || CASE is_nullable WHEN 'NO' THEN ' not null' ELSE '' END
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'
    UNION ALL
    SELECT CASE WHEN i.indisprimary THEN 'primary key' WHEN i.indisunique THEN 'unique index' ELSE 'index' END
           || ' on ' || t.relname || ' ('
           || (SELECT STRING_AGG(a.attname, ', ' ORDER BY k.n) FROM UNNEST(i.indkey) WITH ORDINALITY k (number, n)
               JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number) || ')'
           || COALESCE(' WHERE ' || REPLACE(TRANSLATE(PG_GET_EXPR(i.indpred, i.indrelid), '()', ''), '::text', ''), '')
           || CASE WHEN i.indisprimary OR c.oid IS NOT NULL THEN '' ELSE ' named ' || x.relname END
    FROM pg_index i
    JOIN pg_class t ON t.oid = i.indrelid AND t.relnamespace = 'public'::regnamespace
         AND t.relname NOT LIKE '\\_sqlx%'
    JOIN pg_class x ON x.oid = i.indexrelid
    LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'
    UNION ALL
    SELECT 'foreign key from ' || conrelid::regclass || ' ('
           || (SELECT STRING_AGG(a.attname, ', ' ORDER BY k.n) FROM UNNEST(conkey) WITH ORDINALITY k (number, n)
               JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.number) || ') to '
           || confrelid::regclass || ' ('
           || (SELECT STRING_AGG(a.attname, ', ' ORDER BY k.n) FROM UNNEST(confkey) WITH ORDINALITY k (number, n)
               JOIN pg_attribute a ON a.attrelid = confrelid AND a.attnum = k.number) || ') on delete '
           || CASE confdeltype WHEN 'a' THEN 'no action' WHEN 'c' THEN 'cascade' ELSE confdeltype::text END
    FROM pg_constraint WHERE contype = 'f'";

#[tokio::test]
async fn the_schemas_are_the_same_on_both_engines() {
    let (file, database) = (Scratch::on(Engine::Sqlite).await, Scratch::on(Engine::Postgres).await);
    let (mut sqlite, mut postgres) = (migrated_sqlite(&file).await, migrated_postgres(&database).await);

    let on_sqlite: Vec<Option<String>> = sqlx::query_scalar(SQLITE_SHAPE).fetch_all(&mut sqlite).await.unwrap();
    let on_postgres: Vec<Option<String>> = sqlx::query_scalar(POSTGRES_SHAPE).fetch_all(&mut postgres).await.unwrap();
    let lines = |lines: Vec<Option<String>>| -> BTreeSet<String> {
        let total = lines.len();
        let set: BTreeSet<_> =
            lines.into_iter().map(|line| line.expect("every type is one that both have")).collect();
        assert_eq!(set.len(), total, "nothing is there twice");
        set
    };
    let (on_sqlite, on_postgres) = (lines(on_sqlite), lines(on_postgres));
    for kind in ["column", "primary key", "unique index", "index", "foreign key"] {
        assert!(on_sqlite.iter().filter(|line| line.starts_with(kind)).count() > 4, "{kind}");
    }
    let only_sqlite: Vec<_> = on_sqlite.difference(&on_postgres).collect();
    let only_postgres: Vec<_> = on_postgres.difference(&on_sqlite).collect();
    assert_eq!((only_sqlite, only_postgres), (vec![], vec![]));
}

#[tokio::test]
async fn the_names_of_constraints_are_the_same_on_both_engines() {
    let (file, database) = (Scratch::on(Engine::Sqlite).await, Scratch::on(Engine::Postgres).await);
    let (mut sqlite, mut postgres) = (migrated_sqlite(&file).await, migrated_postgres(&database).await);

    let tables: Vec<String> = sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE type = 'table'")
        .fetch_all(&mut sqlite)
        .await
        .unwrap();
    let named = |table: &String| {
        let names = table.split("CONSTRAINT ").skip(1).filter_map(|rest| rest.split_whitespace().next());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let on_sqlite: BTreeSet<String> = tables.iter().flat_map(named).collect();
    let on_postgres: Vec<String> = sqlx::query_scalar(
        "SELECT conname::text FROM pg_constraint WHERE contype = 'u' AND connamespace = 'public'::regnamespace",
    )
    .fetch_all(&mut postgres)
    .await
    .unwrap();
    assert!(on_sqlite.contains("images_version_number"), "{on_sqlite:?}");
    assert_eq!(on_sqlite, on_postgres.into_iter().collect());
}

async fn ask_sqlite(tx: &mut Tx, question: &'static str) -> Result<String, Error> {
    use sqlx::Row as _;

    let database::Engine::Sqlite(connection) = tx.engine() else { panic!("this is a question to SQLite") };
    let row = sqlx::query(question).fetch_one(connection).await?;
    Ok(row.try_get::<String, _>(0).or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string()))?)
}

#[tokio::test]
async fn the_sqlite_writer_is_durable_and_heeds_foreign_keys() {
    let file = Scratch::on(Engine::Sqlite).await;
    let store = Store::open(&DatabaseLocation::Sqlite(file.file())).await.unwrap();
    for (question, expected) in
        [("PRAGMA journal_mode", "wal"), ("PRAGMA synchronous", "2"), ("PRAGMA foreign_keys", "1")]
    {
        let answer = store.write(move |tx| Box::pin(ask_sqlite(tx, question))).await.unwrap();
        assert_eq!(answer, expected, "{question}");
    }
}

#[tokio::test]
async fn a_connection_to_read_with_cannot_write() {
    let file = Scratch::on(Engine::Sqlite).await;
    let store = Store::open(&DatabaseLocation::Sqlite(file.file())).await.unwrap();
    let mut conn = store.read().await.unwrap();
    let database::Engine::Sqlite(connection) = conn.engine() else { panic!("this is SQLite") };
    let refused = connection.execute("DELETE FROM partners").await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
}

/// A write that needs a megabyte.
async fn fill(store: &Store) -> Result<u64, Error> {
    let work = store.write(|tx| {
        Box::pin(async move {
            let large = "x".repeat(1 << 20);
            crate::sql::execute!(tx, "INSERT INTO sequences (name, value) VALUES ($1, 0)", large)
        })
    });
    work.await
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_is_over_when_there_is_room() {
    let file = Scratch::on(Engine::Sqlite).await;
    let store = Store::open(&DatabaseLocation::Sqlite(file.file())).await.unwrap();
    let small = || store.write(|tx| Box::pin(crate::sequences::next_record(tx)));

    store.write(|tx| Box::pin(ask_sqlite(tx, "PRAGMA max_page_count = 1"))).await.unwrap();
    // All enqueued before the writer runs: the first two share a group.
    let (before, full, after) = futures::join!(small(), fill(&store), small());
    assert!(matches!(full, Err(Error::Full(_))), "{full:?}");
    // SQLite rolled back the neighbour that had already run as well: it is told, and told why.
    assert!(matches!(before, Err(Error::Full(_))), "{before:?}");
    assert_eq!(after.unwrap(), 1001, "nothing of the failed group was kept, and the next one is none the worse");

    store.write(|tx| Box::pin(ask_sqlite(tx, "PRAGMA max_page_count = 1000000"))).await.unwrap();
    assert_eq!(fill(&store).await.unwrap(), 1);
    assert_eq!(small().await.unwrap(), 1002);
}

/// It is neither over when one tries again, nor is the store shutting down.
#[tokio::test]
async fn a_device_without_a_next_number_is_unexpected() {
    let file = Scratch::on(Engine::Sqlite).await;
    let store = Store::open(&DatabaseLocation::Sqlite(file.file())).await.unwrap();
    let (partner, id) = (PartnerId::from_uuid(uuid::Uuid::now_v7()), "d".parse::<DeviceId>().unwrap());
    let device = DeviceScope::new(partner, id);

    let unknown = device.clone();
    let missing = store.write(move |tx| Box::pin(async move { devices::next_action(tx, &unknown).await }));
    let missing = missing.await;
    assert!(matches!(missing, Err(Error::Unexpected(_))), "{missing:?}");

    let used_up = store.write(move |tx| {
        Box::pin(async move {
            // It stands alone, and goes with the transaction.
            let database::Engine::Sqlite(connection) = tx.engine() else { panic!("this is SQLite") };
            connection.execute("PRAGMA defer_foreign_keys = ON").await?;
            crate::sql::execute!(
                tx,
                "INSERT INTO devices (partner_id, device_id, device_type_id, friendly_name, config_wanted, last_action,
                                      created_ms)
                 VALUES ($1, 'd', '', '', FALSE, $2, 0)",
                device.partner_id().to_string(),
                i64::from(i32::MAX - 1),
            )?;
            assert_eq!(devices::next_action(tx, &device).await?, i32::MAX);
            devices::next_action(tx, &device).await
        })
    });
    let used_up = used_up.await;
    assert!(matches!(used_up, Err(Error::Unexpected(_))), "{used_up:?}");
}

#[tokio::test]
async fn who_could_not_begin_is_told_why() {
    let file = Scratch::on(Engine::Sqlite).await;
    let store = Store::open(&DatabaseLocation::Sqlite(file.file())).await.unwrap();
    let write = || store.write(|tx| Box::pin(crate::sequences::next_record(tx)));
    store.write(|tx| Box::pin(ask_sqlite(tx, "PRAGMA busy_timeout = 1"))).await.unwrap();

    let mut other = SqliteConnectOptions::new().filename(file.file()).connect().await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let refused = futures::join!(write(), write());
    assert!(matches!(refused, (Err(Error::Unavailable(_)), Err(Error::Unavailable(_)))), "{refused:?}");

    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(write().await.unwrap(), 1001, "the writer is none the worse");
}
