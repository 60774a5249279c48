//! What becomes of a partner's pushes, in the order in which it happened, for those who listen.
//!
//! The rows are the truth; a wake-up only says that there may be new ones. Whoever listens keeps the number of the
//! last event they saw, and reads on from there. Events are kept for a while; a push's own history stays.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use otaria_core::push::PushState;
use otaria_core::{DeviceId, DeviceTypeId, FirmwareType, PartnerId, PushId, Timestamp, VersionNumber};
use tokio::sync::watch;

use crate::scopes::{InstallationScope, ViewPartner};
use crate::sql::{execute, fetch_all, fetch_one};
use crate::{Conn, Error, Store, Tx, sequences};

/// An event that waits for its transaction to end.
pub(crate) struct NewEvent {
    pub(crate) push: PushId,
    pub(crate) at: Timestamp,
    pub(crate) state: PushState,
    pub(crate) progress: Option<u8>,
    pub(crate) message: Option<String>,
}

/// Something that became of a push.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its number among the partner's events: increasing, without a gap.
    pub sequence: i64,
    /// When it happened.
    pub at: Timestamp,
    /// The push.
    pub push_id: PushId,
    /// To which device.
    pub device_id: DeviceId,
    /// The device's type.
    pub device_type_id: DeviceTypeId,
    /// Of which firmware type.
    pub firmware_type: FirmwareType,
    /// What it delivers.
    pub version_number: VersionNumber,
    /// What it delivers, in the maker's words.
    pub version: String,
    /// The state from then on.
    pub state: PushState,
    /// How much of that state was done, in percent.
    pub progress: Option<u8>,
    /// What was said.
    pub message: Option<String>,
}

#[derive(sqlx::FromRow)]
struct EventRow {
    sequence: i64,
    at_ms: i64,
    push_id: String,
    device_id: String,
    device_type_id: String,
    r#type: i64,
    version_number: i64,
    version: String,
    state: String,
    progress: Option<i64>,
    message: Option<String>,
}

impl TryFrom<EventRow> for Event {
    type Error = Error;

    fn try_from(row: EventRow) -> Result<Self, Error> {
        Ok(Self {
            sequence: row.sequence,
            at: Timestamp::from_millis(row.at_ms),
            push_id: row.push_id.parse()?,
            device_id: row.device_id.parse()?,
            device_type_id: row.device_type_id.parse()?,
            firmware_type: row.r#type.try_into()?,
            version_number: VersionNumber::from_i64(row.version_number),
            version: row.version,
            state: row.state.parse()?,
            progress: row.progress.and_then(|progress| u8::try_from(progress).ok()),
            message: row.message,
        })
    }
}

/// Adds to a partner's events.
pub(crate) async fn append(tx: &mut Tx, partner: PartnerId, events: Vec<NewEvent>) -> Result<(), Error> {
    for event in events {
        let sequence = sequences::next_event(tx, partner).await?;
        execute!(
            tx,
            "INSERT INTO push_events (partner_id, sequence, push_id, at_ms, state, progress, message)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            partner.to_string(),
            sequence,
            event.push.to_string(),
            event.at.as_millis(),
            event.state.as_str(),
            event.progress.map(i64::from),
            event.message,
        )?;
    }
    Ok(())
}

/// Which of a partner's events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The number of the last event ever; 0 if there was none.
    pub last: i64,
    /// The number of the oldest event that is kept; one more than `last` if none is.
    pub oldest: i64,
}

/// Which of the partner's events are kept.
pub async fn kept(conn: &mut Conn, scope: &ViewPartner) -> Result<Kept, Error> {
    let last = sequences::last_event(conn, scope.partner_id()).await?;
    let (oldest,): (Option<i64>,) = fetch_one!(
        conn,
        "SELECT MIN(sequence) FROM push_events WHERE partner_id = $1",
        scope.partner_id().to_string(),
    )?;
    Ok(Kept { last, oldest: oldest.unwrap_or(last + 1) })
}

macro_rules! select_event {
    ($rest:expr) => {
        concat!(
            "SELECT e.sequence, e.at_ms, e.push_id, p.device_id, p.device_type_id, p.type, p.version_number, p.version,
                    e.state, e.progress, e.message
             FROM push_events e JOIN pushes p ON p.partner_id = e.partner_id AND p.push_id = e.push_id ",
            $rest
        )
    };
}

/// Up to `limit` of the partner's events after the one numbered `after`, oldest first.
pub async fn after(conn: &mut Conn, scope: &ViewPartner, after: i64, limit: i64) -> Result<Vec<Event>, Error> {
    let rows: Vec<EventRow> = fetch_all!(
        conn,
        select_event!("WHERE e.partner_id = $1 AND e.sequence > $2 ORDER BY e.sequence LIMIT $3"),
        scope.partner_id().to_string(),
        after,
        limit,
    )?;
    rows.into_iter().map(Event::try_from).collect()
}

/// The same of one push.
pub async fn of_push_after(
    conn: &mut Conn,
    scope: &ViewPartner,
    push: PushId,
    after: i64,
    limit: i64,
) -> Result<Vec<Event>, Error> {
    let rows: Vec<EventRow> = fetch_all!(
        conn,
        select_event!("WHERE e.partner_id = $1 AND e.push_id = $2 AND e.sequence > $3 ORDER BY e.sequence LIMIT $4"),
        scope.partner_id().to_string(),
        push.to_string(),
        after,
        limit,
    )?;
    rows.into_iter().map(Event::try_from).collect()
}

/// Forgets the events from before `before`, up to `limit` at a time, the oldest first. Returns how many.
pub async fn forget(tx: &mut Tx, _: &InstallationScope, before: Timestamp, limit: i64) -> Result<u64, Error> {
    execute!(
        tx,
        "DELETE FROM push_events WHERE (partner_id, sequence) IN
               (SELECT partner_id, sequence FROM push_events WHERE at_ms < $1
                ORDER BY at_ms, partner_id, sequence LIMIT $2)",
        before.as_millis(),
        limit,
    )
}

/// Wakes whoever listens to a partner.
#[derive(Clone, Default)]
pub(crate) struct Bell(Arc<Mutex<HashMap<PartnerId, watch::Sender<()>>>>);

impl Bell {
    fn listen(&self, partner: PartnerId) -> watch::Receiver<()> {
        let mut listened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listened.entry(partner).or_insert_with(|| watch::Sender::new(())).subscribe()
    }

    pub(crate) fn ring(&self, partners: &[PartnerId]) {
        let mut listened = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for partner in partners {
            if listened.get(partner).is_some_and(|sender| sender.send(()).is_err()) {
                listened.remove(partner);
            }
        }
    }
}

impl Store {
    /// Tells when the partner may have new events. Those that another process wrote are not told: look every few
    /// seconds as well.
    pub fn listen(&self, scope: &ViewPartner) -> watch::Receiver<()> {
        self.0.bell().listen(scope.partner_id())
    }
}
