//! Passwords: Argon2id, off the runtime's threads, a few at a time.

use std::sync::{Arc, OnceLock};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::actions::Error;

/// How many passwords are worked on at once: each takes 19 MiB.
const AT_ONCE: usize = 2;

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords(Arc<Semaphore>);

impl Passwords {
    /// With nothing under way.
    #[allow(clippy::new_without_default, reason = "there is one, made by the service")]
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// The hash of a password, as a PHC string.
    ///
    /// # Errors
    /// If hashing fails.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        self.run(move || hash(&password)).await?
    }

    /// Whether the password is the one hashed. Without a hash (nobody of that name) it takes as long, and is not.
    ///
    /// # Errors
    /// If the hash cannot be read.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        self.run(move || {
            let known = hash.is_some();
            let hash = match hash {
                Some(hash) => hash,
                None => nobodys_hash()?,
            };
            let parsed = PasswordHash::new(&hash).map_err(internal)?;
            let matches = Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok();
            Ok(known && matches)
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let _permit = self.0.acquire().await.map_err(internal)?;
        tokio::task::spawn_blocking(work).await.map_err(internal)
    }
}

fn hash(password: &str) -> Result<String, Error> {
    Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string()).map_err(internal)
}

/// A hash that no password is known for, made once.
fn nobodys_hash() -> Result<String, Error> {
    static HASH: OnceLock<String> = OnceLock::new();
    if let Some(known) = HASH.get() {
        return Ok(known.clone());
    }
    let made = hash(super::secrets::PlainSecret::password()?.reveal())?;
    Ok(HASH.get_or_init(|| made).clone())
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Arc::new(error))
}
