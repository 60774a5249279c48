//! installedBase: what a device runs, as it was told and as it says.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use otaria_wire::ddi::{DeploymentOut, InstalledIn};

use super::body::Said;
use super::deployment::{Parameters, history, history_limit, plan};
use super::errors::{Answer, empty};
use super::formats::{Format, answer};
use super::links::Artifacts;
use super::path::Action;
use crate::access::device::Device;
use crate::actions::updates::Learning;
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
    let body = DeploymentOut {
        id: action.to_string(),
        deployment: plan(&Artifacts::of(&device, &service).await?, &deployment),
        action_history: history(&service, &device, &deployment, limit).await?,
    };
    answer(&headers, format, &body)
}

/// A device states what it runs, by the name and version of an image.
pub(super) async fn put(
    Device(device): Device,
    State(service): State<Service>,
    Said(InstalledIn { name, version }): Said<InstalledIn>,
) -> Answer {
    Ok(empty(match service.state_installed(&device, name, version).await? {
        Learning::News => StatusCode::CREATED,
        Learning::Known => StatusCode::OK,
    }))
}
