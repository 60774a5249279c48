//! People and clients: the bearer token of a request, and the scopes that it opens.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use otaria_core::{AccountId, PartnerId};
use otaria_store::scopes::{
    Caller, InstallationScope, ManagePartner, OwnPartner, ViewAccount, ViewPartner, WriteAccount,
};
use otaria_store::{Conn, SecretHash};

use crate::actions::Error;
use crate::service::Service;

/// Why a request was not let in.
#[derive(Clone, Debug)]
pub enum Denied {
    /// No valid token.
    Unauthenticated,
    /// A valid token, but not this; or the check itself failed.
    Refused(Error),
}

impl From<Error> for Denied {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<otaria_store::Error> for Denied {
    fn from(error: otaria_store::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// Whoever holds the request's token.
pub struct SignedIn(pub Caller);

/// May read the partner in the path.
pub struct Viewing(pub ViewPartner);

/// May change what belongs to the partner in the path, and push.
pub struct Managing {
    /// The scope.
    pub scope: ManagePartner,
    /// Who.
    pub caller: Caller,
}

/// May change the partner in the path itself.
pub struct Owning(pub OwnPartner);

/// May read the account in the path.
pub struct ViewingAccount(pub ViewAccount);

/// May change the devices of the account in the path.
pub struct WritingAccount {
    /// The scope.
    pub scope: WriteAccount,
    /// Who.
    pub caller: Caller,
}

/// Is the installation's admin.
pub struct Administrating {
    /// The scope.
    pub scope: InstallationScope,
    /// Who.
    pub caller: Caller,
}

async fn caller(parts: &Parts, service: &Service, conn: &mut Conn) -> Result<Caller, Denied> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let (header, another) = (headers.next().and_then(|value| value.to_str().ok()), headers.next());
    if another.is_some() {
        return Err(Denied::Unauthenticated);
    }
    // The scheme is compared without case (RFC 9110, section 11.1).
    let token = header
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let Some(token) = token else { return Err(Denied::Unauthenticated) };
    let found = Caller::by_token(conn, &SecretHash::of(token), service.clock.now()).await?;
    found.ok_or(Denied::Unauthenticated)
}

/// The id in the path under `name`. What is no id is refused as one that does not exist would be.
async fn id_in_path<T: std::str::FromStr>(parts: &mut Parts, service: &Service, name: &str) -> Result<T, Denied> {
    let params = RawPathParams::from_request_parts(parts, service).await.map_err(|error| {
        let is_this = error.to_string().contains(&format!("`{name}`"));
        if is_this { Error::Forbidden } else { Error::Malformed("The path is not valid UTF-8.".to_owned()) }
    })?;
    let text = params.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
    Ok(text.and_then(|text| text.parse().ok()).ok_or(Error::Forbidden)?)
}

async fn partner_in_path(parts: &mut Parts, service: &Service) -> Result<(Conn, Caller, PartnerId), Denied> {
    let mut conn = service.store.read().await?;
    let caller = caller(parts, service, &mut conn).await?;
    let partner = id_in_path(parts, service, "partnerId").await?;
    Ok((conn, caller, partner))
}

async fn account_in_path(parts: &mut Parts, service: &Service) -> Result<(Conn, Caller, AccountId), Denied> {
    let mut conn = service.store.read().await?;
    let caller = caller(parts, service, &mut conn).await?;
    let account = id_in_path(parts, service, "accountId").await?;
    Ok((conn, caller, account))
}

impl FromRequestParts<Service> for SignedIn {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let mut conn = service.store.read().await?;
        Ok(Self(caller(parts, service, &mut conn).await?))
    }
}

impl FromRequestParts<Service> for Viewing {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, caller, partner) = partner_in_path(parts, service).await?;
        Ok(Self(caller.view_partner(&mut conn, partner).await?.ok_or(Error::Forbidden)?))
    }
}

impl FromRequestParts<Service> for Managing {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, caller, partner) = partner_in_path(parts, service).await?;
        let scope = caller.manage_partner(&mut conn, partner).await?.ok_or(Error::Forbidden)?;
        Ok(Self { scope, caller })
    }
}

impl FromRequestParts<Service> for Owning {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, caller, partner) = partner_in_path(parts, service).await?;
        Ok(Self(caller.own_partner(&mut conn, partner).await?.ok_or(Error::Forbidden)?))
    }
}

impl FromRequestParts<Service> for ViewingAccount {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, caller, account) = account_in_path(parts, service).await?;
        Ok(Self(caller.view_account(&mut conn, account).await?.ok_or(Error::Forbidden)?))
    }
}

impl FromRequestParts<Service> for WritingAccount {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, caller, account) = account_in_path(parts, service).await?;
        let scope = caller.write_account(&mut conn, account).await?.ok_or(Error::Forbidden)?;
        Ok(Self { scope, caller })
    }
}

impl FromRequestParts<Service> for Administrating {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let mut conn = service.store.read().await?;
        let caller = caller(parts, service, &mut conn).await?;
        let scope = caller.administrate().ok_or(Error::Forbidden)?;
        Ok(Self { scope, caller })
    }
}
