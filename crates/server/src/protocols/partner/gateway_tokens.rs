//! `/v1/partners/{partnerId}/gatewayTokens`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::Timestamp;
use otaria_core::fields::Fields;
use otaria_store::gateway_tokens::{self, GatewayToken};
use otaria_wire::partner::{GatewayTokenIn, GatewayTokenOut, PageOut};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::lists::{PageParams, Query, page_out};
use super::path::PathParts;
use super::registers::Registering;
use crate::access::people::{Managing, Viewing};
use crate::actions::gateway_tokens::GatewayTokenDetails;
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(delete))
}

fn out(token: GatewayToken) -> GatewayTokenOut {
    GatewayTokenOut {
        id: token.id.to_string(),
        name: token.name,
        expires_timestamp: token.expires.map(Timestamp::as_millis),
        may_register: token.registers.is_some(),
        device_type_id: token.registers.map(|registers| registers.device_type_id.to_string()),
        account_id: token.registers.map(|registers| registers.account_id.to_string()),
        created_timestamp: token.created.as_millis(),
        token: None,
    }
}

fn details(body: GatewayTokenIn, now: Timestamp) -> Result<GatewayTokenDetails, Error> {
    let mut fields = Fields::new();
    let name = fields.name("name", body.name.as_deref());
    let expires = body.expires_timestamp.map(Timestamp::from_millis);
    if expires.is_some_and(|expires| expires <= now) {
        fields.refuse("expiresTimestamp", "must be in the future, in milliseconds since the Unix epoch");
    }
    let (device_type, account) = (body.device_type_id.as_deref(), body.account_id.as_deref());
    let said = Registering::check(&mut fields, body.may_register, device_type, account);
    fields.finish()?;
    Ok(GatewayTokenDetails { name, expires, registers: said.registers()? })
}

/// Makes a gateway token: one credential for all of the partner's devices. The answer has the token, this once.
#[utoipa::path(
    post, path = "/v1/partners/{partnerId}/gatewayTokens", tag = "Devices", operation_id = "createGatewayToken",
    params(("partnerId" = String, Path, description = "The partner's id")),
    request_body = GatewayTokenIn,
    responses((status = 201, description = "Created", body = GatewayTokenOut)),
)]
async fn create(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    JsonBody(body): JsonBody<GatewayTokenIn>,
) -> Result<(StatusCode, Json<GatewayTokenOut>), Refusal> {
    let details = details(body, service.clock.now())?;
    let (token, secret) = service.create_gateway_token(scope, actor, details).await?;
    Ok((StatusCode::CREATED, Json(GatewayTokenOut { token: Some(secret.into_revealed()), ..out(token) })))
}

/// Retrieves a page of the partner's gateway tokens, without the tokens themselves.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/gatewayTokens", tag = "Devices", operation_id = "listGatewayTokens",
    params(("partnerId" = String, Path, description = "The partner's id"), PageParams),
    responses((status = 200, description = "A page", body = PageOut<GatewayTokenOut>)),
)]
async fn list(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    query: Query,
) -> Result<Json<PageOut<GatewayTokenOut>>, Refusal> {
    let request = query.only_page(gateway_tokens::SORTABLE)?;
    let page = service.gateway_tokens(&scope, &request).await?;
    Ok(Json(page_out(page, &request, out)))
}

/// Deletes a gateway token: it is refused from now on.
#[utoipa::path(
    delete, path = "/v1/partners/{partnerId}/gatewayTokens/{gatewayTokenId}", tag = "Devices",
    operation_id = "deleteGatewayToken",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("gatewayTokenId" = String, Path, description = "The gateway token's id"),
    ),
    responses((status = 204, description = "Deleted")),
)]
async fn delete(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<StatusCode, Refusal> {
    service.delete_gateway_token(scope, actor, path.get("gatewayTokenId")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
