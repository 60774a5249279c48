//! Binaries: received, hashed and stored in one pass, then moved to the repository, which moves no bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use md5::Md5;
use otaria_core::Sha256;
use otaria_core::audit::{Action, ObjectKind};
use otaria_core::digest::Digests;
use otaria_core::size::SizeWarning;
use otaria_store::audit::{Change, Deed};
use otaria_store::binaries::{self, Binary};
use otaria_store::repository::Staged;
use otaria_store::scopes::{ManagePartner, ViewPartner};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest as _, Sha512};

use crate::actions::audit::Actor;
use crate::error::Error;
use crate::service::Service;
use crate::settings::Downloads;

/// How much is hashed and written at once.
const PIECE: usize = 1024 * 1024;

/// A digest that the client says the binary has (RFC 9530).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpectedDigests {
    /// SHA-256, if said.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512, if said.
    pub sha512: Option<[u8; 64]>,
}

/// A binary that was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptBinary {
    /// Its SHA-256.
    pub sha256: Sha256,
    /// What may go wrong with it on devices.
    pub warning: Option<SizeWarning>,
}

/// All bytes of a binary, hashed, and stored for as long as this lives.
pub struct ReceivedBinary {
    staged: Staged,
    digests: Digests,
}

impl Service {
    /// Receives a binary: hashes while storing, and never holds it in memory. It counts for nothing until it is
    /// [kept](Self::keep_binary), and leaves nothing behind if it is not.
    ///
    /// # Errors
    /// If it is empty, too large, too slow, cut off, or not what `expected` says; or if there is no room.
    pub async fn receive_binary<S>(&self, body: S, expected: ExpectedDigests) -> Result<ReceivedBinary, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Unpin,
    {
        let mut staged = self.repository.stage().await?;
        let (digests, sha512) = self.store_and_hash(&mut staged, body, expected).await?;
        if digests.size == 0 {
            return Err(Error::Malformed("The file is empty: send its bytes as the body.".to_owned()));
        }
        let as_announced = expected.sha256.is_none_or(|sha256| sha256 == *digests.sha256.as_bytes())
            && expected.sha512.is_none_or(|announced| sha512 == Some(announced));
        if !as_announced {
            let sha256 = digests.sha256;
            let text =
                format!("The bytes that arrived, of SHA-256 {sha256}, are not those that the digest announced.");
            return Err(Error::Malformed(text));
        }
        Ok(ReceivedBinary { staged, digests })
    }

    /// Keeps a received binary as an upload of the partner's. The same bytes again are stored once.
    ///
    /// # Errors
    /// If the storage fails.
    pub async fn keep_binary(
        &self,
        scope: ManagePartner,
        actor: Actor,
        received: ReceivedBinary,
        file_name: Option<String>,
    ) -> Result<KeptBinary, Error> {
        let ReceivedBinary { staged, digests } = received;
        let location = staged.finish().await?;
        let now = self.clock.now();
        let own = location.clone();
        let noted = self.store.write(move |tx| {
            Box::pin(async move {
                let change = Change::made(json!({ "fileName": file_name, "size": digests.size }));
                let deed = Deed::new(now, Action::BinaryUploaded, ObjectKind::Binary, digests.sha256, change);
                tx.record(&scope, &actor.noted, deed);
                binaries::insert(tx, &scope, &digests, file_name.as_deref(), &own, now).await
            })
        });
        match noted.await {
            Ok(kept) if kept != location => self.keep_one(scope, digests, &kept, &location).await?,
            Ok(_) => {}
            // Without room there is no row for them.
            Err(error @ otaria_store::Error::Full(_)) => {
                self.discard(&location).await;
                return Err(error.into());
            }
            // It is not known whether the row is there: the bytes stay, for the sweeper if nobody's.
            Err(error) => return Err(error.into()),
        }
        let (sha256, size) = (digests.sha256, digests.size);
        let warning = SizeWarning::of(size);
        if let Some(warning) = warning {
            tracing::warn!(partner = %scope.partner_id(), %sha256, size, "an upload is large: {warning}");
        }
        Ok(KeptBinary { sha256, warning })
    }

    /// Of two copies of the same bytes, keeps the one that was here before, unless it is gone or cut short.
    async fn keep_one(
        &self,
        scope: ManagePartner,
        digests: Digests,
        kept: &str,
        location: &str,
    ) -> Result<(), Error> {
        let (sha256, size) = (digests.sha256, digests.size);
        if self.repository.holds(kept, size).await? {
            self.discard(location).await;
            return Ok(());
        }
        let (lost, own) = (kept.to_owned(), location.to_owned());
        let relocated = self
            .store
            .write(move |tx| Box::pin(async move { binaries::relocate(tx, &scope, sha256, &lost, &own).await }));
        if relocated.await? {
            tracing::warn!(%sha256, lost = kept, "a binary was damaged, and is whole again by being uploaded again");
            self.discard(kept).await;
        } else {
            // By another upload at the same moment.
            self.discard(location).await;
        }
        Ok(())
    }

