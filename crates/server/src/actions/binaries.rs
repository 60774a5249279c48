//! Binaries: received, hashed and stored in one pass, then moved to the repository, which moves no bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use md5::Md5;
use otaria_core::Sha256;
use otaria_core::digest::Digests;
use otaria_store::binaries::{self, Binary};
use otaria_store::repository::Staged;
use otaria_store::scopes::{ManagePartner, ViewPartner};
use sha1::Sha1;
use sha2::Digest as _;

use crate::actions::Error;
use crate::service::Service;

/// How much is hashed and written at once.
const PIECE: usize = 1024 * 1024;

/// A digest that the client says the binary has (RFC 9530).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedDigests {
    /// SHA-256, if said.
    pub sha256: Option<Sha256>,
}

impl Service {
    /// Receives a binary: hashes while storing, never holds it in memory, and leaves nothing behind unless all of it
    /// came. The same bytes again are stored once.
    ///
    /// # Errors
    /// If it is empty, too large, too slow, cut off, or not what `expected` says; or if there is no room.
    pub async fn receive_binary<S>(
        &self,
        scope: ManagePartner,
        body: S,
        file_name: Option<String>,
        expected: ExpectedDigests,
    ) -> Result<Sha256, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Unpin,
    {
        let mut staged = self.repository.stage().await?;
        let digests = self.store_and_hash(&mut staged, body).await?;
        if digests.size == 0 {
            return Err(Error::Malformed("The file is empty: send its bytes as the body.".to_owned()));
        }
        if expected.sha256.is_some_and(|sha256| sha256 != digests.sha256) {
            let text = format!(
                "The bytes that arrived have the SHA-256 {}, which is not the one announced.",
                digests.sha256
            );
            return Err(Error::Malformed(text));
        }
        let location = staged.finish().await?;
        let now = self.clock.now();
        let own = location.clone();
        let noted = self.store.write(move |tx| {
            Box::pin(async move { binaries::insert(tx, &scope, &digests, file_name.as_deref(), &own, now).await })
        });
        // Without a row the bytes are nobody's; with another location they were here before.
        let kept = noted.await;
        if kept.as_ref().ok() != Some(&location)
            && let Err(error) = self.repository.remove(&location).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, location, "a duplicate is left to the sweeper");
        }
        kept?;
        Ok(digests.sha256)
    }

    async fn store_and_hash<S>(&self, staged: &mut Staged, mut body: S) -> Result<Digests, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Unpin,
    {
        let mut hasher = Hasher::default();
        let mut piece = BytesMut::with_capacity(PIECE);
        loop {
            let chunk = next_within(&mut body, self.settings.idle).await?;
            if let Some(chunk) = &chunk {
                if hasher.size + (piece.len() + chunk.len()) as u64 > self.settings.max_binary_bytes {
                    let most = self.settings.max_binary_bytes;
                    return Err(Error::TooLarge(format!("The file is too large: at most {most} bytes are taken.")));
                }
                piece.extend_from_slice(chunk);
            }
            if piece.len() >= PIECE || (chunk.is_none() && !piece.is_empty()) {
                let bytes = std::mem::replace(&mut piece, BytesMut::with_capacity(PIECE)).freeze();
                let (hashed, written) = tokio::join!(hasher.update(bytes.clone()), staged.write(bytes));
                hasher = hashed?;
                written?;
            }
            if chunk.is_none() {
                return Ok(hasher.finish());
            }
        }
    }

    /// Moves an uploaded binary to the repository for good, and returns its url.
    ///
    /// # Errors
    /// If the partner has uploaded none of this digest.
    pub async fn move_to_repository(&self, scope: ManagePartner, sha256: Sha256) -> Result<String, Error> {
        let now = self.clock.now();
        let moved = self
            .store
            .write(move |tx| Box::pin(async move { binaries::move_to_repository(tx, &scope, sha256, now).await }));
        if moved.await? {
            Ok(self.binary_url(scope.partner_id(), sha256))
        } else {
            Err(Error::NotFound(
                "There is no such uploaded file here: upload it, then move it within a day.".to_owned(),
            ))
        }
    }

    /// A binary of the partner in the repository.
    ///
    /// # Errors
    /// If there is none, or it was not moved.
    pub async fn binary(&self, scope: &ViewPartner, sha256: Sha256) -> Result<Binary, Error> {
        let found = binaries::in_repository(&mut self.store.read().await?, scope, sha256).await?;
        found.ok_or_else(|| Error::not_found("binary in the repository"))
    }
}

async fn next_within<S>(body: &mut S, idle: Duration) -> Result<Option<Bytes>, Error>
where
    S: Stream<Item = Result<Bytes, Error>> + Unpin,
{
    tokio::time::timeout(idle, body.next()).await.map_err(|_| Error::TooSlow)?.transpose()
}

/// The three digests in one pass.
#[derive(Default)]
struct Hasher {
    sha256: sha2::Sha256,
    sha1: Sha1,
    md5: Md5,
    size: u64,
}

impl Hasher {
    /// Takes in a piece, off the runtime's threads.
    async fn update(mut self, bytes: Bytes) -> Result<Self, Error> {
        let hashed = tokio::task::spawn_blocking(move || {
            self.sha256.update(&bytes);
            self.sha1.update(&bytes);
            self.md5.update(&bytes);
            self.size += bytes.len() as u64;
            self
        });
        hashed.await.map_err(|error| Error::Internal(std::sync::Arc::new(error)))
    }

    fn finish(self) -> Digests {
        Digests {
            sha256: Sha256::from_bytes(self.sha256.finalize().into()),
            sha1: self.sha1.finalize().into(),
            md5: self.md5.finalize().into(),
            size: self.size,
        }
    }
}
