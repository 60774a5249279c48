//! Pushes and their histories. The rules of a push's life are in `otaria_core::push`; here they are remembered.

use otaria_core::page::{Page, PageRequest};
use otaria_core::push::{Change, Confirmation, Entry, Push, PushState, Terms};
use otaria_core::{
    AssociationId, DeviceId, DeviceTypeId, FirmwareType, ImageId, PartnerId, PushId, Timestamp, VersionNumber,
};

use crate::events::NewEvent;
use crate::firmware_images::FirmwareImage;
use crate::lists::{List, fetch_page, list};
use crate::scopes::{DeviceScope, InstallationScope, ManagePartner, ViewPartner};
use crate::sql::{execute, fetch_all, fetch_one, fetch_optional};
use crate::{Conn, Error, Tx, device_types, devices};

/// How many entries of a push's history are kept; the oldest go first. The first of each state stays besides: by them is
/// known when it got there, however much was said since.
const ENTRIES_KEPT: i64 = 1000;

/// A push, with what it delivers and to whom.
#[derive(Clone, Debug)]
pub struct PushRecord {
    /// The part that the rules decide on.
    pub push: Push,
    /// The device's own number for it, counted from 1.
    pub action: i32,
    /// To which device.
    pub device_id: DeviceId,
    /// Its device type when it was pushed.
    pub device_type_id: DeviceTypeId,
    /// The association that was pushed.
    pub association_id: AssociationId,
    /// Whose image it is.
    pub image_partner_id: PartnerId,
    /// The image.
    pub image_id: ImageId,
    /// The image's friendly version when it was pushed.
    pub version: String,
    /// Who asked for it, in words.
    pub requested_by: String,
}

#[derive(sqlx::FromRow)]
struct PushRow {
    push_id: String,
    device_id: String,
    action: i64,
    device_type_id: String,
    association_id: i64,
    image_partner_id: String,
    image_id: i64,
    r#type: i64,
    version_number: i64,
    version: String,
    requested_by: String,
    confirmation: Option<String>,
    version_within_ms: Option<i64>,
    awaits_version: bool,
    state: String,
    before_cancelling: Option<String>,
    progress: Option<i64>,
    message: Option<String>,
    deadline_ms: Option<i64>,
    check_ms: Option<i64>,
    created_ms: i64,
    updated_ms: i64,
    started_ms: Option<i64>,
    finished_ms: Option<i64>,
}

fn terms(confirmation: Option<&str>, version_within_ms: Option<i64>) -> Result<Terms, Error> {
    let confirmation = match confirmation {
        None => Confirmation::NotAsked,
        Some(text) => text.parse()?,
    };
    Ok(Terms { confirmation, success: device_types::success(version_within_ms) })
}

impl TryFrom<PushRow> for PushRecord {
    type Error = Error;

    fn try_from(row: PushRow) -> Result<Self, Error> {
        Ok(Self {
            push: Push {
                id: row.push_id.parse()?,
                firmware_type: row.r#type.try_into()?,
                version_number: VersionNumber::from_i64(row.version_number),
                terms: terms(row.confirmation.as_deref(), row.version_within_ms)?,
                state: row.state.parse()?,
                awaits_version: row.awaits_version,
                before_cancelling: row.before_cancelling.as_deref().map(str::parse).transpose()?,
                progress: row.progress.and_then(|progress| u8::try_from(progress).ok()),
                message: row.message,
                deadline: row.deadline_ms.map(Timestamp::from_millis),
                check_at: row.check_ms.map(Timestamp::from_millis),
                created: Timestamp::from_millis(row.created_ms),
                updated: Timestamp::from_millis(row.updated_ms),
                started: row.started_ms.map(Timestamp::from_millis),
                finished: row.finished_ms.map(Timestamp::from_millis),
            },
            action: i32::try_from(row.action).unwrap_or(i32::MAX),
            device_id: row.device_id.parse()?,
            device_type_id: row.device_type_id.parse()?,
            association_id: AssociationId::from_i64(row.association_id),
            image_partner_id: row.image_partner_id.parse()?,
            image_id: ImageId::from_i64(row.image_id),
            version: row.version,
            requested_by: row.requested_by,
        })
    }
}

