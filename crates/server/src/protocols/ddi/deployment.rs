//! deploymentBase: the details of a push.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Method};
use data_encoding::HEXLOWER;
use otaria_core::FirmwareType;
use otaria_core::push::PushState;
use otaria_store::scopes::AuthenticatedDevice;
use otaria_wire::ddi::{
    ActionHistoryOut, ArtifactOut, ChunkOut, DeploymentOut, DeploymentPlanOut, Handling, HashesOut,
    MaintenanceWindow, MetadataOut,
};

use super::clients::SentThrough;
use super::errors::Answer;
use super::file_names;
use super::formats::{Format, answer};
use super::links::Artifacts;
use super::path::Action;
use crate::access::device::Device;
use crate::actions::updates::{Deployment, HISTORY_LIMIT, Purpose, Timing};
use crate::error::Error;
use crate::service::Service;

pub(super) type Parameters = Result<Query<Vec<(String, String)>>, QueryRejection>;

pub(super) async fn get(
    Device(device): Device,
    Action(action): Action,
    SentThrough(client): SentThrough,
    State(service): State<Service>,
    query: Parameters,
    method: Method,
    headers: HeaderMap,
) -> Answer {
    let format = Format::accepted(&headers)?;
    let limit = history_limit(query)?;
    let purpose = if method == Method::GET { Purpose::Read } else { Purpose::Inspect };
    let deployment = service.deployment(&device, action, &client, purpose).await?;
    answer(&headers, format, &described(&service, &device, &deployment, limit).await?)
}

/// A push as its device is told of it, with as much of its history as it wants to know.
pub(super) async fn described(
    service: &Service,
    device: &AuthenticatedDevice,
    deployment: &Deployment,
    limit: i64,
) -> Result<DeploymentOut, Error> {
    Ok(DeploymentOut {
        id: deployment.push.action.to_string(),
        deployment: plan(&Artifacts::of(device, service).await?, deployment),
        action_history: history(service, device, deployment, limit).await?,
    })
}

/// What a push asks the device to do.
fn plan(links: &Artifacts, deployment: &Deployment) -> DeploymentPlanOut {
    let (update, maintenance_window) = match deployment.timing {
        Timing::Anytime => (Handling::Forced, None),
        Timing::InWindow => (Handling::Forced, Some(MaintenanceWindow::Available)),
        Timing::BeforeWindow => (Handling::Skip, Some(MaintenanceWindow::Unavailable)),
    };
    DeploymentPlanOut {
        download: Handling::Forced,
        update,
        maintenance_window,
        chunks: vec![chunk(links, deployment)],
    }
}

/// What was said about a push so far; none unless the device wants to know and there is something.
async fn history(
    service: &Service,
    device: &AuthenticatedDevice,
    deployment: &Deployment,
    limit: i64,
) -> Result<Option<ActionHistoryOut>, Error> {
    let push = &deployment.push.push;
    let messages = match limit {
        0 => Vec::new(),
        limit => service.said(device, push, limit).await?,
    };
    let status = if push.is_confirmed() { status(push.state) } else { "WAIT_FOR_CONFIRMATION" };
    Ok((!messages.is_empty()).then(|| ActionHistoryOut { status: status.to_owned(), messages }))
}

/// How much history is asked for. `c` only makes the link change, but it is an integer.
pub(super) fn history_limit(query: Parameters) -> Result<i64, Error> {
    let Query(query) = query.map_err(|error| Error::Malformed(error.body_text()))?;
    let mut limit = 0;
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        let number = || value.parse::<i64>().map_err(|_| Error::field(name, "must be an integer"));
        match name.as_str() {
            "c" => drop(number()?),
            "actionHistory" => limit = number()?,
            _ => {}
        }
    }
    Ok(if (0..=HISTORY_LIMIT).contains(&limit) { limit } else { HISTORY_LIMIT })
}

/// One push is one chunk with one artifact: several clients accept nothing else.
fn chunk(links: &Artifacts, deployment: &Deployment) -> ChunkOut {
    let push = &deployment.push;
    ChunkOut {
        part: deployment.image.part.clone().unwrap_or_else(|| part(push.push.firmware_type)),
        version: push.version.clone(),
        name: deployment.image.name.clone(),
        artifacts: vec![artifact(links, deployment)],
        metadata: vec![MetadataOut { key: "versionNumber".to_owned(), value: push.push.version_number.to_string() }],
    }
}

pub(super) fn artifact(links: &Artifacts, deployment: &Deployment) -> ArtifactOut {
    let digests = &deployment.binary.digests;
    let filename = file_names::of(deployment);
    ArtifactOut {
        links: links.links(deployment.push.action, &filename),
        filename,
        hashes: HashesOut {
            sha1: HEXLOWER.encode(&digests.sha1),
            md5: HEXLOWER.encode(&digests.md5),
            sha256: digests.sha256.to_string(),
        },
        size: digests.size,
    }
}

/// What the chunk is for the device. An application is `bApp` for every client.
fn part(firmware_type: FirmwareType) -> String {
    match firmware_type.platform() {
        _ if firmware_type == FirmwareType::HUB => "os".to_owned(),
        Some(platform) if firmware_type != FirmwareType::APPLICATION => {
            platform.name.to_ascii_lowercase().replace('_', "-")
        }
        Some(_) | None => "bApp".to_owned(),
    }
}

/// How far the push is, in the protocol's words.
const fn status(state: PushState) -> &'static str {
    match state {
        PushState::Offered | PushState::Fetched => "RETRIEVED",
        PushState::Downloading => "DOWNLOAD",
        PushState::Downloaded => "DOWNLOADED",
        PushState::Installing | PushState::Installed => "RUNNING",
        PushState::Succeeded => "FINISHED",
        PushState::Failed | PushState::TimedOut | PushState::Lost => "ERROR",
        PushState::Cancelling => "CANCELING",
        PushState::Cancelled | PushState::Superseded => "CANCELED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(query: &[(&str, &str)]) -> Result<i64, Error> {
        let owned = query.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        history_limit(Ok(Query(owned.collect())))
    }

    #[test]
    fn history_is_bounded() {
        for (asked, expected) in [("", 0), ("0", 0), ("7", 7), ("100", 100), ("101", 100), ("-1", 100)] {
            assert_eq!(limit(&[("c", "-12"), ("actionHistory", asked)]).unwrap(), expected, "{asked}");
        }
        assert_eq!(limit(&[("x", "y")]).unwrap(), 0);
        assert!(limit(&[("c", "x")]).is_err());
        assert!(limit(&[("actionHistory", "many")]).is_err());
    }

    #[test]
    fn parts_have_the_names_that_clients_look_for() {
        let named = |number| part(FirmwareType::from_number(number).unwrap());
        for (number, expected) in
            [(1, "bootloader"), (3, "bApp"), (5, "os"), (7, "wifi-certificates"), (101, "bApp"), (200, "bApp")]
        {
            assert_eq!(named(number), expected);
        }
    }
}
