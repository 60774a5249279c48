//! `/oauth`: the token endpoint (RFC 6749), revocation (RFC 7009), and where they are (RFC 8414).

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use data_encoding::BASE64;
use otaria_core::PartnerId;
use otaria_wire::partner::{ServerMetadata, TokenOut};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::errors::Refusal;
use super::text::{decoded, pairs};
use crate::access::origin::Place;
use crate::actions::tokens::IssuedTokens;
use crate::error::{Error, GrantRefusal};
use crate::protocols::bodies::{self, media_type};
use crate::service::Service;

/// The largest form, in bytes.
const LARGEST: usize = 16 * 1024;
/// The scopes that every token has: rights are the person's, not the token's.
const SCOPE: &str = "partner account";

pub(super) fn routes() -> OpenApiRouter<Service> {
    OpenApiRouter::new().routes(routes!(token)).routes(routes!(revoke)).routes(routes!(metadata))
}

/// A form of an authenticated client.
struct ClientForm {
    client: PartnerId,
    place: Place,
    parameters: Vec<(String, String)>,
}

impl ClientForm {
    /// A parameter, if it is there. One that is sent twice is refused (RFC 6749, section 3.2).
    fn optional(&self, name: &str) -> Result<Option<&str>, Error> {
        let mut found = self.parameters.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match (found.next().filter(|value| !value.is_empty()), found.next()) {
            (value, None) => Ok(value),
            (_, Some(_)) => Err(Error::grant(GrantRefusal::InvalidRequest, "Send each parameter once.")),
        }
    }

    fn required(&self, name: &str, missing: &'static str) -> Result<&str, Error> {
        self.optional(name)?.ok_or(Error::grant(GrantRefusal::InvalidRequest, missing))
    }
}

impl FromRequest<Service> for ClientForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, service: &Service) -> Result<Self, Refusal> {
        let (parts, body) = request.into_parts();
        if media_type(&parts.headers) != "application/x-www-form-urlencoded" {
            let description = "Send the parameters as application/x-www-form-urlencoded.";
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", description));
        }
        let form = bodies::read(body, LARGEST, service.settings.idle).await?;
        let parameters = pairs(&String::from_utf8_lossy(&form));
        let (client_id, secret) = basic(&parts.headers).ok_or(Error::unknown_client())?;
        let place = Place::of(&parts.extensions);
        let client = service.authenticate_client(&client_id, &secret, &place.origin).await?;
        Ok(Self { client, place, parameters })
    }
}

/// Client id and secret; both may be form-encoded inside (RFC 6749, section 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let plain = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (id, secret) = plain.split_once(':')?;
    Some((decoded(id), decoded(secret)))
}

/// The parameters of the token endpoint; for the document.
#[derive(ToSchema)]
#[allow(dead_code, reason = "the document reads it; requests are read by `ClientForm`")]
struct TokenForm {
    /// `password`, `refresh_token` or `client_credentials`
    grant_type: String,
    /// For `password`: the e-mail address
    username: Option<String>,
    /// For `password`
    password: Option<String>,
    /// For `refresh_token`
    refresh_token: Option<String>,
    /// `partner`, `account` or both; every token has both
    scope: Option<String>,
}

/// The parameters of revocation; for the document.
#[derive(ToSchema)]
#[allow(dead_code, reason = "the document reads it; requests are read by `ClientForm`")]
struct RevokeForm {
    /// An access or refresh token
    token: String,
    /// Not needed
    token_type_hint: Option<String>,
}

fn out(issued: IssuedTokens) -> ([(HeaderName, &'static str); 1], Json<TokenOut>) {
    let body = TokenOut {
        access_token: issued.access.into_revealed(),
        token_type: "bearer".to_owned(),
        expires_in: i64::try_from(issued.expires_in.as_secs()).unwrap_or(i64::MAX),
        scope: SCOPE.to_owned(),
        refresh_token: issued.refresh.map(crate::credentials::secrets::PlainSecret::into_revealed),
    };
    ([(CACHE_CONTROL, "no-store")], Json(body))
}

/// Issues tokens. The partner's client authenticates by HTTP Basic.
#[utoipa::path(
    post, path = "/oauth/token", tag = "Tokens", operation_id = "createToken",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The tokens", body = TokenOut),
        (status = 415, description = "Not application/x-www-form-urlencoded"),
        (status = 429, description = "Too many wrong passwords: wait for Retry-After seconds"),
    ),
    security(("client" = [])),
)]
async fn token(
    State(service): State<Service>,
    form: ClientForm,
) -> Result<([(HeaderName, &'static str); 1], Json<TokenOut>), Refusal> {
    if form
        .optional("scope")?
        .is_some_and(|scope| scope.split(' ').any(|word| !["", "partner", "account"].contains(&word)))
    {
        return Err(Error::grant(GrantRefusal::InvalidScope, "The scopes are partner and account.").into());
    }
    let issued = match form.required("grant_type", "Send a grant_type.")? {
        "password" => {
            let username = form.required("username", "Send a username: the e-mail address.")?;
            let password = form.required("password", "Send a password.")?;
            let ClientForm { client, place, .. } = &form;
            service.sign_in(*client, username, password.to_owned(), place.address, &place.origin).await?
        }
        "refresh_token" => {
            let token = form.required("refresh_token", "Send a refresh_token.")?;
            service.refresh(form.client, token, &form.place.origin).await?
        }
        "client_credentials" => service.sign_in_client(form.client, &form.place.origin).await?,
        _ => {
            let description = "The grants are password, refresh_token and client_credentials.";
            return Err(Error::grant(GrantRefusal::UnsupportedGrantType, description).into());
        }
    };
    Ok(out(issued))
}

/// Revokes an access or refresh token, and with it all that go back to the same sign-in. An unknown one is no error.
#[utoipa::path(
    post, path = "/oauth/revoke", tag = "Tokens", operation_id = "revokeToken",
    request_body(content = RevokeForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Revoked"),
        (status = 415, description = "Not application/x-www-form-urlencoded"),
    ),
    security(("client" = [])),
)]
async fn revoke(State(service): State<Service>, form: ClientForm) -> Result<StatusCode, Refusal> {
    let token = form.required("token", "Send the token to revoke.")?;
    service.revoke(form.client, token, &form.place.origin).await?;
    Ok(StatusCode::OK)
}

/// Retrieves where the token endpoint is and what it takes (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "Tokens", operation_id = "getServerMetadata",
    responses((status = 200, description = "The metadata", body = ServerMetadata)),
    security(()),
)]
async fn metadata(State(service): State<Service>) -> Json<ServerMetadata> {
    let issuer = service.settings.public_url();
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    Json(ServerMetadata {
        token_endpoint: format!("{issuer}/oauth/token"),
        revocation_endpoint: format!("{issuer}/oauth/revoke"),
        issuer,
        grant_types_supported: words(&["password", "refresh_token", "client_credentials"]),
        token_endpoint_auth_methods_supported: words(&["client_secret_basic"]),
        revocation_endpoint_auth_methods_supported: words(&["client_secret_basic"]),
        response_types_supported: Vec::new(),
        scopes_supported: words(&["partner", "account"]),
    })
}