fn records(rows: Vec<PushRow>) -> Result<Vec<PushRecord>, Error> {
    rows.into_iter().map(PushRecord::try_from).collect()
}

macro_rules! select_push {
    ($rest:expr) => {
        concat!(
            "SELECT p.push_id, p.device_id, p.action, p.device_type_id, p.association_id, p.image_partner_id,
                    p.image_id, p.type, p.version_number, p.version, p.requested_by, p.confirmation,
                    p.version_within_ms, p.awaits_version, p.state, p.before_cancelling, p.progress, p.message, p.deadline_ms, p.check_ms, p.created_ms, p.updated_ms, p.started_ms,
                    p.finished_ms
             FROM pushes p ",
            $rest
        )
    };
}

/// What a list of pushes can be sorted on.
pub const SORTABLE: &[&str] = &[
    "id",
    "deviceId",
    "deviceTypeId",
    "type",
    "versionNumber",
    "version",
    "state",
    "createdTimestamp",
    "updatedTimestamp",
];

/// Which of a partner's pushes to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// To this device; empty: any.
    pub device_id: String,
    /// Of this firmware type.
    pub firmware_type: Option<FirmwareType>,
    /// In this state.
    pub state: Option<PushState>,
}

macro_rules! push_filter {
    () => {
        "WHERE p.partner_id = $1 AND ($2 = '' OR p.device_id = $2)
           AND (CAST($3 AS BIGINT) = 0 OR p.type = $3) AND ($4 = '' OR p.state = $4)"
    };
}

list!(
    PUSHES = List {
        select: select_push!(push_filter!()),
        count: concat!("SELECT COUNT(*) FROM pushes p ", push_filter!()),
        arguments: 4,
        columns: &[
            ("id", "p.push_id"),
            ("deviceId", "p.device_id"),
            ("deviceTypeId", "p.device_type_id"),
            ("type", "p.type"),
            ("versionNumber", "p.version_number"),
            ("version", "p.version"),
            ("state", "p.state"),
            ("createdTimestamp", "p.created_ms"),
            ("updatedTimestamp", "p.updated_ms"),
        ],
        tie: "p.push_id",
    }
);

/// A page of the partner's pushes.
pub async fn page(
    conn: &mut Conn,
    scope: &ViewPartner,
    filter: &Filter,
    request: &PageRequest,
) -> Result<Page<PushRecord>, Error> {
    let partner = scope.partner_id().to_string();
    let number = filter.firmware_type.map_or(0, |firmware_type| i64::from(firmware_type.number()));
    let state = filter.state.map_or("", PushState::as_str);
    let (rows, total_elements) =
        fetch_page!(conn, PUSHES, request, PushRow, &partner, &filter.device_id, number, state)?;
    Ok(Page { content: records(rows)?, total_elements })
}

/// The partner's push of this id.
pub async fn get(conn: &mut Conn, scope: &ViewPartner, id: PushId) -> Result<Option<PushRecord>, Error> {
    let row: Option<PushRow> = fetch_optional!(
        conn,
        select_push!("WHERE p.partner_id = $1 AND p.push_id = $2"),
        scope.partner_id().to_string(),
        id.to_string(),
    )?;
    row.map(PushRecord::try_from).transpose()
}

/// One entry of a push's history.
#[derive(Clone, Debug)]
pub struct HistoryEntry {
    /// When it happened.
    pub at: Timestamp,
    /// The state then, and what was said.
    pub entry: Entry,
    /// How often the device said so in a row.
    pub times: i64,
}

#[derive(sqlx::FromRow)]
struct HistoryRow {
    at_ms: i64,
    state: String,
    message: Option<String>,
    details: String,
    times: i64,
}

