//! Server-sent events (WHATWG HTML, section 9.2): `/v1/ota/partners/{partnerId}/events` and
//! `/v1/ota/partners/{partnerId}/pushes/{pushId}/events`

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};
use axum::response::sse::{Event as Sent, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::TryStreamExt as _;
use futures::stream::{self, Stream};
use otaria_store::events::Event;
use otaria_store::pushes::PushRecord;
use otaria_wire::partner::PushEventOut;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::accept;
use super::errors::Refusal;
use super::path::PathParts;
use super::pushes::state;
use crate::access::people::Listening;
use crate::actions::events::{Listener, Subject, Told};
use crate::error::Error;
use crate::service::Service;

/// Where a client says which event it saw last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Proxies that gather an answer before they pass it on leave these alone.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(of_partner)).routes(routes!(of_push))
}

fn out(event: &Event) -> PushEventOut {
    PushEventOut {
        timestamp: event.at.as_millis(),
        push_id: event.push_id.to_string(),
        device_id: event.device_id.to_string(),
        device_type_id: event.device_type_id.to_string(),
        r#type: i64::from(event.firmware_type.number()),
        version_number: event.version_number.to_string(),
        version: event.version.clone(),
        state: state(event.state),
        progress: event.progress.map(i64::from),
        message: event.message.clone(),
    }
}

fn standing(record: &PushRecord) -> PushEventOut {
    let push = &record.push;
    PushEventOut {
        timestamp: push.updated.as_millis(),
        push_id: push.id.to_string(),
        device_id: record.device_id.to_string(),
        device_type_id: record.device_type_id.to_string(),
        r#type: i64::from(push.firmware_type.number()),
        version_number: push.version_number.to_string(),
        version: record.version.clone(),
        state: state(push.state),
        progress: push.progress.map(i64::from),
        message: push.message.clone(),
    }
}

fn sent(id: i64, event: &PushEventOut) -> Result<Sent, Error> {
    let sent = Sent::default().id(id.to_string()).event("push").json_data(event);
    sent.map_err(|error| Error::Internal(Arc::new(error)))
}

fn told(told: &Told) -> Result<Vec<Sent>, Error> {
    match told {
        Told::Events(events) => events.iter().map(|event| sent(event.sequence, &out(event))).collect(),
        Told::Standing(record, last) => Ok(vec![sent(*last, &standing(record))?]),
        Told::Gap(after) => {
            let data = "events between your last one and the next are not kept any more: read the pushes again";
            Ok(vec![Sent::default().id(after.to_string()).event("gap").data(data)])
        }
        Told::Quiet => Ok(vec![Sent::default().comment("quiet")]),
    }
}

/// What is sent to a listener: read only when the client takes it, a batch at a time.
fn sending(listener: Listener) -> impl Stream<Item = Result<Sent, Error>> {
    let batches = stream::try_unfold(Some(listener), |listener| async move {
        let Some(mut listener) = listener else { return Ok(None) };
        match listener.next().await? {
            Some(news) => Ok(Some((told(&news)?, Some(listener)))),
            // An end that is told apart from a cut connection: a client need not come back.
            None if listener.has_ended() => Ok(Some((vec![Sent::default().event("end").data("ended")], None))),
            None => Ok::<_, Error>(None),
        }
    });
    let batches = batches.inspect_err(|error| {
        tracing::error!(error = error as &dyn std::error::Error, "a listener was cut off");
    });
    let flat = batches.map_ok(|batch| stream::iter(batch.into_iter().map(Ok)));
    flat.try_flatten()
}

async fn answer(
    service: &Service,
    Listening { scope, session }: Listening,
    headers: &HeaderMap,
    subject: Subject,
) -> Result<Response, Refusal> {
    if let Some(refusal) = accept::refusal(headers, "text/event-stream") {
        return Err(refusal);
    }
    let last = match headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("-")) {
        None | Some("") => None,
        Some(text) => {
            let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
            let message = "must be the id of an event that was sent here";
            Some(number.ok_or_else(|| Error::field("Last-Event-ID", message))?)
        }
    };
    let listener = service.listen(session, scope, subject, last).await?;
    Ok(([UNBUFFERED], Sse::new(sending(listener))).into_response())
}

/// Tells what becomes of the partner's pushes as it happens, as server-sent events named `push`. `Last-Event-ID` goes on
/// after an event that was seen; an event named `gap` says that some were forgotten since.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/events", tag = "Pushes", operation_id = "listenToPartner",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the event that was seen last"),
    ),
    responses(
        (status = 200, description = "Events, without an end", body = PushEventOut, content_type = "text/event-stream"),
        (status = 429, description = "Too many listen: try again after Retry-After seconds"),
    ),
)]
async fn of_partner(
    listening: Listening,
    State(service): State<Service>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    answer(&service, listening, &headers, Subject::Partner).await
}

/// Tells what becomes of one push, from its beginning or after `Last-Event-ID`: an event named `push` for each change of
/// state or progress, and one named `end` when it has ended.
#[utoipa::path(
    get, path = "/v1/ota/partners/{partnerId}/pushes/{pushId}/events", tag = "Pushes", operation_id = "listenToPush",
    params(
        ("partnerId" = String, Path, description = "The partner's id"),
        ("pushId" = String, Path, description = "The push's id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the event that was seen last"),
    ),
    responses(
        (status = 200, description = "Events, until the push has ended", body = PushEventOut,
         content_type = "text/event-stream"),
        (status = 429, description = "Too many listen: try again after Retry-After seconds"),
    ),
)]
async fn of_push(
    listening: Listening,
    State(service): State<Service>,
    path: PathParts,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let push = path.get("pushId")?;
    answer(&service, listening, &headers, Subject::Push(push)).await
}
