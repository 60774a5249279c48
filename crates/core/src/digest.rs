//! Digests of binaries.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::ids::InvalidId;

/// The SHA-256 of a binary: its identity, and its entity tag.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Wraps the 32 bytes of a digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        data_encoding::HEXLOWER.encode_display(&self.0).fmt(f)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or(InvalidId { expected: "must be a SHA-256 in hexadecimal (64 digits)" })
    }
}

/// What is known of a binary after one pass over its bytes. SHA-1 and MD5 are there because device clients
/// ask for them; nothing here relies on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// The binary's identity.
    pub sha256: Sha256,
    /// For clients that verify nothing better.
    pub sha1: [u8; 20],
    /// For clients that verify nothing better.
    pub md5: [u8; 16],
    /// Length in bytes.
    pub size: u64,
}

impl TryFrom<Vec<u8>> for Sha256 {
    type Error = InvalidId;

    fn try_from(bytes: Vec<u8>) -> Result<Self, InvalidId> {
        bytes.try_into().map(Self).map_err(|_| InvalidId { expected: "must be 32 bytes" })
    }
}
