//! The audit log: who did what, on what, from where. One log a partner, only ever added to.
//!
//! An entry's hash covers the entry and the hash before it, and the last hash is kept beside the log: an entry that
//! is changed, taken out, put in or cut off the end is found by [`verify`]. Entries are written as the last thing of
//! the transaction that does what they record (see [`crate::closing`]).

use std::fmt;

use otaria_core::audit::{Action, ObjectKind};
use otaria_core::page::{Page, PageRequest};
use otaria_core::{DeviceId, GatewayTokenId, PartnerId, Timestamp, UserId};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::lists::{List, fetch_page, list};
use crate::scopes::{AuditScope, Caller, InstallationScope, OwnPartner};
use crate::sql::{execute, fetch_all, fetch_one, fetch_optional};
use crate::{Conn, Error, Tx};

/// Who does something, and from where.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who.
    pub who: Who,
    /// From which address, where there is one.
    pub address: Option<String>,
    /// In which request, where there is one.
    pub request_id: Option<String>,
}

/// Somebody who does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Whoever holds an access token.
    Caller(Caller),
    /// A person who is signing in or accepts an invitation.
    Person(UserId),
    /// A gateway, by its token.
    Gateway(GatewayTokenId),
    /// A device, by its certificate.
    Device(DeviceId),
    /// Somebody who claims this name and did not prove it.
    Claimed(String),
    /// The command line, on the server's own storage.
    Command,
}

/// What something was before, and what it is now; without secrets.
#[derive(Clone, Debug, Default)]
pub struct Change {
    before: Option<Value>,
    after: Option<Value>,
}

impl Change {
    /// Nothing to show.
    pub const NONE: Self = Self { before: None, after: None };

    /// It was made.
    pub const fn made(after: Value) -> Self {
        Self { before: None, after: Some(after) }
    }

    /// It was changed.
    pub const fn replaced(before: Value, after: Value) -> Self {
        Self { before: Some(before), after: Some(after) }
    }

    /// It was removed.
    pub const fn removed(before: Value) -> Self {
        Self { before: Some(before), after: None }
    }
}

/// What was done to what.
#[derive(Clone, Debug)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: Action,
    /// To what kind of thing.
    pub object: ObjectKind,
    /// Which of them.
    pub id: String,
    /// What it changed.
    pub change: Change,
}

impl Deed {
    /// Something that is done now.
    pub fn new(at: Timestamp, action: Action, object: ObjectKind, id: impl fmt::Display, change: Change) -> Self {
        Self { at, action, object, id: id.to_string(), change }
    }
}

impl Tx {
    /// Records what this transaction does. It is written when the work is done, in the same transaction.
    pub fn record(&mut self, scope: impl Into<AuditScope>, actor: &Actor, deed: Deed) {
        self.closing().record(scope.into().partner_id(), Noted { actor: actor.clone(), deed });
    }
}

/// An entry that waits for its transaction to end.
pub(crate) struct Noted {
    actor: Actor,
    deed: Deed,
}

#[derive(sqlx::FromRow)]
struct HeadRow {
    sequence: i64,
    hash: Vec<u8>,
}

/// Adds to a partner's log.
pub(crate) async fn append(tx: &mut Tx, partner: PartnerId, entries: Vec<Noted>) -> Result<(), Error> {
    let partner = partner.to_string();
    // Touching it first locks the head: entries of other transactions come before or after all of these.
    let mut head: HeadRow = fetch_one!(
        tx,
        "INSERT INTO audit_heads (partner_id, sequence, hash) VALUES ($1, 0, $2)
         ON CONFLICT (partner_id) DO UPDATE SET sequence = audit_heads.sequence
         RETURNING sequence, hash",
        &partner,
        Vec::<u8>::new(),
    )?;
    for Noted { actor, deed } in entries {
        let (actor_kind, actor_id, actor_name) = spelt(tx, &partner, actor.who).await?;
        head.sequence += 1;
        let row = EntryRow {
            sequence: head.sequence,
            at_ms: deed.at.as_millis(),
            actor_kind: actor_kind.to_owned(),
            actor_id,
            actor_name,
            action: deed.action.as_str().to_owned(),
            object_kind: deed.object.as_str().to_owned(),
            object_id: deed.id,
            before: deed.change.before.map(|value| value.to_string()),
            after: deed.change.after.map(|value| value.to_string()),
            address: actor.address,
            request_id: actor.request_id,
            hash: Vec::new(),
        };
        head.hash = row.hash_after(&partner, &head.hash);
        insert(tx, &partner, &row, &head.hash).await?;
    }
    execute!(
        tx,
        "UPDATE audit_heads SET sequence = $2, hash = $3 WHERE partner_id = $1",
        &partner,
        head.sequence,
        &head.hash,
    )?;
    Ok(())
}

