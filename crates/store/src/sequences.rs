//! Numbers that are given out once, in the order in which they become visible.
//!
//! A row a sequence, not an engine's own sequence: the row stays locked until the transaction ends, so whoever
//! reads by ascending id never finds a smaller one later.

use otaria_core::{FirmwareType, PartnerId, VersionNumber};

use crate::sql::{fetch_one, fetch_optional};
use crate::{Conn, Error, Tx};

/// The next id of a record. One sequence for all kinds, so that the id of one is never the id of another.
pub(crate) async fn next_record(tx: &mut Tx) -> Result<i64, Error> {
    next(tx, "record".to_owned()).await
}

/// The next version number of a firmware type, over the whole installation.
pub(crate) async fn next_version_number(tx: &mut Tx, firmware_type: FirmwareType) -> Result<VersionNumber, Error> {
    next(tx, format!("version.{firmware_type}")).await.map(VersionNumber::from_i64)
}

/// The last version number of a firmware type that was given out; none if there was none.
pub(crate) async fn last_version_number(
    conn: &mut Conn,
    firmware_type: FirmwareType,
) -> Result<Option<VersionNumber>, Error> {
    let row: Option<(i64,)> =
        fetch_optional!(conn, "SELECT value FROM sequences WHERE name = $1", format!("version.{firmware_type}"))?;
    Ok(row.map(|(value,)| VersionNumber::from_i64(value)))
}

/// The next number among a partner's events.
pub(crate) async fn next_event(tx: &mut Tx, partner: PartnerId) -> Result<i64, Error> {
    next(tx, format!("event.{partner}")).await
}

/// The number of the partner's last event; 0 if there was none.
pub(crate) async fn last_event(conn: &mut Conn, partner: PartnerId) -> Result<i64, Error> {
    let row: Option<(i64,)> =
        fetch_optional!(conn, "SELECT value FROM sequences WHERE name = $1", format!("event.{partner}"))?;
    Ok(row.map_or(0, |(value,)| value))
}

async fn next(tx: &mut Tx, name: String) -> Result<i64, Error> {
    let (value,): (i64,) = fetch_one!(
        tx,
        "INSERT INTO sequences (name, value) VALUES ($1, 1)
         ON CONFLICT (name) DO UPDATE SET value = sequences.value + 1
         RETURNING value",
        name,
    )?;
    Ok(value)
}