#[derive(sqlx::FromRow)]
struct SaidRow {
    push_id: String,
    #[sqlx(flatten)]
    entry: HistoryRow,
}

impl TryFrom<HistoryRow> for HistoryEntry {
    type Error = Error;

    fn try_from(row: HistoryRow) -> Result<Self, Error> {
        let details = serde_json::from_str(&row.details)?;
        let entry = Entry { state: row.state.parse()?, message: row.message, details };
        Ok(Self { at: Timestamp::from_millis(row.at_ms), entry, times: row.times })
    }
}

/// The history of the partner's push, newest first.
pub async fn history(conn: &mut Conn, scope: &ViewPartner, id: PushId) -> Result<Vec<HistoryEntry>, Error> {
    let rows: Vec<HistoryRow> = fetch_all!(
        conn,
        "SELECT at_ms, state, message, details, times FROM push_history
         WHERE partner_id = $1 AND push_id = $2 ORDER BY sequence DESC",
        scope.partner_id().to_string(),
        id.to_string(),
    )?;
    rows.into_iter().map(HistoryEntry::try_from).collect()
}

/// What the history of the device's own push gained last: up to `limit` entries, newest first.
pub async fn recent_entries(
    conn: &mut Conn,
    scope: &DeviceScope,
    id: PushId,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let rows: Vec<HistoryRow> = fetch_all!(
        conn,
        "SELECT h.at_ms, h.state, h.message, h.details, h.times
         FROM push_history h JOIN pushes p ON p.partner_id = h.partner_id AND p.push_id = h.push_id
         WHERE h.partner_id = $1 AND h.push_id = $2 AND p.device_id = $3 ORDER BY h.sequence DESC LIMIT $4",
        scope.partner_id().to_string(),
        id.to_string(),
        scope.device_id().as_str(),
        limit,
    )?;
    rows.into_iter().map(|row| HistoryEntry::try_from(row).map(|found| found.entry)).collect()
}

/// Counts that a locked device said once more what it said last about its push.
pub async fn count_repetition(tx: &mut Tx, scope: &DeviceScope, id: PushId) -> Result<(), Error> {
    execute!(
        tx,
        "UPDATE push_history SET times = times + 1 WHERE partner_id = $1 AND push_id = $2 AND sequence =
               (SELECT MAX(h.sequence) FROM push_history h JOIN pushes p
                ON p.partner_id = h.partner_id AND p.push_id = h.push_id
                WHERE h.partner_id = $1 AND h.push_id = $2 AND p.device_id = $3)",
        scope.partner_id().to_string(),
        id.to_string(),
        scope.device_id().as_str(),
    )?;
    Ok(())
}

/// The device's pushes that have not ended, oldest first.
pub async fn open(conn: &mut Conn, scope: &DeviceScope) -> Result<Vec<PushRecord>, Error> {
    records(fetch_all!(
        conn,
        select_push!("WHERE p.partner_id = $1 AND p.device_id = $2 AND p.finished_ms IS NULL ORDER BY p.action"),
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
    )?)
}

/// The latest of the device's pushes of each firmware type that have ended.
pub async fn last_ended(conn: &mut Conn, scope: &DeviceScope) -> Result<Vec<PushRecord>, Error> {
    records(fetch_all!(
        conn,
        select_push!(
            "WHERE p.partner_id = $1 AND p.device_id = $2 AND p.action IN
                   (SELECT MAX(e.action) FROM pushes e
                    WHERE e.partner_id = $1 AND e.device_id = $2 AND e.finished_ms IS NOT NULL GROUP BY e.type)
             ORDER BY p.type"
        ),
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
    )?)
}

