//! What a device sent that could not be read as it was, for whoever has to find out why.

use otaria_core::unreadable::{KEPT, Outcome, is_alike};
use otaria_core::{DeviceId, Timestamp};

use crate::scopes::{DeviceScope, ViewPartner};
use crate::sql::{execute, fetch_all, fetch_optional};
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

macro_rules! select {
    ($rest:expr) => {
        concat!(
            "SELECT sequence, request, outcome, reason, media_type, body, length, times, first_ms, last_ms
             FROM device_unreadable WHERE partner_id = $1 AND device_id = $2 ORDER BY sequence DESC",
            $rest
        )
    };
}

/// What the partner's device sent, newest first.
pub async fn of_device(conn: &mut Conn, scope: &ViewPartner, device: &DeviceId) -> Result<Vec<Unreadable>, Error> {
    let rows: Vec<Row> = fetch_all!(conn, select!(""), scope.partner_id().to_string(), device.as_str())?;
    rows.into_iter().map(Unreadable::try_from).collect()
}

/// Adds what a locked device sent, oldest first. What repeats the one before is counted with it, and of the others
/// the last [`KEPT`] stay.
pub async fn add(tx: &mut Tx, scope: &DeviceScope, sent: Vec<Unreadable>) -> Result<(), Error> {
    let (partner, device) = (scope.partner_id().to_string(), scope.device_id().as_str());
    let latest: Option<Row> = fetch_optional!(tx, select!(" LIMIT 1"), &partner, device)?;
    let mut sequence = latest.as_ref().map_or(0, |row| row.sequence);
    let mut latest = latest.map(Unreadable::try_from).transpose()?;
    for next in sent {
        latest = Some(match latest.take() {
            Some(before) if before.is_repeated_by(&next) => before.repeated(next),
            _ => {
                sequence += 1;
                next
            }
        });
        if let Some(entry) = &latest {
            set(tx, scope, sequence, entry).await?;
        }
    }
    let kept = i64::try_from(KEPT).unwrap_or(i64::MAX);
    execute!(
        tx,
        "DELETE FROM device_unreadable WHERE partner_id = $1 AND device_id = $2 AND sequence <= $3",
        &partner,
        device,
        sequence - kept,
    )?;
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