async fn insert(tx: &mut Tx, partner: &str, row: &EntryRow, hash: &[u8]) -> Result<(), Error> {
    execute!(
        tx,
        "INSERT INTO audit_log (partner_id, sequence, at_ms, actor_kind, actor_id, actor_name, action, object_kind,
                                object_id, before, after, address, request_id, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        partner,
        row.sequence,
        row.at_ms,
        &row.actor_kind,
        &row.actor_id,
        &row.actor_name,
        &row.action,
        &row.object_kind,
        &row.object_id,
        &row.before,
        &row.after,
        &row.address,
        &row.request_id,
        hash,
    )?;
    Ok(())
}

/// An actor's kind, id and name, as they are now: a person may be renamed or removed later.
async fn spelt(
    tx: &mut Tx,
    partner: &str,
    who: Who,
) -> Result<(&'static str, Option<String>, Option<String>), Error> {
    match who {
        Who::Caller(Caller::User { user_id, .. }) | Who::Person(user_id) => {
            let id = user_id.to_string();
            let email: Option<(String,)> = fetch_optional!(tx, "SELECT email FROM users WHERE user_id = $1", &id)?;
            Ok(("user", Some(id), email.map(|(email,)| email)))
        }
        Who::Caller(Caller::Client { partner_id }) => {
            let id = partner_id.to_string();
            let client: Option<(String,)> =
                fetch_optional!(tx, "SELECT client_id FROM partners WHERE partner_id = $1", &id)?;
            Ok(("client", client.map(|(client_id,)| client_id), None))
        }
        Who::Gateway(id) => {
            let id = id.to_string();
            let name: Option<(String,)> = fetch_optional!(
                tx,
                "SELECT name FROM gateway_tokens WHERE partner_id = $1 AND gateway_token_id = $2",
                partner,
                &id,
            )?;
            Ok(("gateway", Some(id), name.map(|(name,)| name)))
        }
        Who::Device(id) => Ok(("device", Some(id.to_string()), None)),
        Who::Claimed(name) => Ok(("unproven", None, Some(name))),
        Who::Command => Ok(("command", None, None)),
    }
}

#[derive(sqlx::FromRow)]
struct EntryRow {
    sequence: i64,
    at_ms: i64,
    actor_kind: String,
    actor_id: Option<String>,
    actor_name: Option<String>,
    action: String,
    object_kind: String,
    object_id: String,
    before: Option<String>,
    after: Option<String>,
    address: Option<String>,
    request_id: Option<String>,
    hash: Vec<u8>,
}

impl EntryRow {
    /// The entry's hash. Every field is preceded by its length, so that no two entries read alike.
    fn hash_after(&self, partner: &str, previous: &[u8]) -> Vec<u8> {
        let (sequence, at) = (self.sequence.to_string(), self.at_ms.to_string());
        let given = [partner, &sequence, &at, &self.actor_kind, &self.action, &self.object_kind, &self.object_id];
        let optional = [&self.actor_id, &self.actor_name, &self.before, &self.after, &self.address, &self.request_id];
        let fields = given.into_iter().map(Some).chain(optional.into_iter().map(|field| field.as_deref()));
        let mut hasher = Sha256::new();
        hasher.update(previous);
        for field in fields {
            match field {
                Some(text) => {
                    hasher.update((text.len() as u64).to_be_bytes());
                    hasher.update(text.as_bytes());
                }
                None => hasher.update(u64::MAX.to_be_bytes()),
            }
        }
        hasher.finalize().to_vec()
    }
}

