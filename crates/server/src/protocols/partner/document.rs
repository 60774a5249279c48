//! The OpenAPI document of the partner API, made from its handlers, and a page to read and try it.

use axum::http::header::IF_MATCH;
use axum::response::Redirect;
use axum::routing::get;
use axum::{Json, Router};
use otaria_wire::partner::ErrorBody;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ClientCredentials, Flow, Http, HttpAuthScheme, OAuth2, Password, Scopes, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use crate::service::Service;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Otaria partner API",
        description = "Publish firmware images, associate them with device types, push them, and see devices run them.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(ErrorBody)),
    tags(
        (name = "Tokens", description = "Signing in, as a person or as a pipeline"),
        (name = "People", description = "Who is signed in"),
        (name = "Partners", description = "The companies that make devices"),
        (name = "Firmware types", description = "Categories of firmware: the platform's, and a partner's own"),
        (name = "Firmware pool", description = "Files, and images that are not yet for a device type"),
        (name = "Firmware images", description = "Images as associated with a device type, and pushing them"),
        (name = "Firmware tags", description = "What images are marked with"),
        (name = "Pushes", description = "Images on their way to devices"),
        (name = "Device types", description = "Models of device"),
        (name = "Accounts", description = "End customers, who own devices"),
        (name = "Devices", description = "Devices, as their owners and as their partner see them"),
        (name = "Health", description = "Whether the server answers"),
    ),
    security(("token" = [])),
    modifiers(&Security),
)]
struct Base;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let scopes = || Scopes::from_iter([("partner", "A partner's things"), ("account", "An account's devices")]);
        let flows = [
            Flow::Password(Password::with_refresh_url("/oauth/token", scopes(), "/oauth/token")),
            Flow::ClientCredentials(ClientCredentials::new("/oauth/token", scopes())),
        ];
        components.add_security_scheme("token", SecurityScheme::OAuth2(OAuth2::new(flows)));
        components.add_security_scheme("client", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)));
    }
}

/// The errors that any operation can have, and when.
const ERRORS: [(&str, &str, Applies); 12] = [
    ("400", "The request is not as allowed: `fields` names what", Applies::Always),
    ("401", "No valid token, or no valid client", Applies::Secured),
    ("403", "No right to this, or no such partner or account", Applies::Secured),
    ("404", "No such thing here", Applies::WithPath),
    ("406", "The client does not take JSON", Applies::Secured),
    ("408", "The body stopped coming", Applies::WithBody),
    ("412", "It was changed since what If-Match names was read", Applies::WithIfMatch),
    ("413", "The body is too large", Applies::WithBody),
    ("500", "The server failed; its log says why", Applies::Always),
    ("503", "The storage does not answer: try again after Retry-After seconds", Applies::Always),
    ("507", "The storage is full", Applies::Secured),
    ("409", "It contradicts what is there", Applies::Documented),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Applies {
    Always,
    Secured,
    WithPath,
    WithBody,
    WithIfMatch,
    /// Only where the operation says so itself.
    Documented,
}

impl Applies {
    fn to(self, operation: &Operation, path: &str) -> bool {
        let open = operation.security.as_ref().is_some_and(|list| list.iter().all(|one| *one == Default::default()));
        match self {
            Self::Always => true,
            Self::Secured => !open,
            Self::WithPath => path.contains('{'),
            Self::WithBody => operation.request_body.is_some(),
            Self::WithIfMatch => {
                let mut parameters = operation.parameters.iter().flatten();
                parameters.any(|one| matches!(one, RefOr::T(parameter) if IF_MATCH == *parameter.name))
            }
            Self::Documented => false,
        }
    }
}

/// The document of everything the partner API answers.
pub fn document() -> Document {
    let mut document = super::documented().into_openapi();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            add_errors(operation, path);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn add_errors(operation: &mut Operation, path: &str) {
    let body = || ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build().into();
    for (status, description, applies) in ERRORS {
        if applies.to(operation, path) && !operation.responses.responses.contains_key(status) {
            let response = ResponseBuilder::new().description(description).build();
            operation.responses.responses.insert(status.to_owned(), response.into());
        }
    }
    for (status, response) in &mut operation.responses.responses {
        let is_error = status.starts_with('4') || status.starts_with('5');
        if let (true, RefOr::T(response)) = (is_error, response) {
            response.content.insert("application/json".to_owned(), body());
        }
    }
}

/// The document before any operation is in it.
pub(super) fn base() -> OpenApiRouter<Service> {
    OpenApiRouter::with_openapi(Base::openapi())
}

/// The document itself, and the page that shows it; neither needs anything from elsewhere.
pub(super) fn pages() -> Router<Service> {
    let page = SwaggerUi::new("/docs").config(utoipa_swagger_ui::Config::from("/openapi.json").validator_url("none"));
    Router::new().route("/openapi.json", get(serve)).merge(Router::<Service>::from(page)).route("/", get(home))
}

async fn serve() -> Json<Document> {
    Json(document())
}

async fn home() -> Redirect {
    Redirect::to("/docs/")
}
