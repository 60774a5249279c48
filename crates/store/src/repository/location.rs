//! Where a repository is.

use std::fmt;
use std::path::PathBuf;

/// Where the bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepositoryLocation {
    /// A folder, made if missing.
    Folder(PathBuf),
    /// A bucket, or a part of it, on S3.
    S3(S3Location),
}

impl RepositoryLocation {
    /// The largest binary that can be stored there, in bytes; none where the disk is the only limit.
    pub fn max_bytes(&self) -> Option<u64> {
        match self {
            Self::Folder(_) => None,
            Self::S3(_) => Some(super::upload::MAX_BYTES),
        }
    }
}

impl fmt::Display for RepositoryLocation {
    /// As a URL, without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "file:{}", folder.display()),
            Self::S3(S3Location { bucket, prefix, .. }) if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3(S3Location { bucket, prefix, .. }) => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// A bucket on S3, or on a server that speaks like it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Location {
    /// The bucket, which must exist.
    pub bucket: String,
    /// What every object's key begins with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The server, as `https://host:port` or `http://host:port`; none for Amazon's own.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// Where the bucket's name stands in a request.
    pub url_style: UrlStyle,
    /// Who asks.
    pub credentials: S3Credentials,
}

/// Where the bucket's name stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlStyle {
    /// In the path.
    Path,
    /// In the host's name.
    VirtualHost,
}

/// An access key. Its debug text holds no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// The key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
    /// The token of a session, where the key is a temporary one.
    pub session_token: Option<String>,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Credentials").finish_non_exhaustive()
    }
}
