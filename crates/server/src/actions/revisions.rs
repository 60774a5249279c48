//! Revisions of records: nobody undoes by mistake what somebody else has changed since they read it.

use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// How much of a digest names a revision, in bytes.
const LENGTH: usize = 16;

/// What a record says at a time: another one as soon as it says something else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

impl Revision {
    /// That of a record that says this.
    pub(crate) fn of(said: &Value) -> Self {
        let digest = Sha256::digest(said.to_string());
        Self(HEXLOWER.encode(&digest[..LENGTH]))
    }

    /// One that a client names, which may be none at all.
    pub fn named(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As a client can name it: hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a change may replace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// Whatever the record says.
    Anything,
    /// Only one of these revisions.
    OneOf(Vec<Revision>),
}

impl Replaces {
    /// That it may replace what the record says now: to be asked in the transaction that changes it, under its lock.
    ///
    /// # Errors
    /// If the record was changed since the caller read it.
    pub fn allows(&self, now: &Revision) -> Result<(), Error> {
        match self {
            Self::OneOf(known) if !known.contains(now) => Err(Error::Changed),
            Self::Anything | Self::OneOf(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_known_is_replaced_unless_anything_may_be() {
        let (old, now) = (Revision::of(&json!({ "name": "a" })), Revision::of(&json!({ "name": "b" })));
        assert_ne!(old, now);
        assert_eq!(now, Revision::named(now.as_str()));
        let refuses = |known: &[&Revision]| {
            let known = known.iter().map(|one| (*one).clone()).collect();
            matches!(Replaces::OneOf(known).allows(&now), Err(Error::Changed))
        };
        assert!(Replaces::Anything.allows(&now).is_ok());
        assert!(!refuses(&[&now]) && !refuses(&[&old, &now]));
        assert!(refuses(&[&old]) && refuses(&[]));
    }
}
