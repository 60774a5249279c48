//! The repository: the bytes of binaries, in a folder (or, through the same interface, a bucket).
//!
//! Bytes are staged under a fresh name and found by their digest through a row of the database, so that moving,
//! and uploading the same file again, copies nothing and needs no rename. A [`Staged`] upload that is dropped is
//! removed.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, MultipartUpload, ObjectStore, ObjectStoreExt as _};
use otaria_core::Timestamp;
use tokio_util::io::ReaderStream;

use crate::Error;

/// Where binaries are inside the repository; whatever else is there is not ours.
const BLOBS: &str = "blobs";
/// How much is read at once when a binary is sent.
const READ_CHUNK: usize = 256 * 1024;

/// Where the bytes are.
#[derive(Clone)]
pub struct Repository {
    objects: Arc<dyn ObjectStore>,
    /// The folder, where it is one.
    folder: Option<PathBuf>,
}

/// Bytes on their way in.
pub struct Staged {
    location: Path,
    upload: Option<Box<dyn MultipartUpload>>,
}

impl Repository {
    /// A repository in a folder, made if missing. Writes are flushed to the disk before they count.
    ///
    /// # Errors
    /// If the folder cannot be made or opened.
    pub fn open_folder(folder: &FilePath) -> Result<Self, Error> {
        std::fs::create_dir_all(folder)?;
        let objects = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Self { objects: Arc::new(objects), folder: Some(folder.to_owned()) })
    }

    /// Begins an upload under a fresh name.
    ///
    /// # Errors
    /// If the storage refuses it.
    pub async fn stage(&self) -> Result<Staged, Error> {
        let name = uuid::Uuid::now_v7().simple().to_string();
        // The last two digits are random: folders of an even size.
        let location = Path::from_iter([BLOBS, &name[30..], &name]);
        let upload = self.objects.put_multipart(&location).await?;
        Ok(Staged { location, upload: Some(upload) })
    }

    /// Sends the bytes at `location` from `start` to before `end`.
    ///
    /// # Errors
    /// If they cannot be opened; later errors are in the stream.
    pub async fn read(
        &self,
        location: &str,
        start: u64,
        end: u64,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};

        if start >= end {
            return Ok(futures::stream::empty().boxed());
        }
        let options = GetOptions::default().with_range(Some(GetRange::Bounded(start..end)));
        let result = self.objects.get_opts(&Path::from(location), options).await?;
        Ok(match result.payload {
            GetResultPayload::File(file, _) => {
                let mut file = tokio::fs::File::from_std(file);
                file.set_max_buf_size(READ_CHUNK);
                file.seek(std::io::SeekFrom::Start(start)).await?;
                ReaderStream::with_capacity(file.take(end - start), READ_CHUNK).map_err(Error::from).boxed()
            }
            GetResultPayload::Stream(stream) => stream.map_err(Error::from).boxed(),
        })
    }

    /// Removes the bytes at `location`; it is no error if they are gone.
    ///
    /// # Errors
    /// If the storage refuses it.
    pub async fn remove(&self, location: &str) -> Result<(), Error> {
        match self.objects.delete(&Path::from(location)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Every object older than `before`, for whoever knows which of them are named by a row.
    ///
    /// # Errors
    /// If the storage cannot be listed.
    pub async fn older_than(&self, before: Timestamp) -> Result<Vec<String>, Error> {
        let mut objects = self.objects.list(Some(&Path::from(BLOBS)));
        let mut found = Vec::new();
        while let Some(object) = objects.try_next().await? {
            if object.last_modified.timestamp_millis() < before.as_millis() {
                found.push(object.location.to_string());
            }
        }
        Ok(found)
    }

    /// Removes what uploads that were cut off by a crash left in a folder, if nothing was written to it for
    /// `idle`. Returns how many.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub async fn remove_unfinished(&self, idle: Duration) -> Result<usize, Error> {
        let Some(folder) = self.folder.clone() else { return Ok(0) };
        tokio::task::spawn_blocking(move || remove_unfinished(&folder.join(BLOBS), idle))
            .await
            .map_err(|_| Error::GivenUp)?
    }
}

/// `object_store` stages a file beside its place, under its name with `#` and a number.
fn remove_unfinished(folder: &FilePath, idle: Duration) -> Result<usize, Error> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error.into()),
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            removed += remove_unfinished(&entry.path(), idle)?;
        } else if entry.file_name().to_string_lossy().contains('#')
            && metadata.modified()?.elapsed().is_ok_and(|age| age > idle)
        {
            std::fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

impl Staged {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// If the storage refuses them; the upload is then best given up.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        let Some(upload) = &mut self.upload else { return Err(Error::GivenUp) };
        Ok(upload.put_part(bytes.into()).await?)
    }

    /// Makes the bytes durable and returns where they are.
    ///
    /// # Errors
    /// If the storage refuses it; nothing is left then.
    pub async fn finish(mut self) -> Result<String, Error> {
        let Some(mut upload) = self.upload.take() else { return Err(Error::GivenUp) };
        match upload.complete().await {
            Ok(_) => Ok(self.location.to_string()),
            Err(error) => {
                drop(upload.abort().await);
                Err(error.into())
            }
        }
    }
}

impl Drop for Staged {
    /// An upload that was not finished leaves nothing, whichever way it ended.
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                if let Err(error) = upload.abort().await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "an unfinished upload was not removed");
                }
            });
        }
    }
}
