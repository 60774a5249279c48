//! A bucket on S3: how it is asked, and what only a bucket needs.
//!
//! S3 keeps the parts of an unfinished upload, and charges for them, until somebody who knows its id aborts it. So a
//! marker stands in `uploads/` for as long as an upload in parts goes on: it has the upload's name and holds its id.
//! Whoever uploads keeps the marker young; an old one is what a crash left.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::signer::{Method, SignedUrlOptions, Signer as _};
use object_store::{
    BackoffConfig, ClientOptions, MultipartId, ObjectStore, ObjectStoreExt as _, PutPayload, RetryConfig,
};

use super::{S3Location, UrlStyle, location_of};
use crate::Error;

/// Where the markers are.
const UPLOADS: &str = "uploads";
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long S3 may be silent: from a request's first byte to the answer's, and between two pieces of the answer.
const SILENCE: Duration = Duration::from_secs(20);
/// Nothing is tried again after this long, so that no request waits much longer than one silence.
const RETRY: Duration = Duration::from_secs(10);
/// How long a link is valid.
const LINK_VALID: Duration = Duration::from_secs(15 * 60);

/// A bucket, or the part of one below a prefix. Locations are below the prefix.
#[derive(Clone)]
pub(super) struct Bucket {
    s3: AmazonS3,
    prefix: Path,
}

