//! `/v1/ota/partners/{partnerId}/deviceTypes/{deviceTypeId}/firmwareImages`

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use otaria_core::fields::Fields;
use otaria_core::{DeviceTypeId, FirmwareType, VersionNumber};
use otaria_store::firmware_images::FirmwareImage;
use otaria_store::pool;
use otaria_store::scopes::ViewPartner;
use otaria_wire::partner::{AssociationIn, FirmwareImageOut, IntegerText, PageOut, ValueIn};
use serde::de::DeserializeOwned;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{JsonBody, wanted};
use super::errors::Refusal;
use super::lists::{PageParams, Query, TagsParam, page_out};
use super::path::PathParts;
use super::pool::{ImageFields, firmware_type};
use crate::access::people::{Managing, Viewing};
use crate::actions::firmware_images::{ClaimedImage, NewDescription};
use crate::actions::pool::ImageFilter;
use crate::actions::pushes::Target;
use crate::error::Error;
use crate::service::Service;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new()
        .routes(routes!(create, list))
        .routes(routes!(list_of_type))
        .routes(routes!(get, dissociate))
        .routes(routes!(push))
}

fn out(service: &Service, image: FirmwareImage) -> FirmwareImageOut {
    FirmwareImageOut {
        id: image.id.to_string(),
        r#type: i64::from(image.firmware_type.number()),
        version_number: image.version_number.to_string(),
        url: service.url(image.partner_id, &image.content.link),
        name: image.content.name,
        description: image.content.description,
        version: image.content.version,
        tags: image.content.tags,
        created_timestamp: image.created.as_millis(),
        updated_timestamp: image.updated.as_millis(),
        partner_id: image.partner_id.to_string(),
        device_type_id: image.device_type_id.to_string(),
        device_description_id: image.device_description_id,
        device_profile_id: image.device_profile_id,
    }
}

/// Associates a pool image with a device type, or makes a device description (type 4) for it.
#[utoipa::path(
    post, path = "/v1/ota/partners/{partnerId}/deviceTypes/{deviceTypeId}/firmwareImages", tag = "Firmware images",
    operation_id = "createFirmwareImage",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceTypeId" = String, Path, description = "The device type's id"),
    ),
    request_body = AssociationIn,
    responses(
        (status = 201, description = "Associated", body = FirmwareImageOut),
        (status = 409, description = "Associated already, or not what the pool has"),
    ),
)]
async fn create(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    path: PathParts,
    JsonBody(body): JsonBody<AssociationIn>,
) -> Result<(StatusCode, Json<FirmwareImageOut>), Refusal> {
    let device_type: DeviceTypeId = path.get("deviceTypeId")?;
    let mut fields = Fields::new();
    let firmware_type = firmware_type(&mut fields, body.r#type.as_ref());
    let image = if firmware_type == FirmwareType::DEVICE_DESCRIPTION {
        let description = new_description(&service, &scope, &mut fields, body);
        fields.finish().map_err(Error::from)?;
        service.describe_device_type(scope, actor, device_type, description).await?
    } else {
        let claimed = ClaimedImage {
            firmware_type,
            version_number: version_number(&mut fields, &body),
            name: fields.name("name", body.name.as_deref()),
            version: fields.version(body.version.as_deref()),
            url: fields.url(body.url.as_deref()),
        };
        fields.finish().map_err(Error::from)?;
        service.associate(scope, actor, device_type, claimed).await?
    };
    Ok((StatusCode::CREATED, Json(out(&service, image))))
}

/// What is said about a device description (type 4), for which alone these fields count.
fn new_description(
    service: &Service,
    scope: &ViewPartner,
    fields: &mut Fields,
    body: AssociationIn,
) -> NewDescription {
    let description = read(fields, "description", body.description);
    let tags = read(fields, "tags", body.tags);
    let device_description_id: Option<String> = read(fields, "deviceDescriptionId", body.device_description_id);
    let device_profile_id: Option<String> = read(fields, "deviceProfileId", body.device_profile_id);
    let AssociationIn { name, version, url, .. } = body;
    let said = ImageFields { name: &name, description: &description, version: &version, url: &url, tags: &tags };
    NewDescription {
        content: said.check(service, scope.partner_id(), fields),
        device_description_id: fields.optional_text("deviceDescriptionId", device_description_id.as_deref(), 255),
        device_profile_id: fields.optional_text("deviceProfileId", device_profile_id.as_deref(), 255),
    }
}

/// A field that was taken as it came, now read as what it must be.
fn read<T: DeserializeOwned>(fields: &mut Fields, name: &str, value: Option<serde_json::Value>) -> Option<T> {
    let read = serde_json::from_value(value?);
    read.map_err(|error| fields.refuse(name, format_args!("cannot be read: {}", wanted(&error)))).ok()
}

fn version_number(fields: &mut Fields, body: &AssociationIn) -> VersionNumber {
    let text = body.version_number.clone().and_then(|value| serde_json::from_value::<IntegerText>(value).ok());
    let found = text.and_then(|text| text.0.parse().ok());
    found.unwrap_or_else(|| {
        fields.refuse("versionNumber", "is required: the version number of an image in the pool");
        VersionNumber::from_i64(0)
    })
}

async fn answer_page(
    service: &Service,
    scope: &ViewPartner,
    path: &PathParts,
    firmware_type: Option<FirmwareType>,
    query: &Query,
) -> Result<Json<PageOut<FirmwareImageOut>>, Refusal> {
    let device_type = path.get("deviceTypeId")?;
    let request = query.only_page(pool::SORTABLE)?;
    let filter = ImageFilter { firmware_type, tags: query.tags() };
    let page = service.firmware_images(scope, device_type, &filter, &request).await?;
    Ok(Json(page_out(page, &request, |image| out(service, image))))
}

/// Retrieves a page of a device type's firmware images.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/deviceTypes/{deviceTypeId}/firmwareImages", tag = "Firmware images",
    operation_id = "listFirmwareImages",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceTypeId" = String, Path, description = "The device type's id"),
        TagsParam, PageParams,
    ),
    responses((status = 200, description = "A page", body = PageOut<FirmwareImageOut>)),
)]
async fn list(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
    query: Query,
) -> Result<Json<PageOut<FirmwareImageOut>>, Refusal> {
    answer_page(&service, &scope, &path, None, &query).await
}