/// What was last said about any of the device's pushes: up to `limit` entries with words, newest first.
pub async fn last_said(
    conn: &mut Conn,
    scope: &DeviceScope,
    limit: i64,
) -> Result<Vec<(PushId, HistoryEntry)>, Error> {
    let rows: Vec<SaidRow> = fetch_all!(
        conn,
        "SELECT p.push_id, h.at_ms, h.state, h.message, h.details, h.times
         FROM pushes p JOIN push_history h ON h.partner_id = p.partner_id AND h.push_id = p.push_id
         WHERE p.partner_id = $1 AND p.device_id = $2 AND h.message IS NOT NULL
         ORDER BY h.at_ms DESC, p.action DESC, h.sequence DESC LIMIT $3",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        limit,
    )?;
    rows.into_iter().map(|row| Ok((row.push_id.parse()?, row.entry.try_into()?))).collect()
}

/// The device's push by its own number for it.
pub async fn by_action(conn: &mut Conn, scope: &DeviceScope, action: i32) -> Result<Option<PushRecord>, Error> {
    let row: Option<PushRow> = fetch_optional!(
        conn,
        select_push!("WHERE p.partner_id = $1 AND p.device_id = $2 AND p.action = $3"),
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        i64::from(action),
    )?;
    row.map(PushRecord::try_from).transpose()
}

/// How often the device began to download what its push delivers, as far as that was counted.
pub async fn downloads(conn: &mut Conn, scope: &DeviceScope, action: i32) -> Result<i64, Error> {
    let row: Option<(i64,)> = fetch_optional!(
        conn,
        "SELECT downloads FROM pushes WHERE partner_id = $1 AND device_id = $2 AND action = $3",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        i64::from(action),
    )?;
    Ok(row.map_or(0, |(downloads,)| downloads))
}

/// Counts that the device begins to download what its push delivers. Returns how often it has by now.
pub async fn count_download(tx: &mut Tx, scope: &DeviceScope, action: i32) -> Result<i64, Error> {
    let row: Option<(i64,)> = fetch_optional!(
        tx,
        "UPDATE pushes SET downloads = downloads + 1 WHERE partner_id = $1 AND device_id = $2 AND action = $3
         RETURNING downloads",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        i64::from(action),
    )?;
    Ok(row.map_or(0, |(downloads,)| downloads))
}

/// What a push to this device delivers, in its makers' words.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PushedImage {
    /// The image's name.
    pub name: String,
    /// What such firmware is called to devices, where its firmware type says.
    pub part: Option<String>,
}

/// The image that a push to this device delivers.
pub async fn image(conn: &mut Conn, scope: &DeviceScope, action: i32) -> Result<Option<PushedImage>, Error> {
    fetch_optional!(
        conn,
        "SELECT i.name, t.part
         FROM pushes p
         JOIN images i ON i.partner_id = p.image_partner_id AND i.id = p.image_id
         LEFT JOIN firmware_types t ON t.partner_id = i.partner_id AND t.type = i.type
         WHERE p.partner_id = $1 AND p.device_id = $2 AND p.action = $3",
        scope.partner_id().to_string(),
        scope.device_id().as_str(),
        i64::from(action),
    )
}

/// The partner's push, with its device locked until the transaction ends.
pub async fn lock(
    tx: &mut Tx,
    scope: &ManagePartner,
    id: PushId,
) -> Result<Option<(PushRecord, DeviceScope)>, Error> {
    let Some(found) = get(tx, scope, id).await? else { return Ok(None) };
    let device = DeviceScope::new(scope.partner_id(), found.device_id);
    devices::lock(tx, &device).await?;
    Ok(get(tx, scope, id).await?.map(|record| (record, device)))
}

/// The scopes of the devices that an association was offered to and that have not fetched it.
pub async fn devices_offered(
    conn: &mut Conn,
    scope: &ManagePartner,
    association: AssociationId,
) -> Result<Vec<DeviceScope>, Error> {
    let rows: Vec<(String,)> = fetch_all!(
        conn,
        "SELECT device_id FROM pushes
         WHERE partner_id = $1 AND association_id = $2 AND state = 'offered' ORDER BY device_id",
        scope.partner_id().to_string(),
        association.as_i64(),
    )?;
    rows.into_iter().map(|(device,)| Ok(DeviceScope::new(scope.partner_id(), device.parse()?))).collect()
}

