//! `/v1/ota/partners/{partnerId}/binaries`

use axum::Json;
use axum::extract::multipart::{Field, Multipart};
use axum::extract::{FromRequest as _, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, EXPECT};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use data_encoding::BASE64;
use futures::StreamExt as _;
use otaria_core::size::SizeWarning;
use otaria_store::scopes::ManagePartner;
use otaria_wire::http::file_names;
use otaria_wire::partner::{StringValue, UploadedOut, ValueIn};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::JsonBody;
use super::errors::Refusal;
use super::path::PathParts;
use crate::access::people::{MadeBy, Managing, Viewing};
use crate::actions::audit::Actor;
use crate::actions::binaries::{ExpectedDigests, KeptBinary};
use crate::error::Error;
use crate::protocols::bodies::{announced_size, hear_out, media_type};
use crate::protocols::transfer;
use crate::service::Service;
use crate::telemetry;

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(upload)).routes(routes!(move_to_repository)).routes(routes!(get))
}

/// Uploads a file to a temporary location, and returns its SHA-256. What is not moved to the repository is forgotten
/// after the time that `temporary_binary_seconds` sets, a day by default. A file that announces a Content-Length larger
/// than `max_binary_bytes` is refused before its bytes come.
#[utoipa::path(
    post, path = "/v1/ota/partners/{partnerId}/binaries", tag = "Firmware pool", operation_id = "uploadBinary",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("Content-Disposition" = Option<String>, Header, description = "The file's name, as filename=\"…\""),
        ("Content-Digest" = Option<String>, Header, description = "The file's digest (RFC 9530), such as sha-256=:…:"),
    ),
    request_body(content(
        (String = "application/octet-stream"),
        (Object = "multipart/form-data"),
    ), description = "The bytes, or a form whose first file is taken"),
    responses(
        (status = 200, description = "The file's SHA-256 in hexadecimal", body = UploadedOut),
        (status = 413, description = "The file is larger than the server takes"),
        (status = 415, description = "Neither application/octet-stream nor multipart/form-data"),
    ),
)]
async fn upload(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    request: Request,
) -> Result<Json<UploadedOut>, Refusal> {
    let made_by = request.extensions().get::<MadeBy>().cloned().unwrap_or_default();
    let media_type = media_type(request.headers());
    let kept = match media_type.as_str() {
        "multipart/form-data" => upload_form(&service, scope, actor, &made_by, request).await?,
        "application/octet-stream" | "" => upload_bytes(&service, scope, actor, &made_by, request).await?,
        _ => {
            let description = "Send the file as application/octet-stream, or in a form as multipart/form-data.";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", description));
        }
    };
    Ok(Json(uploaded_out(kept)))
}

fn uploaded_out(kept: KeptBinary) -> UploadedOut {
    let warnings = kept.warning.iter().map(SizeWarning::to_string).collect();
    UploadedOut { value: kept.sha256.to_string(), warnings }
}

async fn upload_bytes(
    service: &Service,
    scope: ManagePartner,
    actor: Actor,
    made_by: &MadeBy,
    request: Request,
) -> Result<KeptBinary, Refusal> {
    let file_name = named(request.headers());
    let expected = expected(request.headers())?;
    if let Err(refused) = service.require_size(announced_size(request.headers())) {
        // Whoever waits for `100 Continue` sends nothing.
        if !request.headers().contains_key(EXPECT) {
            hear_out(request.into_body());
        }
        return Err(refused.into());
    }
    let body = request.into_body().into_data_stream().map(|chunk| counted(chunk.map_err(|_| cut_off())));
    let received = service.receive_binary(body, expected).await?;
    made_by.still_may().await?;
    Ok(service.keep_binary(scope, actor, received, file_name).await?)
}

async fn upload_form(
    service: &Service,
    scope: ManagePartner,
    actor: Actor,
    made_by: &MadeBy,
    request: Request,
) -> Result<KeptBinary, Refusal> {
    if expected(request.headers())? != ExpectedDigests::default() {
        let text = "Send the file's digest as a header of its part: that of a whole form is not checked.";
        return Err(Error::Malformed(text.to_owned()).into());
    }
    let no_form = || Error::Malformed("The body is no multipart/form-data with a boundary.".to_owned());
    let mut form = Multipart::from_request(request, service).await.map_err(|_| no_form())?;
    while let Some(field) = next_part(service, &mut form).await? {
        if let Some(name) = field.file_name() {
            let file_name = file_names::clean(name);
            let expected = expected(field.headers())?;
            let body = field.map(|chunk| counted(chunk.map_err(|_| cut_off())));
            let received = service.receive_binary(body, expected).await?;
            // Only a form that came to its end was not cut off.
            while next_part(service, &mut form).await?.is_some() {}
            made_by.still_may().await?;
            return Ok(service.keep_binary(scope, actor, received, file_name).await?);
        }
    }
    Err(Error::Malformed("The form has no file: send one part with a filename.".to_owned()).into())
}

/// The form's next part. Parts that are no file are skipped, which must not take for ever.
async fn next_part<'f>(service: &Service, form: &'f mut Multipart) -> Result<Option<Field<'f>>, Error> {
    let next = tokio::time::timeout(service.settings.idle, form.next_field()).await;
    next.map_err(|_| Error::TooSlow)?.map_err(|error| {
        let why = error.body_text();
        Error::Malformed(format!("The form cannot be read to its end ({why}), so nothing was stored."))
    })
}

/// The next bytes of a file, counted.
fn counted(chunk: Result<Bytes, Error>) -> Result<Bytes, Error> {
    chunk.inspect(|bytes| telemetry::received(bytes.len()))
}

