//! How often a server writes to its database, as the database itself counts.

use std::path::PathBuf;

use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::{Server, postgres_url_of};

/// Where SQLite counts its transactions that write, in the header of the index of its write-ahead log.
const COUNTED_AT: usize = 8;

/// Counts the transactions of one server that write.
pub enum Writes {
    /// By the index of the write-ahead log.
    Sqlite(PathBuf),
    /// By a trigger on each table, which counts the first statement of a transaction.
    Postgres(Box<PgConnection>),
}

impl Writes {
    /// Begins to count.
    pub async fn count(server: &Server) -> Self {
        let Some(database) = server.database() else { return Self::Sqlite(server.data().join("otaria.db-shm")) };
        let mut connection = PgConnection::connect(&postgres_url_of(database)).await.unwrap();
        let counting = "
            CREATE SEQUENCE writes_counted;
            CREATE FUNCTION count_write() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN
                    IF current_setting(''writes.counted'', true) IS DISTINCT FROM ''yes'' THEN
                        PERFORM set_config(''writes.counted'', ''yes'', true), nextval(''writes_counted'');
                    END IF;
                    RETURN NULL;
                END';
            DO $$ DECLARE name text; BEGIN
                FOR name IN SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' LOOP
                    EXECUTE format('CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON %I
                                    FOR EACH STATEMENT EXECUTE FUNCTION count_write()', name);
                END LOOP;
            END $$";
        connection.execute(sqlx::raw_sql(counting)).await.unwrap();
        Self::Postgres(Box::new(connection))
    }

    /// How many there have been, from some beginning.
    pub async fn so_far(&mut self) -> u64 {
        match self {
            Self::Sqlite(index) => {
                let header = std::fs::read(index).unwrap();
                u64::from(u32::from_ne_bytes(header[COUNTED_AT..][..4].try_into().unwrap()))
            }
            Self::Postgres(connection) => {
                // Zero before the first, and it is not called then.
                let count = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM writes_counted";
                let (count,): (i64,) = sqlx::query_as(count).fetch_one(connection.as_mut()).await.unwrap();
                u64::try_from(count).unwrap()
            }
        }
    }
}
