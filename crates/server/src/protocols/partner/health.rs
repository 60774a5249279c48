//! `/livez` and `/readyz`: for whoever watches over the process.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::errors::Refusal;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// Tells that the process answers.
#[utoipa::path(
    get, path = "/livez", tag = "Health", operation_id = "getLive",
    responses((status = 200, description = "It does", body = Object)),
    security(()),
)]
async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// Tells whether the database answers.
#[utoipa::path(
    get, path = "/readyz", tag = "Health", operation_id = "getReady",
    responses((status = 200, description = "It does", body = Object)),
    security(()),
)]
async fn ready(State(service): State<Service>) -> Result<Json<Value>, Refusal> {
    service.readiness().await?;
    Ok(Json(json!({ "status": "ready" })))
}
