//! The body of a transfer: one range as it is, or several as `multipart/byteranges` (RFC 9110, section 14.6).

use std::ops::Range;

use axum::body::Body;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _, future, stream};
use otaria_store::binaries::Binary;
use uuid::Uuid;

use crate::actions::binaries::Reading;
use crate::error::Error;
use crate::service::Service;
use crate::telemetry;

const OCTETS: &str = "application/octet-stream";

/// What of a binary is sent, and how it is framed.
pub(super) enum Parts {
    /// A range without a frame.
    Single(Range<u64>),
    /// Ranges, each behind what announces it, and what ends them.
    Several { boundary: String, parts: Vec<(String, Range<u64>)>, end: String },
}

impl Parts {
    /// One range alone.
    pub(super) fn single(range: Range<u64>) -> Self {
        Self::Single(range)
    }

    /// Ranges of a binary of `size` bytes; one is sent alone.
    pub(super) fn of(ranges: Vec<Range<u64>>, size: u64) -> Self {
        if let [only] = ranges.as_slice() {
            return Self::single(only.clone());
        }
        // No file can hold it: it is new, and 74 bits of it are random.
        let boundary = Uuid::now_v7().simple().to_string();
        let announced = ranges.into_iter().map(|range| {
            let content_range = content_range(&range, size);
            let head =
                format!("\r\n--{boundary}\r\nContent-Type: {OCTETS}\r\nContent-Range: {content_range}\r\n\r\n");
            (head, range)
        });
        let (parts, end) = (announced.collect(), format!("\r\n--{boundary}--\r\n"));
        Self::Several { boundary, parts, end }
    }

    /// The only range, if there is one.
    pub(super) fn only(&self) -> Option<Range<u64>> {
        match self {
            Self::Single(range) => Some(range.clone()),
            Self::Several { .. } => None,
        }
    }

    /// The value of Content-Type.
    pub(super) fn content_type(&self) -> String {
        match self {
            Self::Single(_) => OCTETS.to_owned(),
            Self::Several { boundary, .. } => format!("multipart/byteranges; boundary={boundary}"),
        }
    }

    /// How many bytes the body has.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Single(range) => range.end - range.start,
            Self::Several { parts, end, .. } => {
                let length = |(head, range): &(String, Range<u64>)| head.len() as u64 + range.end - range.start;
                parts.iter().map(length).sum::<u64>() + end.len() as u64
            }
        }
    }

    /// The body. Of several parts each is opened when its turn comes, so that a request holds one file at a time.
    ///
    /// # Errors
    /// If the repository does not have the first bytes at hand.
    pub(super) async fn body(self, binary: &Binary, service: &Service) -> Result<Body, Error> {
        let (parts, end) = match self {
            Self::Single(range) => {
                return Ok(Body::from_stream(read(service, binary, range).await?));
            }
            Self::Several { parts, end, .. } => (parts, end),
        };
        let mut parts = parts.into_iter();
        let first = match parts.next() {
            Some(part) => opened(service.clone(), binary.clone(), part).await?,
            None => stream::empty().boxed(),
        };
        let (service, binary) = (service.clone(), binary.clone());
        let others =
            stream::iter(parts).then(move |part| opened(service.clone(), binary.clone(), part)).try_flatten();
        let end = stream::once(future::ok(Bytes::from(end)));
        Ok(Body::from_stream(first.chain(others).chain(end)))
    }
}

/// The bytes of a range, counted on their way out.
async fn read(service: &Service, binary: &Binary, range: Range<u64>) -> Result<Reading, Error> {
    let bytes = service.read_binary(binary, range.start, range.end).await?;
    Ok(bytes.inspect_ok(|bytes| telemetry::sent(bytes.len())).boxed())
}

/// The bytes of a part, behind what announces it.
async fn opened(
    service: Service,
    binary: Binary,
    (head, range): (String, Range<u64>),
) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
    let bytes = read(&service, &binary, range).await?;
    Ok(stream::once(future::ok(Bytes::from(head))).chain(bytes.map_err(Error::from)).boxed())
}

/// The value of Content-Range for a range that is sent.
pub(super) fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_has_no_frame() {
        let parts = Parts::of(std::iter::once(5..10).collect(), 100);
        assert_eq!((parts.only(), parts.length(), parts.content_type().as_str()), (Some(5..10), 5, OCTETS));
    }

    #[test]
    fn every_response_has_a_boundary_of_its_own() {
        let of = || Parts::of(vec![0..1, 5..6], 100).content_type();
        assert_ne!(of(), of());
    }
}
