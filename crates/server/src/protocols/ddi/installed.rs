//! installedBase: what a device runs, as it was told and as it says.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use otaria_wire::ddi::InstalledIn;

use super::body::Said;
use super::deployment::{Parameters, described, history_limit};
use super::errors::{Answer, Refusal, empty};
use super::formats::{Format, answer};
use super::path::Action;
use crate::access::device::Device;
use crate::actions::updates::Learning;
use crate::error::Error;
use crate::service::Service;

pub(super) async fn get(
    Device(device): Device,
    Action(action): Action,
    State(service): State<Service>,
    query: Parameters,
    headers: HeaderMap,
) -> Answer {
    let format = Format::accepted(&headers)?;
    let limit = history_limit(query)?;
    let deployment = service.ended_deployment(&device, action).await?;
    answer(&headers, format, &described(&service, &device, &deployment, limit).await?)
}

/// A device states what it runs, by the name and version of an image.
pub(super) async fn put(
    Device(device): Device,
    State(service): State<Service>,
    Said(InstalledIn { name, version }): Said<InstalledIn>,
) -> Answer {
    match service.state_installed(&device, name, version).await {
        Ok(Learning::News) => Ok(empty(StatusCode::CREATED)),
        Ok(Learning::Known) => Ok(empty(StatusCode::OK)),
        Err(error @ Error::Conflict { .. }) => Err(Refusal::Ambiguous(error.to_string())),
        Err(error) => Err(error.into()),
    }
}
