//! The repository: the bytes of binaries, in a folder or in a bucket on S3.
//!
//! Bytes are staged under a fresh name and found by their digest through a row of the database, so that moving,
//! and uploading the same file again, copies nothing and needs no rename. A [`Staged`] upload that is dropped is
//! removed.

mod bucket;
mod folder;
mod location;
mod probe;
mod upload;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResultPayload, MultipartUpload, ObjectStore, ObjectStoreExt as _};
use otaria_core::Timestamp;
use tokio_util::io::ReaderStream;

use crate::Error;
use bucket::Bucket;
use upload::Upload;

pub use location::{RepositoryLocation, S3Credentials, S3Location, UrlStyle};
pub use probe::{OpenError, Trouble};

/// Where binaries are inside the repository; whatever else is there is not ours.
const BLOBS: &str = "blobs";
/// How much is read at once when a binary is sent.
const READ_CHUNK: usize = 256 * 1024;

/// Where the bytes are.
#[derive(Clone)]
pub struct Repository {
    objects: Arc<dyn ObjectStore>,
    place: Place,
}

/// What the bytes are in, for what the two do not have in common.
#[derive(Clone)]
enum Place {
    Folder(PathBuf),
    Bucket(Bucket),
}

/// Bytes on their way in.
pub struct Staged(Staging);

enum Staging {
    /// Its location, and the upload until it has ended.
    File(Path, Option<Box<dyn MultipartUpload>>),
    /// The upload until it has ended.
    Object(Option<Upload>),
}

/// Where the bytes staged under a name are. The last two digits are random: folders of an even size.
fn location_of(name: &str) -> String {
    let shelf = name.get(name.len().saturating_sub(2)..).unwrap_or_default();
    format!("{BLOBS}/{shelf}/{name}")
}

impl Repository {
    /// Opens a repository, and sees whether it can be used.
    ///
    /// # Errors
    /// If it cannot be, in words for whoever configured it.
    pub async fn open(location: &RepositoryLocation) -> Result<Self, OpenError> {
        match location {
            RepositoryLocation::Folder(folder) => {
                let objects = folder::open(folder)
                    .map_err(|source| OpenError::Folder { folder: folder.display().to_string(), source })?;
                Ok(Self { objects, place: Place::Folder(folder.clone()) })
            }
            RepositoryLocation::S3(location) => {
                let bucket = probe::bucket(location).await?;
                Ok(Self { objects: bucket.objects(), place: Place::Bucket(bucket) })
            }
        }
    }

    /// Begins an upload under a fresh name.
    ///
    /// # Errors
    /// If the storage refuses it.
    pub async fn stage(&self) -> Result<Staged, Error> {
        let name = uuid::Uuid::now_v7().simple().to_string();
        Ok(Staged(match &self.place {
            Place::Folder(_) => {
                let location = Path::from(location_of(&name));
                let upload = self.objects.put_multipart(&location).await?;
                Staging::File(location, Some(upload))
            }
            Place::Bucket(bucket) => Staging::Object(Some(Upload::begin(bucket.clone(), name))),
        }))
    }

    /// Sends the bytes at `location` from `start` to before `end`.
    ///
    /// # Errors
    /// If they cannot be opened; [`Error::Gone`] if they are not there. Later errors are in the stream.
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
        let result = match self.objects.get_opts(&Path::from(location), options).await {
            Ok(result) => result,
            // Whoever reads has it from a row: trying again does not help.
            Err(error @ object_store::Error::NotFound { .. }) => return Err(Error::Gone(Arc::new(error))),
            Err(error) => return Err(error.into()),
        };
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

    /// Whether there are so many bytes at `location`. What they are is not looked at.
    ///
    /// # Errors
    /// If the storage does not answer.
    pub async fn holds(&self, location: &str, size: u64) -> Result<bool, Error> {
        match self.objects.head(&Path::from(location)).await {
            Ok(found) => Ok(found.size == size),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
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

    /// An address where anybody may read the bytes at `location`, for a quarter of an hour, and is told this
    /// Content-Disposition (RFC 6266); none if the repository is a folder, which has no addresses.
    ///
    /// # Errors
    /// If it cannot be signed.
    pub async fn link(&self, location: &str, disposition: &str) -> Result<Option<String>, Error> {
        match &self.place {
            Place::Folder(_) => Ok(None),
            Place::Bucket(bucket) => bucket.link(location, disposition).await.map(Some),
        }
    }

    /// Removes what uploads that were cut off by a crash left, if nothing was heard of them for `idle`. Returns how
    /// many.
    ///
    /// # Errors
    /// If the storage cannot be read.
    pub async fn remove_unfinished(&self, idle: Duration) -> Result<usize, Error> {
        match &self.place {
            Place::Folder(folder) => {
                let blobs = folder.join(BLOBS);
                let removing = tokio::task::spawn_blocking(move || folder::remove_unfinished(&blobs, idle));
                removing.await?
            }
            Place::Bucket(bucket) => bucket.remove_unfinished(idle).await,
        }
    }
}

impl Staged {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// If the storage refuses them; the upload is over then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        match &mut self.0 {
            Staging::File(_, Some(upload)) => Ok(upload.put_part(bytes.into()).await?),
            Staging::Object(object) => {
                let Some(mut upload) = object.take() else { return Err(Error::GivenUp) };
                upload.write(bytes).await?;
                *object = Some(upload);
                Ok(())
            }
            Staging::File(_, None) => Err(Error::GivenUp),
        }
    }

    /// Makes the bytes durable and returns where they are.
    ///
    /// # Errors
    /// If the storage refuses it; nothing is left then.
    pub async fn finish(mut self) -> Result<String, Error> {
        match &mut self.0 {
            Staging::File(location, upload) => {
                let Some(mut upload) = upload.take() else { return Err(Error::GivenUp) };
                match upload.complete().await {
                    Ok(_) => Ok(location.to_string()),
                    Err(error) => {
                        drop(upload.abort().await);
                        Err(error.into())
                    }
                }
            }
            Staging::Object(upload) => upload.take().ok_or(Error::GivenUp)?.finish().await,
        }
    }
}

impl Drop for Staged {
    /// An upload that was not finished leaves nothing, whichever way it ended. One to a bucket sees to that itself.
    fn drop(&mut self) {
        if let Staging::File(_, upload) = &mut self.0
            && let Some(mut upload) = upload.take()
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
