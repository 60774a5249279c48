//! `/v1/partners/{partnerId}/devices/{deviceId}/unreadable`

use axum::Json;
use axum::extract::State;
use otaria_core::unreadable::{EXCERPT, Outcome};
use otaria_store::unreadable::Unreadable;
use otaria_wire::partner::{UnreadableOut, UnreadableOutcome};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::errors::Refusal;
use super::path::PathParts;
use crate::access::people::Viewing;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Retrieves what a device sent lately that could not be read as it was: the last 10 different ones, newest first.
///
/// They show a few seconds after they came.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/devices/{deviceId}/unreadable", tag = "Devices",
    operation_id = "listUnreadable",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceId" = String, Path, description = "The device's id"),
    ),
    responses((status = 200, description = "What it sent", body = [UnreadableOut])),
)]
async fn list(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<Json<Vec<UnreadableOut>>, Refusal> {
    let sent = service.unreadable_of(&scope, &path.get("deviceId")?).await?;
    Ok(Json(sent.into_iter().map(out).collect()))
}

fn out(sent: Unreadable) -> UnreadableOut {
    UnreadableOut {
        timestamp: sent.last.as_millis(),
        first_timestamp: sent.first.as_millis(),
        count: sent.times,
        request: sent.request,
        outcome: match sent.outcome {
            Outcome::Repaired => UnreadableOutcome::Repaired,
            Outcome::Refused => UnreadableOutcome::Refused,
        },
        reason: sent.reason,
        content_type: sent.media_type,
        body: sent.body,
        truncated: sent.length > i64::try_from(EXCERPT).unwrap_or(i64::MAX),
        length: sent.length,
    }
}
