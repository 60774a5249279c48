//! The partner's view of its fleet: `/v1/partners/{partnerId}/devices`

use axum::Json;
use axum::extract::State;
use otaria_core::explanation::Reason;
use otaria_core::fields::Fields;
use otaria_core::{DeviceTypeId, PushId, Timestamp};
use otaria_store::devices::{self, Filter};
use otaria_store::pushes::HistoryEntry;
use otaria_wire::partner::{
    AutoConfirmedOut, DeviceOut, ExplanationOut, PageOut, ReasonOut, SaidOut, TypeExplanationOut,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::devices::{Expansions, View};
use super::errors::Refusal;
use super::lists::{PageParams, Query, page_out};
use super::path::PathParts;
use super::pushes;
use crate::access::people::Viewing;
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(fleet)).routes(routes!(fleet_device)).routes(routes!(explain))
}

/// Retrieves a page of the partner's fleet.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/devices", tag = "Devices", operation_id = "listFleet",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceTypeId" = Option<String>, Query, description = "Only of this device type"),
        ("tag" = Option<String>, Query, description = "Only with this tag"),
        ("q" = Option<String>, Query, description = "Only with this text in the id or friendly name, without case"),
        ("expansions" = Option<String>, Query, description = "Any of state, tags, attributes, comma-separated"),
        PageParams,
    ),
    responses((status = 200, description = "A page", body = PageOut<DeviceOut>)),
)]
async fn fleet(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    query: Query,
) -> Result<Json<PageOut<DeviceOut>>, Refusal> {
    let mut fields = Fields::new();
    let filter = Filter {
        device_type_id: query.parsed::<DeviceTypeId>(&mut fields, "deviceTypeId"),
        tag: query.first("tag").unwrap_or_default().trim().to_owned(),
        text: query.first("q").unwrap_or_default().to_owned(),
    };
    let request = query.page(&mut fields, devices::SORTABLE);
    fields.finish().map_err(Error::from)?;
    let page = service.fleet(&scope, &filter, &request).await?;
    let expansions = Expansions::of(&query, View::Partner, &service);
    Ok(Json(page_out(page, &request, |device| expansions.out(device))))
}

/// Retrieves a device of the partner's fleet: what it is and runs, what waits for it, and what it said.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/devices/{deviceId}", tag = "Devices", operation_id = "getFleetDevice",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceId" = String, Path, description = "The device's id"),
        ("expansions" = Option<String>, Query, description = "Any of state, tags, attributes, comma-separated"),
    ),
    responses((status = 200, description = "The device", body = DeviceOut)),
)]
async fn fleet_device(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
    query: Query,
) -> Result<Json<DeviceOut>, Refusal> {
    let page = service.device_page(&scope, &path.get("deviceId")?).await?;
    let out = Expansions::of(&query, View::Partner, &service).out(page.device);
    Ok(Json(DeviceOut {
        config_data: (!page.config.is_empty()).then_some(page.config),
        auto_confirm: page.auto_confirmed.map(|agreed| AutoConfirmedOut {
            timestamp: agreed.since.as_millis(),
            initiator: agreed.initiator,
            remark: agreed.remark,
        }),
        waiting: Some(page.open.into_iter().map(pushes::out).collect()),
        said: Some(page.said.into_iter().map(said).collect()),
        ..out
    }))
}

fn said((push, entry): (PushId, HistoryEntry)) -> SaidOut {
    SaidOut { push_id: push.to_string(), entry: pushes::history_out(entry) }
}

/// Says why a device is, or is not, being offered something now, for each firmware type.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/devices/{deviceId}/explain", tag = "Devices",
    operation_id = "explainDevice",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceId" = String, Path, description = "The device's id"),
    ),
    responses((status = 200, description = "The reasons, in codes and in words", body = ExplanationOut)),
)]
async fn explain(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<Json<ExplanationOut>, Refusal> {
    let device = path.get("deviceId")?;
    let situation = service.situation(&scope, &device).await?;
    let types = situation.types.iter().map(|about| TypeExplanationOut {
        r#type: i64::from(about.firmware_type.number()),
        installed_version_number: about.installed.map(|number| number.to_string()),
        newest_version_number: about.newest_associated.map(|number| number.to_string()),
        reasons: situation.of_type(about).into_iter().map(reason).collect(),
    });
    Ok(Json(ExplanationOut {
        device_id: device.to_string(),
        last_poll_timestamp: situation.last_seen.map(Timestamp::as_millis),
        reasons: situation.of_device().into_iter().map(reason).collect(),
        types: types.collect(),
    }))
}

fn reason(reason: Reason) -> ReasonOut {
    ReasonOut { code: reason.code.as_str().to_owned(), message: reason.message }
}
