//! Secrets as they are stored: hashed.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a token or client secret. The secrets themselves have 128 random bits or more, so a plain
/// hash is enough; passwords, which have not, are kept as Argon2id.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The hash of a plain secret.
    pub fn of(plain: &str) -> Self {
        Self(Sha256::digest(plain.as_bytes()).into())
    }

    pub(crate) const fn from_stored(hash: otaria_core::Sha256) -> Self {
        Self(*hash.as_bytes())
    }

    /// The hash itself.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(…)")
    }
}
