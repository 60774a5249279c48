//! `/v1/partners/{partnerId}/auditLog`

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures::{TryStreamExt as _, stream};
use otaria_core::Timestamp;
use otaria_core::fields::Fields;
use otaria_store::audit::{self, Entry, Filter};
use otaria_store::scopes::OwnPartner;
use otaria_wire::partner::{AuditActorOut, AuditEntryOut, AuditObjectOut, PageOut};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::accept;
use super::errors::Refusal;
use super::lists::{PageParams, Query, page_out};
use crate::access::people::{Denied, MadeBy, Owning};
use crate::error::Error;
use crate::service::Service;

/// A line of JSON for each entry.
const NDJSON: &str = "application/x-ndjson";

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(list))
}

fn out(entry: Entry) -> AuditEntryOut {
    AuditEntryOut {
        id: entry.sequence.to_string(),
        timestamp: entry.at.as_millis(),
        action: entry.action,
        actor: AuditActorOut { kind: entry.actor_kind, id: entry.actor_id, name: entry.actor_name },
        object: AuditObjectOut { kind: entry.object_kind, id: entry.object_id },
        before: entry.before,
        after: entry.after,
        address: entry.address,
        request_id: entry.request_id,
        hash: HEXLOWER.encode(&entry.hash),
    }
}

fn filter(query: &Query, fields: &mut Fields) -> Filter {
    let text = |name: &str| query.first(name).unwrap_or_default().to_owned();
    let all = Filter::default();
    Filter {
        action: query.parsed(fields, "action"),
        actor: text("actor"),
        object: text("object"),
        request_id: text("requestId"),
        from: moment(query, fields, "from").unwrap_or(all.from),
        until: moment(query, fields, "until").unwrap_or(all.until),
    }
}

fn moment(query: &Query, fields: &mut Fields, name: &str) -> Option<Timestamp> {
    let number = query.first(name)?.parse();
    if number.is_err() {
        fields.refuse(name, "must be a whole number: milliseconds since the Unix epoch");
    }
    number.ok().map(Timestamp::from_millis)
}

/// Retrieves a page of the partner's audit log, as an owner: who did what, on what, before and after, from where. With
/// `Accept: application/x-ndjson` all entries that the filters keep, oldest first, one a line.
#[utoipa::path(
    get, path = "/v1/partners/{partnerId}/auditLog", tag = "Partners", operation_id = "listAuditLog",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("action" = Option<String>, Query, description = "Only of this action, such as push.requested"),
        ("actor" = Option<String>, Query, description = "Only by this actor: an id or a name"),
        ("object" = Option<String>, Query, description = "Only on the thing of this id"),
        ("requestId" = Option<String>, Query, description = "Only in this request"),
        ("from" = Option<i64>, Query, description = "Only at or after, in milliseconds since the Unix epoch"),
        ("until" = Option<i64>, Query, description = "Only before, in milliseconds since the Unix epoch"),
        PageParams,
    ),
    responses(
        (status = 200, description = "A page, or all", content(
            (PageOut<AuditEntryOut> = "application/json"),
            (String = "application/x-ndjson"),
        )),
    ),
)]
async fn list(
    Owning { scope, .. }: Owning,
    State(service): State<Service>,
    Extension(made_by): Extension<MadeBy>,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, Refusal> {
    let mut fields = Fields::new();
    let filter = filter(&query, &mut fields);
    let request = query.page(&mut fields, audit::SORTABLE);
    fields.finish().map_err(Error::from)?;
    if accept::names(&headers, NDJSON) {
        return Ok(export(service, scope, filter, made_by));
    }
    if let Some(refusal) = accept::refusal(&headers, "application/json") {
        return Err(refusal);
    }
    let page = service.audit_log(&scope, &filter, &request).await?;
    let page: PageOut<AuditEntryOut> = page_out(page, &request, out);
    Ok(Json(page).into_response())
}

/// All that the filter keeps, read a batch at a time as fast as the client takes it.
fn export(service: Service, scope: OwnPartner, filter: Filter, made_by: MadeBy) -> Response {
    let lines = stream::try_unfold(0, move |after| {
        let (service, filter, made_by) = (service.clone(), filter.clone(), made_by.clone());
        async move {
            // It may go on for long, and whoever may not read on must not.
            made_by.still_may().await.map_err(|denied| match denied {
                Denied::Refused(error) => error,
                Denied::Unauthenticated => Error::Forbidden,
            })?;
            let batch = service.audit_log_after(&scope, &filter, after).await?;
            let Some(last) = batch.last().map(|entry| entry.sequence) else { return Ok(None) };
            let mut text = Vec::new();
            for entry in batch {
                let line =
                    serde_json::to_vec(&out(entry)).map_err(|error| Error::Internal(std::sync::Arc::new(error)))?;
                text.extend_from_slice(&line);
                text.push(b'\n');
            }
            Ok::<_, Error>(Some((Bytes::from(text), last)))
        }
    });
    let lines = lines.inspect_err(|error: &Error| {
        let failed = error.is_failure();
        let error: &dyn std::error::Error = error;
        if failed {
            tracing::error!(error, "an export of the audit log was cut off");
        } else {
            tracing::info!(error, "an export of the audit log was cut off");
        }
    });
    ([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines)).into_response()
}