/// Retrieves a page of a device type's firmware images of one type.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/deviceTypes/{deviceTypeId}/firmwareImages/types/{type}",
    tag = "Firmware images", operation_id = "listFirmwareImagesOfType",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceTypeId" = String, Path, description = "The device type's id"),
        ("type" = i64, Path, description = "The firmware type"),
        TagsParam, PageParams,
    ),
    responses((status = 200, description = "A page", body = PageOut<FirmwareImageOut>)),
)]
async fn list_of_type(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
    query: Query,
) -> Result<Json<PageOut<FirmwareImageOut>>, Refusal> {
    answer_page(&service, &scope, &path, Some(path.get("type")?), &query).await
}

/// Retrieves one firmware image of a device type.
#[utoipa::path(
    get,
    path = "/v1/ota/partners/{partnerId}/deviceTypes/{deviceTypeId}/firmwareImages/types/{type}/versionNumbers/{versionNumber}",
    tag = "Firmware images", operation_id = "getFirmwareImage",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceTypeId" = String, Path, description = "The device type's id"),
        ("type" = i64, Path, description = "The firmware type"),
        ("versionNumber" = String, Path, description = "The image's version number"),
    ),
    responses((status = 200, description = "The image", body = FirmwareImageOut)),
)]
async fn get(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<Json<FirmwareImageOut>, Refusal> {
    let (firmware_type, version_number) = (path.get("type")?, path.get("versionNumber")?);
    let image = service.firmware_image(&scope, path.get("deviceTypeId")?, firmware_type, version_number).await?;
    Ok(Json(out(&service, image)))
}

/// Dissociates a firmware image from a device type. Pushes of it that no device has fetched are cancelled.
#[utoipa::path(
    delete,
    path = "/v1/ota/partners/{partnerId}/deviceTypes/{deviceTypeId}/firmwareImages/types/{type}/versionNumbers/{versionNumber}",
    tag = "Firmware images", operation_id = "deleteFirmwareImage",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceTypeId" = String, Path, description = "The device type's id"),
        ("type" = i64, Path, description = "The firmware type"),
        ("versionNumber" = String, Path, description = "The image's version number"),
    ),
    responses((status = 204, description = "Dissociated")),
)]
async fn dissociate(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    path: PathParts,
) -> Result<StatusCode, Refusal> {
    let (firmware_type, version_number) = (path.get("type")?, path.get("versionNumber")?);
    service.dissociate(scope, actor, path.get("deviceTypeId")?, firmware_type, version_number).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pushes a firmware image to a device. The same push while it is under way is that push.
#[utoipa::path(
    put,
    path = "/v1/ota/partners/{partnerId}/deviceTypes/{deviceTypeId}/firmwareImages/{firmwareImageId}/push",
    tag = "Firmware images", operation_id = "pushFirmwareImage",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("deviceTypeId" = String, Path, description = "The device type's id"),
        ("firmwareImageId" = String, Path, description = "The firmware image's id, as associated"),
    ),
    request_body(content = ValueIn, description = "The id of the device"),
    responses(
        (status = 202, description = "Under way", headers(("Location" = String, description = "The push"))),
        (status = 409, description = "The image has no binary, or the device is at this version or a higher one"),
    ),
)]
async fn push(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    path: PathParts,
    JsonBody(body): JsonBody<ValueIn>,
) -> Result<(StatusCode, [(HeaderName, String); 1]), Refusal> {
    let (device_type, association) = (path.get("deviceTypeId")?, path.get("firmwareImageId")?);
    let Some(device) = body.value else {
        return Err(Error::field("value", "is required: the id of the device").into());
    };
    let device = device.parse().map_err(|_| Error::not_found("device of this device type"))?;
    let target = Target { device_type, association, device };
    let id = service.push(scope, actor, target).await?;
    let location = format!("/v1/ota/partners/{}/pushes/{id}", scope.partner_id());
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)]))
}