fn cut_off() -> Error {
    Error::Malformed("The upload was cut off, so nothing was stored: send it again.".to_owned())
}

/// The file's name in `Content-Disposition`.
fn named(headers: &HeaderMap) -> Option<String> {
    file_names::in_disposition(&String::from_utf8_lossy(headers.get(CONTENT_DISPOSITION)?.as_bytes()))
}

/// The digests that `Content-Digest` or `Repr-Digest` announces (RFC 9530), by its two active algorithms. The others
/// are broken, and not checked.
fn expected(headers: &HeaderMap) -> Result<ExpectedDigests, Error> {
    const HEADERS: [HeaderName; 2] =
        [HeaderName::from_static("content-digest"), HeaderName::from_static("repr-digest")];
    let mut expected = ExpectedDigests::default();
    for value in HEADERS.iter().flat_map(|name| headers.get_all(name)) {
        let members = value.to_str().unwrap_or_default().split(',').filter_map(|member| member.split_once('='));
        for (algorithm, digest) in members {
            match algorithm.trim().to_ascii_lowercase().as_str() {
                "sha-256" => announce(&mut expected.sha256, digest)?,
                "sha-512" => announce(&mut expected.sha512, digest)?,
                _ => {}
            }
        }
    }
    Ok(expected)
}

/// Notes an announced digest. Of two that differ, one is wrong.
fn announce<const N: usize>(announced: &mut Option<[u8; N]>, text: &str) -> Result<(), Error> {
    let digest = digest_bytes(text)?;
    match announced.replace(digest) {
        Some(other) if other != digest => Err(Error::Malformed("Two announced digests contradict.".to_owned())),
        _ => Ok(()),
    }
}

fn digest_bytes<const N: usize>(text: &str) -> Result<[u8; N], Error> {
    // What follows a semicolon is a parameter, of which there are none to know.
    let text = text.split(';').next().unwrap_or_default().trim();
    let base64 = text.strip_prefix(':').and_then(|text| text.strip_suffix(':'));
    let bytes = base64.and_then(|base64| BASE64.decode(base64.as_bytes()).ok());
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        Error::Malformed("An announced digest must be of the form sha-256=:base64: or sha-512=:base64:.".to_owned())
    })
}

/// Moves an uploaded file to the repository for good, and returns its url.
#[utoipa::path(
    post, path = "/v1/ota/partners/{partnerId}/binaries/moveToRepository", tag = "Firmware pool",
    operation_id = "moveBinaryToRepository",
    params(("partnerId" = String, Path, description = "The partner's id")),
    request_body(content = ValueIn, description = "The SHA-256 that the upload returned"),
    responses((status = 200, description = "The file's url", body = StringValue)),
)]
async fn move_to_repository(
    Managing { scope, actor }: Managing,
    State(service): State<Service>,
    JsonBody(body): JsonBody<ValueIn>,
) -> Result<Json<StringValue>, Refusal> {
    let sha256 = body.value.and_then(|value| value.parse().ok());
    let sha256 = sha256.ok_or_else(|| Error::field("value", "must be the SHA-256 that the upload returned"))?;
    Ok(Json(StringValue { value: service.move_to_repository(scope, actor, sha256).await? }))
}

/// Retrieves a file in the repository: ranges, entity tag.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/binaries/{sha256}", tag = "Firmware pool", operation_id = "getBinary",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("sha256" = String, Path, description = "The file's SHA-256 in hexadecimal"),
        ("Range" = Option<String>, Header, description = "Ranges of bytes, at most 1000 (RFC 9110, section 14)"),
    ),
    responses(
        (status = 200, description = "The file", body = String, content_type = "application/octet-stream"),
        (status = 206, description = "The range; several as multipart/byteranges", body = String, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it"),
        (status = 307, description = "The file is at the Location, for a while; only where downloads are redirected"),
        (status = 412, description = "The file is not the one that If-Match names"),
        (status = 416, description = "No range is inside the file, or there are more than 1000"),
    ),
)]
async fn get(
    Viewing(scope): Viewing,
    State(service): State<Service>,
    path: PathParts,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let binary = service.binary(&scope, path.get("sha256")?).await?;
    Ok(transfer::send(&method, &headers, &binary, &service).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(name), value.parse().unwrap());
        headers
    }

    #[test]
    fn what_is_large_comes_with_a_warning() {
        let kept =
            |size| KeptBinary { sha256: otaria_core::Sha256::from_bytes([7; 32]), warning: SizeWarning::of(size) };
        assert!(uploaded_out(kept(1 << 20)).warnings.is_empty());
        let (large, larger) = (uploaded_out(kept(1 << 31)).warnings, uploaded_out(kept(1 << 32)).warnings);
        assert_eq!((large.len(), larger.len()), (1, 1));
        assert_ne!(large, larger);
    }

    #[test]
    fn only_a_well_formed_digest_is_believed() {
        let of_nothing = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        assert!(expected(&headers("content-digest", of_nothing)).unwrap().sha256.is_some());
        assert!(expected(&headers("content-digest", &format!("{of_nothing};a=1"))).unwrap().sha256.is_some());
        assert!(expected(&headers("repr-digest", "sha-256=:AAAA:")).is_err());
        assert!(expected(&headers("repr-digest", "sha-512=:AAAA:")).is_err());
        let contradiction = format!("{of_nothing}, sha-256=:{}=:", "A".repeat(43));
        assert!(expected(&headers("content-digest", &contradiction)).is_err());
        assert_eq!(expected(&headers("content-digest", "md5=:AAAA:")).unwrap(), ExpectedDigests::default());
    }
}
