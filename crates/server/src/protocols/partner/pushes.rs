//! `/v1/ota/partners/{partnerId}/pushes`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::Timestamp;
use otaria_core::fields::Fields;
use otaria_core::push;
use otaria_store::pushes::{self, Filter, HistoryEntry, PushRecord};
use otaria_wire::partner::{PageOut, PushConfirmation, PushHistoryOut, PushOut, PushState};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::errors::Refusal;
use super::lists::{PageParams, Query, page_out};
use super::path::PathParts;
use crate::access::people::{Managing, Viewing};
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get, cancel))
}

pub(super) const fn state(state: push::PushState) -> PushState {
    use push::PushState as Core;
    match state {
        Core::Offered => PushState::Offered,
        Core::Fetched => PushState::Fetched,
        Core::Downloading => PushState::Downloading,
        Core::Downloaded => PushState::Downloaded,
        Core::Installing => PushState::Installing,
        Core::Installed => PushState::Installed,
        Core::Cancelling => PushState::Cancelling,
        Core::Succeeded => PushState::Succeeded,
        Core::Failed => PushState::Failed,
        Core::TimedOut => PushState::TimedOut,
        Core::Lost => PushState::Lost,
        Core::Cancelled => PushState::Cancelled,
        Core::Superseded => PushState::Superseded,
    }
}

const fn confirmation(confirmation: push::Confirmation) -> Option<PushConfirmation> {
    match confirmation {
        push::Confirmation::NotAsked => None,
        push::Confirmation::Waiting => Some(PushConfirmation::Waiting),
        push::Confirmation::Given => Some(PushConfirmation::Given),
        push::Confirmation::Denied => Some(PushConfirmation::Denied),
    }
}

pub(super) fn out(record: PushRecord) -> PushOut {
    let push = record.push;
    PushOut {
        id: push.id.to_string(),
        device_id: record.device_id.to_string(),
        device_type_id: record.device_type_id.to_string(),
        firmware_image_id: record.association_id.to_string(),
        r#type: i64::from(push.firmware_type.number()),
        version_number: push.version_number.to_string(),
        version: record.version,
        state: state(push.state),
        confirmation: confirmation(push.terms.confirmation),
        progress: push.progress.map(i64::from),
        message: push.message,
        created_timestamp: push.created.as_millis(),
        updated_timestamp: push.updated.as_millis(),
        started_timestamp: push.started.map(Timestamp::as_millis),
        finished_timestamp: push.finished.map(Timestamp::as_millis),
        requested_by: record.requested_by,
        history: None,
    }
}

pub(super) fn history_out(history: HistoryEntry) -> PushHistoryOut {
    PushHistoryOut {
        timestamp: history.at.as_millis(),
        state: state(history.entry.state),
        message: history.entry.message,
        details: (!history.entry.details.is_empty()).then_some(history.entry.details),
        count: (history.times > 1).then_some(history.times),
    }
}

/// Retrieves a page of the partner's pushes.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/pushes", tag = "Pushes", operation_id = "listPushes",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceId" = Option<String>, Query, description = "Only to this device"),
        ("type" = Option<i64>, Query, description = "Only of this firmware type"),
        ("state" = Option<PushState>, Query, description = "Only in this state"),
        PageParams,
    ),
    responses((status = 200, description = "A page", body = PageOut<PushOut>)),
)]
async fn list(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    query: Query,
) -> Result<Json<PageOut<PushOut>>, Refusal> {
    let mut fields = Fields::new();
    let filter = Filter {
        device_id: query.first("deviceId").unwrap_or_default().to_owned(),
        firmware_type: query.parsed(&mut fields, "type"),
        state: query.parsed(&mut fields, "state"),
    };
    let request = query.page(&mut fields, pushes::SORTABLE);
    fields.finish().map_err(Error::from)?;
    let page = service.pushes(&scope, &filter, &request).await?;
    Ok(Json(page_out(page, &request, out)))
}

/// Retrieves a push with its history, newest first.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/pushes/{pushId}", tag = "Pushes", operation_id = "getPush",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("pushId" = String, Path, description = "The push's id"),
    ),
    responses((status = 200, description = "The push", body = PushOut)),
)]
async fn get(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<Json<PushOut>, Refusal> {
    let (record, history) = service.show_push(&scope, path.get("pushId")?).await?;
    let history = history.into_iter().map(history_out).collect();
    Ok(Json(PushOut { history: Some(history), ..out(record) }))
}

/// Cancels a push: at once where the device has not fetched it, else by asking the device.
#[utoipa::path(
    delete, path = "/v1/ota/partners/{partnerId}/pushes/{pushId}", tag = "Pushes", operation_id = "cancelPush",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("pushId" = String, Path, description = "The push's id"),
    ),
    responses(
        (status = 204, description = "Cancelled, or the device will be asked"),
        (status = 409, description = "It has ended"),
    ),
)]
async fn cancel(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<StatusCode, Refusal> {
    service.cancel_push(scope, actor, path.get("pushId")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