/// Fixes the binary of an image that is about to be pushed: from now on it cannot be exchanged. False if the
/// image has another binary by now.
pub async fn fix_binary(tx: &mut Tx, _: &ManagePartner, image: &FirmwareImage) -> Result<bool, Error> {
    let touched = execute!(
        tx,
        "UPDATE images SET was_pushed = TRUE WHERE partner_id = $1 AND id = $2 AND sha256 = $3",
        image.partner_id.to_string(),
        image.image_id.as_i64(),
        image.content.link.binary().map(|sha256| sha256.as_bytes().to_vec()),
    )?;
    Ok(touched == 1)
}

/// Stores a new push of an associated image to a locked device, under the device's next number.
///
/// # Errors
/// [`Error::Duplicate`] if the device has a live push of this type: the second wall behind the rules.
pub async fn insert(
    tx: &mut Tx,
    device: &DeviceScope,
    push: Push,
    image: &FirmwareImage,
    requested_by: &str,
) -> Result<PushRecord, Error> {
    let record = PushRecord {
        action: devices::next_action(tx, device).await?,
        device_id: device.device_id().clone(),
        device_type_id: image.device_type_id,
        association_id: image.id,
        image_partner_id: image.partner_id,
        image_id: image.image_id,
        version: image.content.version.clone(),
        requested_by: requested_by.to_owned(),
        push,
    };
    execute!(
        tx,
        "INSERT INTO pushes (partner_id, push_id, device_id, action, device_type_id, association_id,
                             image_partner_id, image_id, type, version_number, version, requested_by, state,
                             deadline_ms, check_ms, created_ms, updated_ms, confirmation, version_within_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16, $17, $18)",
        device.partner_id().to_string(),
        record.push.id.to_string(),
        record.device_id.as_str(),
        i64::from(record.action),
        record.device_type_id.to_string(),
        record.association_id.as_i64(),
        record.image_partner_id.to_string(),
        record.image_id.as_i64(),
        i64::from(record.push.firmware_type.number()),
        record.push.version_number.as_i64(),
        &record.version,
        &record.requested_by,
        record.push.state.as_str(),
        record.push.deadline.map(Timestamp::as_millis),
        record.push.check_at.map(Timestamp::as_millis),
        record.push.created.as_millis(),
        record.push.terms.confirmation.as_str(),
        device_types::version_within_ms(record.push.terms.success),
    )?;
    let entry = Entry { state: record.push.state, message: None, details: Vec::new() };
    insert_entry(tx, device, record.push.id, &entry, record.push.created).await?;
    announce(tx, device, &record.push, entry.message, record.push.created);
    Ok(record)
}

/// Stores what became of a push of a locked device, and what its history gains by it.
pub async fn save(tx: &mut Tx, device: &DeviceScope, change: &Change, now: Timestamp) -> Result<(), Error> {
    let push = &change.push;
    let now = now.max(push.updated);
    let before: Option<(String, Option<i64>)> = fetch_optional!(
        tx,
        "SELECT state, progress FROM pushes WHERE partner_id = $1 AND push_id = $2",
        device.partner_id().to_string(),
        push.id.to_string(),
    )?;
    execute!(
        tx,
        "UPDATE pushes SET state = $3, before_cancelling = $4, progress = $5, message = $6, deadline_ms = $7,
                           check_ms = $8, updated_ms = $9, started_ms = $10, finished_ms = $11, confirmation = $12,
                           awaits_version = $13
         WHERE partner_id = $1 AND push_id = $2",
        device.partner_id().to_string(),
        push.id.to_string(),
        push.state.as_str(),
        push.before_cancelling.map(PushState::as_str),
        push.progress.map(i64::from),
        &push.message,
        push.deadline.map(Timestamp::as_millis),
        push.check_at.map(Timestamp::as_millis),
        push.updated.as_millis(),
        push.started.map(Timestamp::as_millis),
        push.finished.map(Timestamp::as_millis),
        push.terms.confirmation.as_str(),
        push.awaits_version,
    )?;
    if let Some(entry) = &change.entry {
        insert_entry(tx, device, push.id, entry, now).await?;
    }
    let stands = (push.state.as_str().to_owned(), push.progress.map(i64::from));
    // Every end comes by here, and what is said after it. An end whose transaction then fails counts as well, which is
    // rare and harms no graph.
    if push.state.is_ended() && before.as_ref().is_some_and(|before| before.0 != stands.0) {
        metrics::counter!("otaria_pushes_ended_total", "state" => push.state.as_str()).increment(1);
    }
    if change.entry.is_some() || before.is_some_and(|before| before != stands) {
        announce(tx, device, push, change.entry.as_ref().and_then(|entry| entry.message.clone()), now);
    }
    Ok(())
}

