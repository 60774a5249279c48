//! Artifacts: the bytes of an update. What a request accepts is not asked here: it is the bytes or nothing.

use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{IntoResponse as _, Response};
use data_encoding::HEXLOWER;
use otaria_store::binaries::Binary;

use super::deployment::artifact;
use super::errors::Answer;
use super::formats::{Format, answer};
use super::links::{Artifacts, MD5SUM};
use super::path::{Action, FileName};
use crate::access::device::Device;
use crate::access::links::Downloader;
use crate::access::origin::Place;
use crate::actions::updates::Purpose;
use crate::protocols::taken::heard_of;
use crate::protocols::transfer;
use crate::service::Service;

pub(super) async fn list(
    Device(device): Device,
    Action(action): Action,
    State(service): State<Service>,
    headers: HeaderMap,
) -> Answer {
    let deployment = service.pushed(&device, action).await?;
    let format = Format::accepted(&headers).unwrap_or(Format::Hal);
    answer(&headers, format, &[artifact(&Artifacts::of(&device, &service).await?, &deployment)])
}

/// The file under whatever name it is asked for: a push has only one. Under its name and `.MD5SUM` there is the sum.
pub(super) async fn get(
    Downloader(device): Downloader,
    Action(action): Action,
    FileName(name): FileName,
    place: Place,
    State(service): State<Service>,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let summed = name.strip_suffix(MD5SUM);
    let purpose = if method == Method::GET && summed.is_none() { Purpose::Read } else { Purpose::Inspect };
    let binary = service.binary_of_push(&device, action, purpose).await?;
    if let Some(summed) = summed {
        return Ok(md5sum(&binary, summed));
    }
    let named = Binary { file_name: Some(name), ..binary };
    let response = transfer::send(&method, &headers, &named, &service).await?;
    Ok(heard_of(response, &device, &place, &service))
}

/// The sum in the format of the tool of that name.
fn md5sum(binary: &Binary, name: &str) -> Response {
    let text = format!("{}  {name}", HEXLOWER.encode(&binary.digests.md5));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (CONTENT_LENGTH, HeaderValue::from(text.len())),
    ];
    (headers, text).into_response()
}
