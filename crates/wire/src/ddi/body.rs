//! What every body of a device goes through: told from each other, repaired, bounded, and read by the names of its
//! members.

use serde_json::{Map, Value};

use super::cbor;
use super::repair::repair;

/// How deep objects and arrays may be nested.
const DEEPEST: usize = 32;
/// How much of a word is quoted, in characters.
const QUOTED: usize = 40;

/// What a body said, and what had to be helped with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<T> {
    /// What it said.
    pub value: T,
    /// What was not as the protocol has it, in words for its maker; mostly nothing.
    pub repairs: Repairs,
}

/// Why a body could not be understood, in words for the maker of the device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// What was not as the protocol has it and was read all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repairs(Vec<String>);

impl Repairs {
    /// Whether there was nothing to help with.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn note(&mut self, what: String) {
        self.0.push(what);
    }
}

impl std::fmt::Display for Repairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl Unreadable {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// What a device can send as a body.
pub trait DeviceBody: Sized {
    /// What no body at all says; none where that is an error.
    fn of_nothing() -> Option<Self> {
        None
    }

    /// Whether something can be made of the beginning of one that is too long.
    const BEGINS_WITH_WORDS: bool = false;

    /// What a text says that cannot be read, or of which only the beginning is there; none unless that is certain all the
    /// same.
    fn of_text(_text: &str) -> Option<Self> {
        None
    }

    /// Takes what it knows out of an object.
    ///
    /// # Errors
    /// What is missing, or cannot be understood.
    fn of(members: Members, repairs: &mut Repairs) -> Result<Self, Unreadable>;
}

/// Reads a body: the JSON object or the CBOR map that it is, whatever it was declared to be. What cannot be read is read
/// once more after [`repair`](super::repair()), and then for the few words that matter. Of members of the same name the
/// last one counts, and members that nobody knows do not.
///
/// # Errors
/// What is wrong with it even so, in words for the maker of the device.
pub fn read<T: DeviceBody>(body: &[u8]) -> Result<Reading<T>, Unreadable> {
    let mut repairs = Repairs::default();
    if body.trim_ascii().is_empty()
        && let Some(value) = T::of_nothing()
    {
        return Ok(Reading { value, repairs });
    }
    let members = match members(body, &mut repairs) {
        Ok(members) => members,
        Err(error) => return words::<T>(body, &error).ok_or(error),
    };
    let value = T::of(Members { path: String::new(), members }, &mut repairs)?;
    Ok(Reading { value, repairs })
}

fn members(body: &[u8], repairs: &mut Repairs) -> Result<Map<String, Value>, Unreadable> {
    let tree = if cbor::is_cbor(body) { cbor(body, repairs) } else { json(body, repairs) }?;
    let Value::Object(members) = tree else {
        return Err(Unreadable("the body must be a JSON object or a CBOR map".to_owned()));
    };
    if members.values().any(|value| !is_shallow(value, DEEPEST - 1)) {
        return Err(Unreadable(format!("the body is nested deeper than {DEEPEST}")));
    }
    Ok(members)
}

/// Reads the beginning of a body that is longer than what is taken of one: for the few words that matter.
///
/// # Errors
/// If they are not there.
pub fn read_beginning<T: DeviceBody>(beginning: &[u8]) -> Result<Reading<T>, Unreadable> {
    let error = Unreadable(format!("the body has more than {} bytes", beginning.len()));
    words(beginning, &error).ok_or(error)
}

/// What a body says that cannot be read for this reason.
fn words<T: DeviceBody>(body: &[u8], reason: &Unreadable) -> Option<Reading<T>> {
    let value = T::of_text(&String::from_utf8_lossy(body))?;
    let mut repairs = Repairs::default();
    repairs.note(format!("{reason}: of all that it says only how it ends was read"));
    Some(Reading { value, repairs })
}

fn cbor(body: &[u8], repairs: &mut Repairs) -> Result<Value, Unreadable> {
    if let Ok(tree) = cbor::parse(body) {
        return Ok(tree);
    }
    let tree = cbor::parse(&cbor::repair(body));
    let tree = tree.map_err(|error| Unreadable(format!("the body is no CBOR: {error}")))?;
    repairs.note("texts that are no UTF-8, or values that are none, were replaced".to_owned());
    Ok(tree)
}

fn json(body: &[u8], repairs: &mut Repairs) -> Result<Value, Unreadable> {
    if let Ok(tree) = serde_json::from_slice(body) {
        return Ok(tree);
    }
    let (text, done) = repair(body);
    let tree = serde_json::from_str(&text).map_err(|error| Unreadable(format!("the body is no JSON: {error}")))?;
    done.iter().for_each(|repair| repairs.note(repair.to_string()));
    Ok(tree)
}

/// Whether brackets are nested at most `levels` deep. The parsers have bounds of their own for what this recurses into.
fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| is_shallow(item, levels - 1)),
        Value::Object(members) => levels > 0 && members.values().all(|item| is_shallow(item, levels - 1)),
        _ => true,
    }
}

/// The members of an object, and the way to it. What is null counts as missing.
#[derive(Clone, Debug)]
pub struct Members {
    path: String,
    members: Map<String, Value>,
}

impl Members {
    /// A member's full name, for messages.
    pub(super) fn name(&self, member: &str) -> String {
        format!("{}{member}", self.path)
    }

    /// A member, taken out.
    pub(super) fn take(&mut self, member: &str) -> Option<Value> {
        self.members.remove(member).filter(|value| !value.is_null())
    }

    /// A member that is an object itself.
    pub(super) fn object(&mut self, member: &str) -> Result<Self, Unreadable> {
        let path = format!("{}.", self.name(member));
        match self.take(member) {
            Some(Value::Object(members)) => Ok(Self { path, members }),
            Some(_) => Err(Unreadable(format!("{} must be an object", self.name(member)))),
            None => Err(self.missing(member)),
        }
    }

    /// A member that is a text.
    pub(super) fn text(&mut self, member: &str) -> Result<String, Unreadable> {
        match self.take(member) {
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Unreadable(format!("{} must be a string", self.name(member)))),
            None => Err(self.missing(member)),
        }
    }

    pub(super) fn missing(&self, member: &str) -> Unreadable {
        Unreadable(format!("{} is missing", self.name(member)))
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members' names and values.
    pub(super) fn into_pairs(self) -> impl Iterator<Item = (String, Value)> {
        self.members.into_iter()
    }
}

/// The word among `known`, without case; else what came in its place.
pub(super) fn word<T: Copy>(value: &Value, known: &[(&str, T)]) -> Result<T, String> {
    let found = value.as_str().and_then(|text| {
        known.iter().find(|(word, _)| text.trim().eq_ignore_ascii_case(word)).map(|(_, meaning)| *meaning)
    });
    found.ok_or_else(|| {
        let text = value.to_string();
        let quoted: String = text.chars().take(QUOTED).collect();
        if quoted.len() < text.len() { quoted + "…" } else { quoted }
    })
}
