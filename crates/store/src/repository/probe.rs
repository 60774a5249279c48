//! Whether a repository can be used, found out before anybody relies on it.

use std::error::Error as StdError;

use object_store::client::HttpError;
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};

use super::bucket::Bucket;
use super::{RepositoryLocation, S3Location};
use crate::Error;

/// What is written and removed to see whether that may be done.
const PROBE: &str = "probe";

/// Why a repository cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or opened.
    #[error("the folder {folder} cannot be made or opened")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        source: Error,
    },
    /// S3 cannot be used.
    #[error("{place} {trouble}: {reason}")]
    S3 {
        /// Which bucket, where.
        place: String,
        /// What is wrong.
        trouble: Trouble,
        /// What S3, or the network, said.
        reason: String,
    },
}

/// What can be wrong with a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody answers there.
    #[error("cannot be reached")]
    Unreachable,
    /// The access key is unknown, or its secret or token wrong.
    #[error("refuses the access key or its secret")]
    Credentials,
    /// The clocks differ too much for signatures.
    #[error("has another time than this machine")]
    Clock,
    /// There is no such bucket.
    #[error("has no such bucket")]
    NoBucket,
    /// The bucket is in another region.
    #[error("is in another region")]
    Region,
    /// The access key may not list objects.
    #[error("does not let this access key list objects")]
    MayNotList,
    /// The access key may not write objects.
    #[error("does not let this access key write objects")]
    MayNotWrite,
    /// The access key may not delete objects.
    #[error("does not let this access key delete objects")]
    MayNotDelete,
    /// Something else.
    #[error("answers with an error")]
    Other,
}

/// Opens a bucket if it lets itself be listed, written to and deleted from.
pub(super) async fn bucket(location: &S3Location) -> Result<Bucket, OpenError> {
    let failed = |may_not: Trouble| move |error: object_store::Error| open_error(location, may_not, &error);
    let bucket = Bucket::new(location).map_err(failed(Trouble::Other))?;
    let one = PaginatedListOptions { max_keys: Some(1), ..PaginatedListOptions::default() };
    bucket
        .s3()
        .list_paginated(Some(&location.prefix).filter(|prefix| !prefix.is_empty()).map(String::as_str), one)
        .await
        .map_err(failed(Trouble::MayNotList))?;
    bucket.put(PROBE, "Otaria may write here.".into()).await.map_err(failed(Trouble::MayNotWrite))?;
    bucket.remove(PROBE).await.map_err(failed(Trouble::MayNotDelete))?;
    Ok(bucket)
}

fn open_error(location: &S3Location, may_not: Trouble, error: &object_store::Error) -> OpenError {
    let trouble = trouble(error, may_not);
    let url = RepositoryLocation::S3(location.clone());
    let place = match &location.endpoint {
        Some(endpoint) => format!("{url} at {endpoint}"),
        None => format!("{url} at Amazon in {}", location.region),
    };
    OpenError::S3 { place, trouble, reason: reason(error) }
}

fn trouble(error: &object_store::Error, may_not: Trouble) -> Trouble {
    if causes(error).any(<dyn StdError>::is::<HttpError>) {
        return Trouble::Unreachable;
    }
    // The type that holds the answer is private: its text has the answer's XML.
    let text = error.to_string();
    if text.contains("redirect without LOCATION") {
        return Trouble::Region;
    }
    match (element(&text, "Code"), error) {
        (
            Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken" | "NotSignedUp"),
            _,
        ) => Trouble::Credentials,
        (Some("RequestTimeTooSkewed"), _) => Trouble::Clock,
        (Some("NoSuchBucket" | "InvalidBucketName"), _) => Trouble::NoBucket,
        (Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect" | "InvalidRegion"), _) => {
            Trouble::Region
        }
        (_, object_store::Error::PermissionDenied { .. }) => may_not,
        (_, object_store::Error::Unauthenticated { .. }) => Trouble::Credentials,
        (_, object_store::Error::NotFound { .. }) => Trouble::NoBucket,
        _ => Trouble::Other,
    }
}

/// What went wrong, in as few words as there are: S3's own, else the deepest cause.
fn reason(error: &object_store::Error) -> String {
    let text = error.to_string();
    match (element(&text, "Code"), element(&text, "Message")) {
        (Some(code), Some(message)) => format!("{code}, {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => causes(error).last().unwrap_or(error).to_string(),
    }
}

fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The text of the first element of this name.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn answered(code: &str) -> object_store::Error {
        let body = format!("status code: 403: <Error><Code>{code}</Code><Message>Why.</Message></Error>");
        object_store::Error::PermissionDenied { path: String::new(), source: body.into() }
    }

    #[rstest]
    #[case("SignatureDoesNotMatch", Trouble::Credentials)]
    #[case("RequestTimeTooSkewed", Trouble::Clock)]
    #[case("NoSuchBucket", Trouble::NoBucket)]
    #[case("AuthorizationHeaderMalformed", Trouble::Region)]
    #[case("AccessDenied", Trouble::MayNotWrite)]
    fn what_s3_says_is_understood(#[case] code: &str, #[case] expected: Trouble) {
        let error = answered(code);
        assert_eq!(trouble(&error, Trouble::MayNotWrite), expected);
        assert_eq!(reason(&error), format!("{code}, Why."));
    }
}
