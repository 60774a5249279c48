//! Whether the repository still has what was uploaded.

use futures::TryStreamExt as _;
use otaria_core::Sha256;
use otaria_store::binaries::{self, StoredBlob};
use otaria_store::scopes::InstallationScope;

use crate::error::Error;
use crate::service::Service;

/// How many binaries are looked up at once.
const BATCH: i64 = 200;

/// What came of reading every binary again.
#[derive(Clone, Debug, Default)]
pub struct VerifiedBinaries {
    /// How many are what was uploaded.
    pub intact: usize,
    /// Those that are not.
    pub damaged: Vec<DamagedBinary>,
}

/// A binary that is not what was uploaded.
#[derive(Clone, Debug)]
pub struct DamagedBinary {
    /// What it should be.
    pub sha256: Sha256,
    /// What is wrong with it.
    pub reason: String,
}

impl Service {
    /// Reads every binary again, and compares it with what its row says.
    ///
    /// # Errors
    /// If the rows cannot be read. Bytes that cannot be read count as damaged.
    pub async fn verify_binaries(&self) -> Result<VerifiedBinaries, Error> {
        let installation = InstallationScope::of_the_process();
        let mut verified = VerifiedBinaries::default();
        let mut after = None;
        loop {
            let stored = binaries::stored_after(&mut self.store.read().await?, &installation, after, BATCH).await?;
            let Some(last) = stored.last() else { return Ok(verified) };
            after = Some(last.sha256);
            for blob in stored {
                let location = &blob.location;
                let reason = match self.hash_of(&blob).await {
                    Ok((sha256, size)) if (sha256, size) == (blob.sha256, blob.size) => {
                        verified.intact += 1;
                        continue;
                    }
                    Ok((_, size)) => format!("{size} bytes or more are at {location}, which are others"),
                    Err(error) => format!("its bytes at {location} cannot be read: {error}"),
                };
                // A temporary upload may have been forgotten since.
                if binaries::is_known(&mut self.store.read().await?, &installation, location).await? {
                    verified.damaged.push(DamagedBinary { sha256: blob.sha256, reason });
                }
            }
        }
    }

    async fn hash_of(&self, blob: &StoredBlob) -> Result<(Sha256, u64), otaria_store::Error> {
        use sha2::Digest as _;
        // One more, in case there is.
        let mut bytes = self.repository.read(&blob.location, 0, blob.size + 1).await?;
        let (mut hasher, mut size) = (sha2::Sha256::new(), 0);
        while let Some(piece) = bytes.try_next().await? {
            size += piece.len() as u64;
            hasher.update(&piece);
        }
        Ok((Sha256::from_bytes(hasher.finalize().into()), size))
    }
}