impl Bucket {
    /// The bucket at a location. Nothing is asked of it yet.
    pub(super) fn new(location: &S3Location) -> Result<Self, object_store::Error> {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        };
        // A download may take as long as it takes: only silence ends it.
        let client = ClientOptions::new()
            .with_allow_http(location.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://")))
            .with_connect_timeout(CONNECT)
            .with_timeout_disabled()
            .with_read_timeout(SILENCE);
        let credentials = &location.credentials;
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&location.bucket)
            .with_region(&location.region)
            .with_virtual_hosted_style_request(location.url_style == UrlStyle::VirtualHost)
            .with_access_key_id(&credentials.access_key_id)
            .with_secret_access_key(&credentials.secret_access_key)
            // Not every server that speaks like S3 can delete many objects at once.
            .with_disable_bulk_delete(true)
            .with_retry(RetryConfig { backoff, max_retries: 3, retry_timeout: RETRY })
            .with_client_options(client);
        if let Some(token) = &credentials.session_token {
            builder = builder.with_token(token);
        }
        if let Some(endpoint) = endpoint(location) {
            builder = builder.with_endpoint(endpoint);
        }
        Ok(Self { s3: builder.build()?, prefix: Path::from(location.prefix.as_str()) })
    }

    /// The bucket as what every repository is.
    pub(super) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::new(PrefixStore::new(self.s3.clone(), self.prefix.clone()))
    }

    /// S3 itself, which knows nothing of the prefix.
    pub(super) fn s3(&self) -> &AmazonS3 {
        &self.s3
    }

    /// The key of what is at a location.
    pub(super) fn key(&self, location: &str) -> Path {
        self.prefix.parts().chain(Path::from(location).parts()).collect()
    }

    /// Stores bytes at a location.
    pub(super) async fn put(&self, location: &str, bytes: PutPayload) -> Result<(), object_store::Error> {
        self.s3.put(&self.key(location), bytes).await.map(|_| ())
    }

    /// Removes what is at a location; it is no error if nothing is.
    pub(super) async fn remove(&self, location: &str) -> Result<(), object_store::Error> {
        match self.s3.delete(&self.key(location)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Begins an upload in parts, and marks it.
    pub(super) async fn begin(&self, name: &str) -> Result<Multipart, object_store::Error> {
        let id = self.s3.create_multipart(&self.key(&location_of(name))).await?;
        let multipart = Multipart { bucket: self.clone(), name: name.to_owned(), id };
        match multipart.mark().await {
            Ok(()) => Ok(multipart),
            Err(error) => {
                multipart.abandon().await;
                Err(error)
            }
        }
    }

    /// An address at S3 itself where anybody may read the bytes at a location, for a quarter of an hour, and is told
    /// this Content-Disposition.
    pub(super) async fn link(&self, location: &str, disposition: &str) -> Result<String, Error> {
        let options = SignedUrlOptions::new().with_query([
            ("response-content-disposition", disposition),
            ("response-content-type", "application/octet-stream"),
        ]);
        let url = self.s3.signed_url_opts(Method::GET, &self.key(location), LINK_VALID, &options).await?;
        Ok(url.into())
    }

    /// Aborts the uploads whose marker nobody has touched for `idle`. Returns how many.
    pub(super) async fn remove_unfinished(&self, idle: Duration) -> Result<usize, Error> {
        let markers: Vec<_> = self.s3.list(Some(&self.key(UPLOADS))).try_collect().await?;
        let mut removed = 0;
        for marker in markers {
            let is_old = SystemTime::from(marker.last_modified).elapsed().is_ok_and(|age| age > idle);
            if let Some(name) = marker.location.filename()
                && is_old
            {
                removed += usize::from(self.remove_marked(name).await?);
            }
        }
        Ok(removed)
    }

    /// Aborts the upload of this name, if it can be.
    async fn remove_marked(&self, name: &str) -> Result<bool, Error> {
        let id = match self.s3.get(&self.key(&marker_of(name))).await {
            Ok(marker) => String::from_utf8_lossy(&marker.bytes().await?).into_owned(),
            // It has come to its end meanwhile.
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        match (Multipart { bucket: self.clone(), name: name.to_owned(), id }).abort().await {
            Ok(()) => Ok(true),
            // One upload that S3 does not let go of must not keep the others.
            Err(error @ object_store::Error::PermissionDenied { .. }) => {
                warn(&error, name, "S3 refuses to abort an unfinished upload");
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The server to ask; where the bucket stands in the host's name, `object_store` expects it there already.
fn endpoint(location: &S3Location) -> Option<String> {
    let endpoint = location.endpoint.as_deref()?;
    Some(match (location.url_style, endpoint.split_once("://")) {
        (UrlStyle::VirtualHost, Some((scheme, host))) => format!("{scheme}://{}.{host}", location.bucket),
        _ => endpoint.to_owned(),
    })
}

/// Where the marker of an upload is.
fn marker_of(name: &str) -> String {
    format!("{UPLOADS}/{name}")
}

/// An upload in parts.
pub(super) struct Multipart {
    bucket: Bucket,
    name: String,
    id: MultipartId,
}

impl Multipart {
    /// Makes the marker young. If that fails, the next time is soon enough.
    pub(super) async fn remark(&self) {
        if let Err(error) = self.mark().await {
            warn(&error, &self.name, "the marker of an upload could not be written anew");
        }
    }

    async fn mark(&self) -> Result<(), object_store::Error> {
        self.bucket.put(&marker_of(&self.name), self.id.clone().into()).await
    }

    /// Sends the next part, after so many others.
    pub(super) async fn put(&self, number: usize, bytes: PutPayload) -> Result<PartId, object_store::Error> {
        self.bucket.s3.put_part(&self.key(), &self.id, number, bytes).await
    }

    /// Makes one object of all parts.
    pub(super) async fn complete(&self, parts: Vec<PartId>) -> Result<(), object_store::Error> {
        self.bucket.s3.complete_multipart(&self.key(), &self.id, parts).await.map(|_| ())
    }

    /// Removes the marker of an upload that has come to its end.
    pub(super) async fn forget(&self) {
        if let Err(error) = self.bucket.remove(&marker_of(&self.name)).await {
            warn(&error, &self.name, "the marker of a finished upload is left to the sweeper");
        }
    }

    /// Gives the upload up.
    pub(super) async fn abandon(&self) {
        if let Err(error) = self.abort().await {
            warn(&error, &self.name, "an unfinished upload is left to the sweeper");
        }
    }

    /// Removes the parts, and then the marker. An upload that S3 does not know has come to its end.
    async fn abort(&self) -> Result<(), object_store::Error> {
        match self.bucket.s3.abort_multipart(&self.key(), &self.id).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => self.bucket.remove(&marker_of(&self.name)).await,
            Err(error) => Err(error),
        }
    }

    fn key(&self) -> Path {
        self.bucket.key(&location_of(&self.name))
    }
}

fn warn(error: &object_store::Error, upload: &str, text: &str) {
    tracing::warn!(error = error as &dyn std::error::Error, upload, "{text}");
}