/// One entry of the log.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its number in the partner's log, counted from 1 without a gap.
    pub sequence: i64,
    /// When it was done.
    pub at: Timestamp,
    /// What kind of actor: `user`, `client`, `gateway`, `device`, `unproven` or `command`.
    pub actor_kind: String,
    /// Which, where it is known.
    pub actor_id: Option<String>,
    /// What they were called then.
    pub actor_name: Option<String>,
    /// What was done.
    pub action: String,
    /// To what kind of thing.
    pub object_kind: String,
    /// Which of them.
    pub object_id: String,
    /// What it was before.
    pub before: Option<Value>,
    /// What it was afterwards.
    pub after: Option<Value>,
    /// From which address.
    pub address: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// The entry's hash, which covers all before it.
    pub hash: Vec<u8>,
}

impl TryFrom<EntryRow> for Entry {
    type Error = Error;

    fn try_from(row: EntryRow) -> Result<Self, Error> {
        let json = |text: Option<String>| text.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            sequence: row.sequence,
            at: Timestamp::from_millis(row.at_ms),
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            actor_name: row.actor_name,
            action: row.action,
            object_kind: row.object_kind,
            object_id: row.object_id,
            before: json(row.before)?,
            after: json(row.after)?,
            address: row.address,
            request_id: row.request_id,
            hash: row.hash,
        })
    }
}

/// What a page of the log can be sorted on.
pub const SORTABLE: &[&str] = &["id", "timestamp", "createdTimestamp"];

/// Which entries of a log to list. What is empty or missing keeps all.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Of this action.
    pub action: Option<Action>,
    /// By this actor: an id or a name.
    pub actor: String,
    /// On the thing with this id.
    pub object: String,
    /// In this request.
    pub request_id: String,
    /// At or after.
    pub from: Timestamp,
    /// Before.
    pub until: Timestamp,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            action: None,
            actor: String::new(),
            object: String::new(),
            request_id: String::new(),
            from: Timestamp::from_millis(i64::MIN),
            until: Timestamp::from_millis(i64::MAX),
        }
    }
}

macro_rules! select_entry {
    ($rest:expr) => {
        concat!(
            "SELECT sequence, at_ms, actor_kind, actor_id, actor_name, action, object_kind, object_id, before, after,
                    address, request_id, hash
             FROM audit_log ",
            $rest
        )
    };
}

macro_rules! entry_filter {
    ($rest:expr) => {
        concat!(
            "WHERE partner_id = $1 AND ($2 = '' OR action = $2) AND ($3 = '' OR actor_id = $3 OR actor_name = $3)
               AND ($4 = '' OR object_id = $4) AND ($5 = '' OR request_id = $5) AND at_ms >= $6 AND at_ms < $7",
            $rest
        )
    };
}

list!(
    ENTRIES = List {
        select: select_entry!(entry_filter!("")),
        count: concat!("SELECT COUNT(*) FROM audit_log ", entry_filter!("")),
        arguments: 7,
        columns: &[("id", "sequence"), ("timestamp", "at_ms"), ("createdTimestamp", "at_ms")],
        tie: "sequence",
    }
);

/// A page of the partner's log.
pub async fn page(
    conn: &mut Conn,
    scope: &OwnPartner,
    filter: &Filter,
    request: &PageRequest,
) -> Result<Page<Entry>, Error> {
    let (rows, total_elements) = fetch_page!(
        conn,
        ENTRIES,
        request,
        EntryRow,
        scope.partner_id().to_string(),
        filter.action.map_or("", Action::as_str),
        &filter.actor,
        &filter.object,
        &filter.request_id,
        filter.from.as_millis(),
        filter.until.as_millis(),
    )?;
    let content: Result<_, Error> = rows.into_iter().map(Entry::try_from).collect();
    Ok(Page { content: content?, total_elements })
}