    /// That a file is not too large, as far as its size is known.
    ///
    /// # Errors
    /// If it is.
    pub fn require_size(&self, size: Option<u64>) -> Result<(), Error> {
        let most = self.settings.max_binary_bytes;
        match size {
            Some(size) if size > most => {
                Err(Error::TooLarge(format!("The file is too large: at most {most} bytes are taken.")))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Removes bytes that no row names; if that fails, the sweeper finds them.
    async fn discard(&self, location: &str) {
        if let Err(error) = self.repository.remove(location).await {
            tracing::warn!(error = &error as &dyn std::error::Error, location, "bytes are left to the sweeper");
        }
    }

    /// The digests of what came, and its SHA-512 where one is expected.
    async fn store_and_hash<S>(
        &self,
        staged: &mut Staged,
        mut body: S,
        expected: ExpectedDigests,
    ) -> Result<(Digests, Option<[u8; 64]>), Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Unpin,
    {
        let mut hasher = Hasher { sha512: expected.sha512.map(|_| Sha512::default()), ..Hasher::default() };
        let mut piece = BytesMut::with_capacity(PIECE);
        loop {
            let chunk = next_within(&mut body, self.settings.idle).await?;
            if let Some(chunk) = &chunk {
                self.require_size(Some(hasher.size + (piece.len() + chunk.len()) as u64))?;
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
    /// If the partner has uploaded none of this digest, or its bytes are gone.
    pub async fn move_to_repository(
        &self,
        scope: ManagePartner,
        actor: Actor,
        sha256: Sha256,
    ) -> Result<String, Error> {
        let uploaded = binaries::uploaded(&mut self.store.read().await?, &scope, sha256).await?;
        let uploaded = uploaded.ok_or_else(|| self.no_upload())?;
        if !self.repository.holds(&uploaded.location, uploaded.digests.size).await? {
            return Err(Error::NotFound("The bytes of this file are lost here: upload it again.".to_owned()));
        }
        let now = self.clock.now();
        let moved = self.store.write(move |tx| {
            Box::pin(async move {
                let moved = binaries::move_to_repository(tx, &scope, sha256, now).await?;
                if moved {
                    let deed = Deed::new(now, Action::BinaryMoved, ObjectKind::Binary, sha256, Change::NONE);
                    tx.record(&scope, &actor.noted, deed);
                }
                Ok::<_, Error>(moved)
            })
        });
        if moved.await? { Ok(self.binary_url(scope.partner_id(), sha256)) } else { Err(self.no_upload()) }
    }

    fn no_upload(&self) -> Error {
        let seconds = self.settings.temporary_binary.as_secs();
        Error::NotFound(format!(
            "There is no such uploaded file here: upload it, then move it within {seconds} seconds."
        ))
    }

    /// The bytes of a binary from `start` to before `end`.
    ///
    /// # Errors
    /// If the repository does not have them at hand; later errors are in the stream.
    pub async fn read_binary(&self, binary: &Binary, start: u64, end: u64) -> Result<Reading, Error> {
        Ok(self.repository.read(&binary.location, start, end).await?)
    }

    /// Where the binary may be had from the repository itself, under a Content-Disposition; none where downloads are
    /// proxied.
    ///
    /// # Errors
    /// If no such address can be made.
    pub async fn link_to_binary(&self, binary: &Binary, disposition: &str) -> Result<Option<String>, Error> {
        match self.settings.downloads {
            Downloads::Proxied => Ok(None),
            Downloads::Redirected => Ok(self.repository.link(&binary.location, disposition).await?),
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

/// The bytes of a binary, on their way out.
pub type Reading = futures::stream::BoxStream<'static, Result<Bytes, otaria_store::Error>>;

async fn next_within<S>(body: &mut S, idle: Duration) -> Result<Option<Bytes>, Error>
where
    S: Stream<Item = Result<Bytes, Error>> + Unpin,
{
    tokio::time::timeout(idle, body.next()).await.map_err(|_| Error::TooSlow)?.transpose()
}

/// The three digests in one pass; SHA-512 only where it is to be compared.
#[derive(Default)]
struct Hasher {
    sha256: sha2::Sha256,
    sha1: Sha1,
    md5: Md5,
    sha512: Option<Sha512>,
    size: u64,
}

impl Hasher {
    /// Takes in a piece, off the runtime's threads.
    async fn update(mut self, bytes: Bytes) -> Result<Self, Error> {
        let hashed = tokio::task::spawn_blocking(move || {
            self.sha256.update(&bytes);
            self.sha1.update(&bytes);
            self.md5.update(&bytes);
            if let Some(sha512) = &mut self.sha512 {
                sha512.update(&bytes);
            }
            self.size += bytes.len() as u64;
            self
        });
        hashed.await.map_err(|error| Error::Internal(std::sync::Arc::new(error)))
    }

    fn finish(self) -> (Digests, Option<[u8; 64]>) {
        let digests = Digests {
            sha256: Sha256::from_bytes(self.sha256.finalize().into()),
            sha1: self.sha1.finalize().into(),
            md5: self.md5.finalize().into(),
            size: self.size,
        };
        (digests, self.sha512.map(|sha512| sha512.finalize().into()))
    }
}