/// Tells whoever listens, once this is durable.
fn announce(tx: &mut Tx, device: &DeviceScope, push: &Push, message: Option<String>, at: Timestamp) {
    let event = NewEvent { push: push.id, at, state: push.state, progress: push.progress, message };
    tx.closing().announce(device.partner_id(), event);
}

async fn insert_entry(
    tx: &mut Tx,
    device: &DeviceScope,
    push: PushId,
    entry: &Entry,
    now: Timestamp,
) -> Result<(), Error> {
    let details = serde_json::to_string(&entry.details)?;
    let (sequence, latest): (i64, i64) = fetch_one!(
        tx,
        "SELECT COALESCE(MAX(sequence), 0) + 1, COALESCE(MAX(at_ms), 0) FROM push_history
         WHERE partner_id = $1 AND push_id = $2",
        device.partner_id().to_string(),
        push.to_string(),
    )?;
    execute!(
        tx,
        "INSERT INTO push_history (partner_id, push_id, sequence, at_ms, state, message, details)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        device.partner_id().to_string(),
        push.to_string(),
        sequence,
        now.as_millis().max(latest),
        entry.state.as_str(),
        &entry.message,
        &details,
    )?;
    if sequence > ENTRIES_KEPT {
        execute!(
            tx,
            "DELETE FROM push_history WHERE partner_id = $1 AND push_id = $2 AND sequence <= $3 AND EXISTS
                   (SELECT 1 FROM push_history e WHERE e.partner_id = $1 AND e.push_id = $2
                    AND e.state = push_history.state AND e.sequence < push_history.sequence)",
            device.partner_id().to_string(),
            push.to_string(),
            sequence - ENTRIES_KEPT,
        )?;
    }
    Ok(())
}

/// A push whose timers are to be looked at.
#[derive(Clone, Debug)]
pub struct Due {
    /// Its device.
    pub device: DeviceScope,
    /// The device's number for it.
    pub action: i32,
    /// When its device was last heard of.
    pub last_seen: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
struct DueRow {
    partner_id: String,
    device_id: String,
    action: i64,
    last_seen_ms: Option<i64>,
}

/// Up to `limit` pushes whose timers are to be looked at by now, longest due first.
pub async fn due(conn: &mut Conn, _: &InstallationScope, now: Timestamp, limit: i64) -> Result<Vec<Due>, Error> {
    let rows: Vec<DueRow> = fetch_all!(
        conn,
        "SELECT p.partner_id, p.device_id, p.action, d.last_seen_ms
         FROM pushes p JOIN devices d ON d.partner_id = p.partner_id AND d.device_id = p.device_id
         WHERE p.finished_ms IS NULL AND p.check_ms <= $1 ORDER BY p.check_ms, p.push_id LIMIT $2",
        now.as_millis(),
        limit,
    )?;
    let due = rows.into_iter().map(|row| {
        Ok(Due {
            device: DeviceScope::new(row.partner_id.parse()?, row.device_id.parse()?),
            action: i32::try_from(row.action).unwrap_or(i32::MAX),
            last_seen: row.last_seen_ms.map(Timestamp::from_millis),
        })
    });
    due.collect()
}
