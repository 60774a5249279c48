//! Passwords: Argon2id, off the runtime's threads, a few at a time.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use data_encoding::BASE64_NOPAD;
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::error::Error;

/// How long a salt is, in bytes (RFC 9106, section 3.1).
const SALT: usize = 16;
/// How long a hash is, in bytes.
const LENGTH: usize = 32;
/// How many passwords are worked on at once: each takes 19 MiB.
const AT_ONCE: usize = 2;

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    /// The memory of those who had a turn, for the next: an allocator asked for so much again and again keeps many
    /// times as much.
    memories: Arc<Mutex<Vec<Memory>>>,
}

/// What Argon2 works in.
type Memory = Vec<Block>;

impl Passwords {
    /// With nothing under way.
    #[allow(clippy::new_without_default, reason = "there is one, made by the service")]
    pub fn new() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), memories: Arc::default() }
    }

    /// The hash of a password, as a PHC string.
    ///
    /// # Errors
    /// If hashing fails.
    pub async fn hash(&self, password: String) -> Result<String, Error> {
        self.run(move |memory| hash(&password, memory)).await?
    }

    /// Whether the password is the one hashed. Without a hash (nobody of that name) it takes as long, and is not.
    ///
    /// # Errors
    /// If the hash cannot be read.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        self.run(move |memory| {
            let known = hash.is_some();
            let hash = match hash {
                Some(hash) => hash,
                None => nobodys_hash(memory)?,
            };
            Ok(matches(&password, &hash, memory)? && known)
        })
        .await?
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Memory) -> T + Send + 'static) -> Result<T, Error> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(internal)?;
        let memories = Arc::clone(&self.memories);
        let worked = tokio::task::spawn_blocking(move || {
            // The turn lasts as long as the work, also if whoever asked for it has gone.
            let _turn = turn;
            let kept = || memories.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = kept().pop().unwrap_or_default();
            let result = work(&mut memory);
            kept().push(memory);
            result
        });
        worked.await.map_err(internal)
    }
}

/// Argon2id with the parameters that a hash is made with, in the memory given.
fn derive(argon2: &Argon2<'_>, password: &str, salt: &[u8], memory: &mut Memory) -> Result<[u8; LENGTH], Error> {
    memory.resize(argon2.params().block_count(), Block::default());
    let mut derived = [0; LENGTH];
    argon2.hash_password_into_with_memory(password.as_bytes(), salt, &mut derived, memory).map_err(internal)?;
    Ok(derived)
}

fn hash(password: &str, memory: &mut Memory) -> Result<String, Error> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(internal)?;
    let argon2 = Argon2::default();
    let derived = derive(&argon2, password, &salt, memory)?;
    let params = argon2.params();
    let (salt, derived) = (BASE64_NOPAD.encode(&salt), BASE64_NOPAD.encode(&derived));
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    Ok(format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${derived}"))
}

fn matches(password: &str, hash: &str, memory: &mut Memory) -> Result<bool, Error> {
    let parsed = PasswordHash::new(hash).map_err(internal)?;
    let params = Params::try_from(&parsed).map_err(internal)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else { return Ok(false) };
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let derived = derive(&argon2, password, salt.as_ref(), memory)?;
    Ok(derived.ct_eq(expected.as_bytes()).into())
}

/// A hash that no password is known for, made once.
fn nobodys_hash(memory: &mut Memory) -> Result<String, Error> {
    static HASH: OnceLock<String> = OnceLock::new();
    if let Some(known) = HASH.get() {
        return Ok(known.clone());
    }
    let made = hash(super::secrets::PlainSecret::password()?.reveal(), memory)?;
    Ok(HASH.get_or_init(|| made).clone())
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Arc::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_and_no_other() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify("correct horse".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horse ".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.verify(String::new(), None).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_of_other_parameters_are_read_as_well() {
        use argon2::PasswordHasher as _;
        let other = Params::new(64, 1, 1, None).unwrap();
        let other =
            Argon2::new(Algorithm::Argon2id, Version::V0x13, other).hash_password(b"old").unwrap().to_string();
        let passwords = Passwords::new();
        assert!(passwords.verify("old".to_owned(), Some(other.clone())).await.unwrap());
        assert!(!passwords.verify("new".to_owned(), Some(other)).await.unwrap());
    }

    #[tokio::test]
    async fn whoever_hangs_up_gives_no_turn_to_the_next_before_the_work_is_done() {
        let passwords = Passwords::new();
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let mut abandoned = Box::pin(passwords.run(move |_| wait.recv()));
        assert!(futures::poll!(&mut abandoned).is_pending());
        drop(abandoned);
        assert_eq!(passwords.turns.available_permits(), AT_ONCE - 1);
        go_on.send(()).unwrap();
        drop(passwords.turns.acquire_many(u32::try_from(AT_ONCE).unwrap()).await.unwrap());
        assert_eq!(passwords.memories.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn no_more_memory_is_kept_than_there_are_turns() {
        let passwords = Passwords::new();
        let hashing = (0..8).map(|_| passwords.hash("x".to_owned()));
        futures::future::try_join_all(hashing).await.unwrap();
        assert!(passwords.memories.lock().unwrap().len() <= AT_ONCE);
    }
}
