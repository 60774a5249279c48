//! `/v1/partners/{partnerId}/deviceTypes`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::fields::Fields;
use otaria_core::{DeviceTypeId, PartnerId};
use otaria_store::device_types::{self, Details, DeviceType};
use otaria_wire::partner::{DeviceTypeIn, DeviceTypeOut, DeviceTypeUpdateIn, PageOut};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::lists::{PageParams, Query, page_out};
use super::path::PathParts;
use super::policies::{policy, with_policy};
use super::revisions::{IfMatch, IfMatchParam, Tagged, tagged};
use crate::access::people::{Managing, Viewing};
use crate::actions::device_types::revision;
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(get, update))
}

fn out(partner: PartnerId, device_type: DeviceType) -> DeviceTypeOut {
    let record = DeviceTypeOut {
        device_type_id: device_type.device_type_id.to_string(),
        name: device_type.details.name,
        description: device_type.details.description,
        confirmation_required: None,
        success_on: None,
        version_within_seconds: None,
        maintenance: None,
        partner_id: partner.to_string(),
        created_timestamp: device_type.created.as_millis(),
        updated_timestamp: device_type.updated.as_millis(),
    };
    with_policy(record, &device_type.details.policy)
}

/// Creates a device type, under the id given or a new one.
#[utoipa::path(
    post, path = "/v1/partners/{partnerId}/deviceTypes", tag = "Device types", operation_id = "createDeviceType",
    params(("partnerId" = String, Path, description = "The partner's id")),
    request_body = DeviceTypeIn,
    responses(
        (status = 201, description = "Created", body = DeviceTypeOut),
        (status = 409, description = "The partner has a device type of this id"),
    ),
)]
async fn create(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    JsonBody(body): JsonBody<DeviceTypeIn>,
) -> Result<(StatusCode, Json<DeviceTypeOut>), Refusal> {
    let mut fields = Fields::new();
    let details = Details {
        name: fields.name("name", body.name.as_deref()),
        description: fields.description(body.description.as_deref()),
        policy: policy(&mut fields, &body),
    };
    let id = body
        .device_type_id
        .filter(|id| !id.is_empty())
        .and_then(|id| id.parse::<DeviceTypeId>().map_err(|error| fields.refuse("deviceTypeId", error)).ok());
    fields.finish().map_err(Error::from)?;
    let device_type = service.create_device_type(scope, actor, id, details).await?;
    Ok((StatusCode::CREATED, Json(out(scope.partner_id(), device_type))))
}

/// Retrieves a page of the partner's device types.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/deviceTypes", tag = "Device types", operation_id = "listDeviceTypes",
    params(("partnerId" = String, Path, description = "The partner's id"), PageParams),
    responses((status = 200, description = "A page", body = PageOut<DeviceTypeOut>)),
)]
async fn list(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    query: Query,
) -> Result<Json<PageOut<DeviceTypeOut>>, Refusal> {
    let request = query.only_page(device_types::SORTABLE)?;
    let page = service.device_types(&scope, &request).await?;
    Ok(Json(page_out(page, &request, |device_type| out(scope.partner_id(), device_type))))
}

/// Retrieves a device type, with an ETag of what it says now.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/deviceTypes/{deviceTypeId}", tag = "Device types",
    operation_id = "getDeviceType",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceTypeId" = String, Path, description = "The device type's id"),
    ),
    responses((
        status = 200, description = "The device type", body = DeviceTypeOut,
        headers(("ETag" = String, description = "Another one after every change: send it as If-Match")),
    )),
)]
async fn get(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<Tagged<DeviceTypeOut>, Refusal> {
    let device_type = service.device_type(&scope, path.get("deviceTypeId")?).await?;
    Ok(tagged(&revision(&device_type), out(scope.partner_id(), device_type)))
}

/// Replaces what can be changed of a device type. With an If-Match, only what is known is replaced.
#[utoipa::path(
    put, path = "/v1/partners/{partnerId}/deviceTypes/{deviceTypeId}", tag = "Device types",
    operation_id = "updateDeviceType",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceTypeId" = String, Path, description = "The device type's id"),
        IfMatchParam,
    ),
    request_body = DeviceTypeUpdateIn,
    responses((status = 200, description = "Updated", body = DeviceTypeOut)),
)]
async fn update(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    path: PathParts,
    IfMatch(replaces): IfMatch,
    JsonBody(body): JsonBody<DeviceTypeUpdateIn>,
) -> Result<Json<DeviceTypeOut>, Refusal> {
    let id = path.get("deviceTypeId")?;
    let mut fields = Fields::new();
    let details = Details {
        name: fields.name("name", body.name.as_deref()),
        description: fields.description(body.description.as_deref()),
        policy: policy(&mut fields, &body),
    };
    fields.finish().map_err(Error::from)?;
    let device_type = service.update_device_type(scope, actor, id, details, replaces).await?;
    Ok(Json(out(scope.partner_id(), device_type)))
}
