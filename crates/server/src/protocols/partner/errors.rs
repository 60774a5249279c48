//! The one error body. Handlers answer with a [`Refusal`]; [`render`] gives it its body, and gives one to what the
//! layers below refused by themselves (a wrong method, a path that does not exist).

use std::any::Any;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use otaria_core::Timestamp;
use otaria_core::fields::FieldError;
use otaria_wire::partner::{ErrorBody, FieldErrorOut};
use uuid::Uuid;

use crate::Clock;
use crate::access::origin::RequestId;
use crate::access::people::Denied;
use crate::error::{Error, GrantRefusal};
use crate::protocols::{self, status, wait};
use crate::telemetry;

/// After how long it makes sense to try again when the storage did not answer.
const RETRY: Duration = Duration::from_secs(5);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An answer that is an error: its status, and what its body will say.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: StatusCode,
    code: &'static str,
    description: String,
    fields: Vec<FieldError>,
    headers: HeaderMap,
    /// What it comes from, for what is counted and logged of it.
    cause: Option<Error>,
}

impl Refusal {
    /// An error with a stable code and a text that says what to do.
    pub fn new(status: StatusCode, code: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            code,
            description: description.into(),
            fields: Vec::new(),
            headers: HeaderMap::new(),
            cause: None,
        }
    }

    fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    fn retry_after(self, wait: Duration) -> Self {
        self.with_header(RETRY_AFTER, protocols::retry_after(wait))
    }

    /// What a status means that came without a word.
    fn of_status(status: StatusCode) -> Self {
        let (code, description) = match status {
            StatusCode::NOT_FOUND => ("not_found", "There is nothing at this path: /openapi.json has what there is."),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "This path does not take this method: the Allow header has those it takes.")
            }
            StatusCode::RANGE_NOT_SATISFIABLE => (
                "range_not_satisfiable",
                "No range is inside the file, whose size the Content-Range header has, or there are more than 1000.",
            ),
            StatusCode::PRECONDITION_FAILED => {
                ("precondition_failed", "The file is not the one that If-Match names: the ETag header has its tag.")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("payload_too_large", "The body is too large."),
            status if status.is_server_error() => {
                ("internal_error", "The server failed; its log says why, under this request's id.")
            }
            _ => ("bad_request", "The request cannot be understood."),
        };
        Self::new(status, code, description)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let mut refusal = Self::new(status(&error), code(&error), error.to_string());
        if let Error::Invalid(fields) = &error {
            refusal.fields.clone_from(fields);
        }
        if let Error::Grant { refusal: GrantRefusal::InvalidClient, .. } = &error {
            let basic = HeaderValue::from_static("Basic realm=\"otaria\", charset=\"UTF-8\"");
            refusal = refusal.with_header(WWW_AUTHENTICATE, basic);
        }
        if let Some(wait) = wait(&error, RETRY) {
            refusal = refusal.retry_after(wait);
        }
        Self { cause: Some(error), ..refusal }
    }
}

/// The stable word for what went wrong; those of the token endpoint are of RFC 6749, section 5.2.
const fn code(error: &Error) -> &'static str {
    match error {
        Error::Malformed(_) => "bad_request",
        Error::Invalid(_) => "invalid_fields",
        Error::NotFound(_) => "not_found",
        Error::Conflict { code, .. } => code,
        Error::Changed => "precondition_failed",
        Error::Forbidden => "forbidden",
        Error::TooLarge(_) => "payload_too_large",
        Error::TooSlow => "request_timeout",
        Error::TooManyAttempts { .. } | Error::TooManyPolls { .. } | Error::TooManyListeners { .. } => {
            "too_many_requests"
        }
        Error::Grant { refusal, .. } => match refusal {
            GrantRefusal::InvalidClient => "invalid_client",
            GrantRefusal::InvalidGrant => "invalid_grant",
            GrantRefusal::InvalidRequest => "invalid_request",
            GrantRefusal::UnsupportedGrantType => "unsupported_grant_type",
            GrantRefusal::InvalidScope => "invalid_scope",
        },
        Error::Gone(_) => "gone",
        Error::Full(_) => "storage_full",
        Error::Unavailable(_) => "storage_unavailable",
        Error::Internal(_) => "internal_error",
    }
}

/// Counts a sign-in that was refused, and logs what the server itself failed in: the answer does not say why.
fn note(refusal: &Refusal) {
    use GrantRefusal::{InvalidClient, InvalidGrant};
    match &refusal.cause {
        Some(Error::TooManyAttempts { .. } | Error::Grant { refusal: InvalidClient | InvalidGrant, .. }) => {
            telemetry::sign_in_refused(refusal.code);
        }
        Some(error) if error.is_failure() => {
            tracing::error!(error = error as &dyn std::error::Error, "a request failed");
        }
        _ => {}
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(error) => error.into(),
            Denied::Unauthenticated => {
                let description = "Send a valid access token: Authorization: Bearer …, from POST /oauth/token.";
                Self::new(StatusCode::UNAUTHORIZED, "unauthorized", description)
                    .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"otaria\""))
            }
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        Refusal::from(self).into_response()
    }
}

/// Answers a panic, whose text went to the log.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    Refusal::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}

/// Answers a path that does not exist.
pub async fn fallback() -> Response {
    Refusal::of_status(StatusCode::NOT_FOUND).into_response()
}

/// Gives every error its body, and every answer the request's id.
pub async fn render(State(clock): State<Clock>, request: Request, next: Next) -> Response {
    let id = RequestId::of(request.extensions()).0;
    let mut response = with_body(next.run(request).await, id, clock.now());
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

fn with_body(mut response: Response, id: Uuid, now: Timestamp) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let refusal = match response.extensions_mut().remove::<Refusal>() {
        Some(refusal) => {
            note(&refusal);
            refusal
        }
        // What answers with an error of its own form has said what it has to.
        None if response.headers().contains_key(CONTENT_TYPE) => return response,
        None => Refusal::of_status(status),
    };
    let trace: String = format!("{} (request {id})", refusal.description).replace(['\n', '\r'], " ");
    let fields: Vec<_> =
        refusal.fields.into_iter().map(|field| FieldErrorOut { name: field.name, message: field.message }).collect();
    let body = ErrorBody {
        timestamp: now.as_millis(),
        status: refusal.status.as_u16(),
        error: refusal.code.to_owned(),
        error_description: refusal.description,
        service_name: "otaria".to_owned(),
        trace,
        fields: (refusal.status == StatusCode::BAD_REQUEST).then_some(fields),
    };
    let mut rendered = (refusal.status, axum::Json(body)).into_response();
    // Such as Allow, which the router has set.
    for (name, value) in response.headers() {
        if name != CONTENT_LENGTH && name != CONTENT_TYPE {
            rendered.headers_mut().insert(name, value.clone());
        }
    }
    rendered.headers_mut().extend(refusal.headers);
    rendered
}
