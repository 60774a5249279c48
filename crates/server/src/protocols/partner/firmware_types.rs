//! `/v1/ota/partners/{partnerId}/types`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use otaria_core::fields::Fields;
use otaria_core::{FirmwareType, PartnerId};
use otaria_store::firmware_types::{Details, TypeRecord};
use otaria_wire::partner::{FirmwareTypeIn, FirmwareTypeOut, FirmwareTypeUpdateIn};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::lists::Query;
use super::path::PathParts;
use super::revisions::{IfMatch, IfMatchParam, Tagged, tagged};
use crate::access::people::{Managing, Viewing};
use crate::actions::firmware_types::{Which, revision};
use crate::service::Service;

/// Whose the platform's types are: nobody's.
const PLATFORM: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(create, list)).routes(routes!(get, update))
}

fn out(partner: PartnerId, record: TypeRecord) -> FirmwareTypeOut {
    let own = record.firmware_type.platform().is_none();
    FirmwareTypeOut {
        id: record.id.to_string(),
        name: record.details.name,
        description: record.details.description,
        part: record.details.part,
        r#type: i64::from(record.firmware_type.number()),
        partner_id: if own { partner.to_string() } else { PLATFORM.to_owned() },
        created_timestamp: record.created.as_millis(),
        updated_timestamp: record.updated.as_millis(),
        version_attribute_id: record.firmware_type.version_attribute_id(),
    }
}

/// Creates a firmware type of the partner's own.
#[utoipa::path(
    post, path = "/v1/ota/partners/{partnerId}/types", tag = "Firmware types", operation_id = "createFirmwareType",
    params(("partnerId" = String, Path, description = "The partner's id")),
    request_body = FirmwareTypeIn,
    responses(
        (status = 201, description = "Created", body = FirmwareTypeOut),
        (status = 409, description = "The number is taken"),
    ),
)]
async fn create(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    JsonBody(body): JsonBody<FirmwareTypeIn>,
) -> Result<(StatusCode, Json<FirmwareTypeOut>), Refusal> {
    let mut fields = Fields::new();
    let details = details(&mut fields, body.name.as_deref(), body.description.as_deref(), body.part.as_deref());
    let own = own_type(&mut fields, body.r#type.map(|text| text.0));
    fields.finish().map_err(crate::error::Error::from)?;
    let record = service.create_firmware_type(scope, actor, own, details).await?;
    Ok((StatusCode::CREATED, Json(out(scope.partner_id(), record))))
}

fn details(fields: &mut Fields, name: Option<&str>, description: Option<&str>, part: Option<&str>) -> Details {
    Details {
        name: fields.name("name", name),
        description: fields.description(description),
        part: fields.word("part", part, 35),
    }
}

/// The number of a partner's own type; where it is none, one that is never used.
fn own_type(fields: &mut Fields, text: Option<String>) -> FirmwareType {
    let number = text.and_then(|text| text.parse::<FirmwareType>().ok()).filter(|number| number.is_partners_own());
    number.unwrap_or_else(|| {
        fields.refuse("type", "must be an integer from 101 to 200");
        FirmwareType::APPLICATION
    })
}

/// Retrieves the partner's own firmware types, by number.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/types", tag = "Firmware types", operation_id = "listFirmwareTypes",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("includePlatform" = Option<bool>, Query, description = "Whether to add the platform's types"),
    ),
    responses((status = 200, description = "The types", body = [FirmwareTypeOut])),
)]
async fn list(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    query: Query,
) -> Result<Json<Vec<FirmwareTypeOut>>, Refusal> {
    let mut fields = Fields::new();
    let include: bool = query.parsed(&mut fields, "includePlatform").unwrap_or(false);
    fields.finish().map_err(crate::error::Error::from)?;
    let which = if include { Which::PlatformAndOwn } else { Which::Own };
    let records = service.firmware_types(&scope, which).await?;
    Ok(Json(records.into_iter().map(|record| out(scope.partner_id(), record)).collect()))
}

/// Retrieves a firmware type, the partner's or the platform's, with its ETag: an array of exactly one record.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/types/{type}", tag = "Firmware types", operation_id = "getFirmwareType",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("type" = i64, Path, description = "The firmware type"),
    ),
    responses((
        status = 200, description = "The type", body = [FirmwareTypeOut],
        headers(("ETag" = String, description = "Another one after every change: send it as If-Match")),
    )),
)]
async fn get(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<Tagged<[FirmwareTypeOut; 1]>, Refusal> {
    let record = service.firmware_type(&scope, path.get("type")?).await?;
    Ok(tagged(&revision(&record), [out(scope.partner_id(), record)]))
}

/// Replaces what can be changed of a firmware type of the partner's own. With an If-Match, only what is known is replaced.
#[utoipa::path(
    put, path = "/v1/ota/partners/{partnerId}/types/{type}", tag = "Firmware types",
    operation_id = "updateFirmwareType",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("type" = i64, Path, description = "The firmware type"),
        IfMatchParam,
    ),
    request_body = FirmwareTypeUpdateIn,
    responses((status = 204, description = "Updated")),
)]
async fn update(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    path: PathParts,
    IfMatch(replaces): IfMatch,
    JsonBody(body): JsonBody<FirmwareTypeUpdateIn>,
) -> Result<StatusCode, Refusal> {
    let firmware_type = path.get("type")?;
    let mut fields = Fields::new();
    let details = details(&mut fields, body.name.as_deref(), body.description.as_deref(), body.part.as_deref());
    fields.finish().map_err(crate::error::Error::from)?;
    service.update_firmware_type(scope, actor, firmware_type, details, replaces).await?;
    Ok(StatusCode::NO_CONTENT)
}
