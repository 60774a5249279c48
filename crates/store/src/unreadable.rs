//! What a device sent that could not be read as it was, for whoever has to find out why.

use std::collections::BTreeSet;

use otaria_core::unreadable::{KEPT, Outcome, is_alike, missed_least};
use otaria_core::{DeviceId, PartnerId, Timestamp};

use crate::scopes::{DeviceScope, ViewPartner};
use crate::sql::{execute, fetch_all};
use crate::{Conn, Error, Tx};

/// Something that could not be read as it was, and how often it came in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The request: its method, and its path below the device's base resource.
    pub request: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Why.
    pub reason: String,
    /// What it was said to be.
    pub media_type: Option<String>,
    /// The beginning of its body, printable.
    pub body: String,
    /// How many bytes of a body came.
    pub length: i64,
    /// How often it came.
    pub times: i64,
    /// When it came first.
    pub first: Timestamp,
    /// When it came last; all the rest is as it was then.
    pub last: Timestamp,
}

impl Unreadable {
    /// Whether `next` is the same once more.
    pub fn is_repeated_by(&self, next: &Self) -> bool {
        self.request == next.request
            && self.outcome == next.outcome
            && self.media_type == next.media_type
            && is_alike(&self.reason, &next.reason)
            && is_alike(&self.body, &next.body)
    }

    /// Whether `other` is of the same kind: the same request refused for the same reason, or both without a body, as
    /// whatever somebody types.
    pub fn is_akin_to(&self, other: &Self) -> bool {
        match (self.body.is_empty(), other.body.is_empty()) {
            (true, true) => true,
            (false, false) => is_alike(&self.request, &other.request) && is_alike(&self.reason, &other.reason),
            _ => false,
        }
    }

    /// This and its repetition as one.
    pub fn repeated(self, next: Self) -> Self {
        Self { first: self.first, times: self.times.saturating_add(next.times), ..next }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    sequence: i64,
    request: String,
    outcome: String,
    reason: String,
    media_type: Option<String>,
    body: String,
    length: i64,
    times: i64,
    first_ms: i64,
    last_ms: i64,
}

impl TryFrom<Row> for Unreadable {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            request: row.request,
            outcome: row.outcome.parse()?,
            reason: row.reason,
            media_type: row.media_type,
            body: row.body,
            length: row.length,
            times: row.times,
            first: Timestamp::from_millis(row.first_ms),
            last: Timestamp::from_millis(row.last_ms),
        })
    }
}

async fn rows(conn: &mut Conn, partner: PartnerId, device: &DeviceId) -> Result<Vec<Row>, Error> {
    fetch_all!(
        conn,
        "SELECT sequence, request, outcome, reason, media_type, body, length, times, first_ms, last_ms
         FROM device_unreadable WHERE partner_id = $1 AND device_id = $2 ORDER BY sequence DESC",
        partner.to_string(),
        device.as_str(),
    )
}

/// What the partner's device sent, newest first.
pub async fn of_device(conn: &mut Conn, scope: &ViewPartner, device: &DeviceId) -> Result<Vec<Unreadable>, Error> {
    rows(conn, scope.partner_id(), device).await?.into_iter().map(Unreadable::try_from).collect()
}

/// Adds what a locked device sent, oldest first. What repeats the one before is counted with it, and of the others
/// [`KEPT`] stay: what is missed least is forgotten.
pub async fn add(tx: &mut Tx, scope: &DeviceScope, sent: Vec<Unreadable>) -> Result<(), Error> {
    let rows = rows(tx, scope.partner_id(), scope.device_id()).await?;
    let mut sequence = rows.first().map_or(0, |row| row.sequence);
    let known = rows.into_iter().rev().map(|row| Ok((row.sequence, Unreadable::try_from(row)?)));
    let mut kept: Vec<(i64, Unreadable)> = known.collect::<Result<_, Error>>()?;
    let (mut changed, mut forgotten) = (BTreeSet::new(), Vec::new());
    for next in sent {
        let (at, entry) = match kept.pop() {
            Some((at, before)) if before.is_repeated_by(&next) => (at, before.repeated(next)),
            before => {
                kept.extend(before);
                sequence += 1;
                (sequence, next)
            }
        };
        changed.insert(at);
        kept.push((at, entry));
        if kept.len() > KEPT
            && let Some(index) = missed_least(&kept, |(_, one), (_, other)| one.is_akin_to(other))
        {
            forgotten.push(kept.remove(index).0);
        }
    }
    for at in forgotten {
        execute!(
            tx,
            "DELETE FROM device_unreadable WHERE partner_id = $1 AND device_id = $2 AND sequence = $3",
            scope.partner_id().to_string(),
            scope.device_id().as_str(),
            at,
        )?;
    }
    for (at, entry) in kept.iter().filter(|(at, _)| changed.contains(at)) {
        set(tx, scope, *at, entry).await?;
    }
    Ok(())
}

async fn set(tx: &mut Tx, scope: &DeviceScope, sequence: i64, entry: &Unreadable) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO device_unreadable (partner_id, device_id, sequence, request, outcome, reason, media_type, body,
                                        length, times, first_ms, last_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (partner_id, device_id, sequence) DO UPDATE
         SET reason = excluded.reason, body = excluded.body, length = excluded.length, times = excluded.times,
             last_ms = excluded.last_ms",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        sequence,
        &entry.request,
        entry.outcome.as_str(),
        &entry.reason,
        &entry.media_type,
        &entry.body,
        entry.length,
        entry.times,
        entry.first.as_millis(),
        entry.last.as_millis(),
    )?;
    Ok(())
}