/// Up to `limit` entries of the partner's log after the one numbered `after`, oldest first.
pub async fn after(
    conn: &mut Conn,
    scope: &OwnPartner,
    filter: &Filter,
    after: i64,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let rows: Vec<EntryRow> = fetch_all!(
        conn,
        select_entry!(entry_filter!(" AND sequence > $8 ORDER BY sequence LIMIT $9")),
        scope.partner_id().to_string(),
        filter.action.map_or("", Action::as_str),
        &filter.actor,
        &filter.object,
        &filter.request_id,
        filter.from.as_millis(),
        filter.until.as_millis(),
        after,
        limit,
    )?;
    rows.into_iter().map(Entry::try_from).collect()
}

/// What an intact log comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intact {
    /// How many entries it has.
    pub entries: i64,
    /// The hash of the last one, which covers them all.
    pub head: Vec<u8>,
}

/// Where a log is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The entry of this number is missing.
    Missing(i64),
    /// The entry of this number, or one before it, was changed.
    Changed(i64),
    /// There is none, though the partner's making is in every log.
    Empty,
    /// The log ends with this number, and the note of its end says that it ended before, or with another entry.
    WrongEnd(i64),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(sequence) => write!(f, "entry {sequence} is missing"),
            Self::Changed(sequence) => write!(f, "entry {sequence} is not what was written"),
            Self::Empty => f.write_str("it is empty, and every log begins with how its partner was made"),
            Self::WrongEnd(sequence) => write!(f, "it ends with entry {sequence}, which is not where it ended"),
        }
    }
}

/// How many entries are read at once when a log is verified.
const BATCH: i64 = 1000;

/// Whether a partner's log is what was written. It may grow meanwhile.
pub async fn verify(
    conn: &mut Conn,
    _: &InstallationScope,
    partner: PartnerId,
) -> Result<Result<Intact, Broken>, Error> {
    let partner = partner.to_string();
    let (mut sequence, mut hash) = (0, Vec::new());
    loop {
        let rows: Vec<EntryRow> = fetch_all!(
            conn,
            select_entry!("WHERE partner_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"),
            &partner,
            // The first is number 1: what stands before it does not belong there.
            if sequence == 0 { i64::MIN } else { sequence },
            BATCH,
        )?;
        let read_before = sequence;
        for row in rows {
            if row.sequence != sequence + 1 {
                return Ok(Err(Broken::Missing(sequence + 1)));
            }
            hash = row.hash_after(&partner, &hash);
            if hash != row.hash {
                return Ok(Err(Broken::Changed(row.sequence)));
            }
            sequence = row.sequence;
        }
        if sequence > read_before {
            continue;
        }
        let head: Option<HeadRow> =
            fetch_optional!(conn, "SELECT sequence, hash FROM audit_heads WHERE partner_id = $1", &partner)?;
        let head = head.unwrap_or(HeadRow { sequence: 0, hash: Vec::new() });
        if head.sequence == sequence && head.hash == hash {
            if sequence == 0 {
                return Ok(Err(Broken::Empty));
            }
            return Ok(Ok(Intact { entries: sequence, head: hash }));
        }
        // The note of the end is read last: what it knows and the rows did not have was written since, or is gone.
        if head.sequence > sequence && is_there(conn, &partner, sequence + 1).await? {
            continue;
        }
        let is_shorter = head.sequence > sequence;
        return Ok(Err(if is_shorter { Broken::Missing(sequence + 1) } else { Broken::WrongEnd(sequence) }));
    }
}

async fn is_there(conn: &mut Conn, partner: &str, sequence: i64) -> Result<bool, Error> {
    let row: Option<(i64,)> = fetch_optional!(
        conn,
        "SELECT sequence FROM audit_log WHERE partner_id = $1 AND sequence = $2",
        partner,
        sequence,
    )?;
    Ok(row.is_some())
}
