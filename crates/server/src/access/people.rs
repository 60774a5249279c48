//! People and clients: the bearer token of a request, and the scopes that it opens.

use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use otaria_core::{AccountId, PartnerId, Timestamp};
use otaria_store::scopes::{
    InstallationScope, InviteToPartner, ManagePartner, OwnPartner, Session, ViewAccount, ViewPartner, WriteAccount,
};
use otaria_store::{Conn, SecretHash};

use crate::access::origin::origin;
use crate::access::path::PathParams;
use crate::actions::audit::{Actor, Origin};
use crate::error::Error;
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
pub struct SignedIn {
    /// What the token opens.
    pub session: Session,
    /// Who, and from where.
    pub actor: Actor,
}

/// May read the partner in the path.
pub struct Viewing(pub ViewPartner);

/// May read the partner in the path, for as long as the session lasts.
pub struct Listening {
    /// The scope.
    pub scope: ViewPartner,
    /// What the token opens.
    pub session: Session,
}

/// May change what belongs to the partner in the path, and push.
pub struct Managing {
    /// The scope.
    pub scope: ManagePartner,
    /// Who.
    pub actor: Actor,
}

/// May invite people to the partner in the path, and see who is there.
pub struct Inviting {
    /// The scope.
    pub scope: InviteToPartner,
    /// Who.
    pub actor: Actor,
}

/// May change the partner in the path itself.
pub struct Owning {
    /// The scope.
    pub scope: OwnPartner,
    /// Who.
    pub actor: Actor,
}

/// May read the account in the path.
pub struct ViewingAccount(pub ViewAccount);

/// May change the devices of the account in the path.
pub struct WritingAccount {
    /// The scope.
    pub scope: WriteAccount,
    /// Who.
    pub actor: Actor,
}

/// Is the installation's admin.
pub struct Administrating {
    /// The scope.
    pub scope: InstallationScope,
    /// Who.
    pub actor: Actor,
}

/// Whoever turned out to have made a request, and what they were let in for.
#[derive(Clone, Default)]
pub struct MadeBy {
    known: Arc<OnceLock<Known>>,
    right: Arc<OnceLock<Right>>,
}

/// A right that a request was let in for.
#[derive(Clone, Copy)]
enum Right {
    View(PartnerId),
    Manage(PartnerId),
    Invite(PartnerId),
    Own(PartnerId),
    WriteAccount(AccountId),
}

/// Who made a request.
#[derive(Clone)]
pub struct Known {
    /// The service that knows them.
    pub service: Service,
    /// What their token opens.
    pub session: Session,
    /// From where.
    pub origin: Origin,
    /// When they were let in.
    since: Timestamp,
}

impl MadeBy {
    /// Who made the request, if that was found out.
    pub fn known(&self) -> Option<&Known> {
        self.known.get()
    }

    /// Notes what a request was let in for.
    fn let_in(parts: &Parts, right: Right) {
        if let Some(made_by) = parts.extensions.get::<Self>() {
            made_by.right.get_or_init(|| right);
        }
    }

    /// Makes sure that what the request was let in for still holds. A body may come for a long time after its header,
    /// and whoever was removed meanwhile must not get through with it. A token that was good when the request began
    /// may expire on the way, or a large upload over a slow line could never be done.
    ///
    /// # Errors
    /// If it does not hold any more.
    pub async fn still_may(&self) -> Result<(), Denied> {
        let Some(Known { service, session, since, .. }) = self.known() else { return Ok(()) };
        let mut conn = service.store.read().await?;
        if !session.is_valid(&mut conn, *since).await? {
            return Err(Denied::Unauthenticated);
        }
        let (caller, conn) = (session.caller, &mut conn);
        let may = match self.right.get() {
            None => true,
            Some(Right::View(partner)) => caller.view_partner(conn, *partner).await?.is_some(),
            Some(Right::Manage(partner)) => caller.manage_partner(conn, *partner).await?.is_some(),
            Some(Right::Invite(partner)) => caller.invite_to_partner(conn, *partner).await?.is_some(),
            Some(Right::Own(partner)) => caller.own_partner(conn, *partner).await?.is_some(),
            Some(Right::WriteAccount(account)) => caller.write_account(conn, *account).await?.is_some(),
        };
        if may { Ok(()) } else { Err(Error::Forbidden.into()) }
    }
}

async fn sign_in(parts: &Parts, service: &Service, conn: &mut Conn) -> Result<SignedIn, Denied> {
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
    let now = service.clock.now();
    let found = Session::by_token(conn, &SecretHash::of(token), now).await?;
    let session = found.ok_or(Denied::Unauthenticated)?;
    let origin = origin(&parts.extensions);
    let actor = Actor::new(session.caller, &origin);
    if let Some(made_by) = parts.extensions.get::<MadeBy>() {
        made_by.known.get_or_init(|| Known {
            service: service.clone(),
            session: session.clone(),
            origin,
            since: now,
        });
    }
    Ok(SignedIn { session, actor })
}

/// The id in the path under `name`. What is no id is refused as one that does not exist would be.
async fn id_in_path<T: FromStr>(parts: &mut Parts, name: &str) -> Result<T, Denied> {
    match PathParams::of(parts).await {
        Ok(path) => Ok(path.text(name).parse().map_err(|_| Error::Forbidden)?),
        Err(no_text) if no_text.is(name) => Err(Error::Forbidden.into()),
        Err(no_text) => Err(Error::from(no_text).into()),
    }
}

async fn partner_in_path(parts: &mut Parts, service: &Service) -> Result<(Conn, Actor, PartnerId), Denied> {
    let mut conn = service.store.read().await?;
    let SignedIn { actor, .. } = sign_in(parts, service, &mut conn).await?;
    let partner = id_in_path(parts, "partnerId").await?;
    Ok((conn, actor, partner))
}

async fn account_in_path(parts: &mut Parts, service: &Service) -> Result<(Conn, Actor, AccountId), Denied> {
    let mut conn = service.store.read().await?;
    let SignedIn { actor, .. } = sign_in(parts, service, &mut conn).await?;
    let account = id_in_path(parts, "accountId").await?;
    Ok((conn, actor, account))
}

impl FromRequestParts<Service> for SignedIn {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let mut conn = service.store.read().await?;
        sign_in(parts, service, &mut conn).await
    }
}

impl FromRequestParts<Service> for Viewing {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, actor, partner) = partner_in_path(parts, service).await?;
        let scope = actor.caller.view_partner(&mut conn, partner).await?.ok_or(Error::Forbidden)?;
        MadeBy::let_in(parts, Right::View(partner));
        Ok(Self(scope))
    }
}

impl FromRequestParts<Service> for Listening {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let mut conn = service.store.read().await?;
        let SignedIn { session, .. } = sign_in(parts, service, &mut conn).await?;
        let partner = id_in_path(parts, "partnerId").await?;
        let scope = session.caller.view_partner(&mut conn, partner).await?.ok_or(Error::Forbidden)?;
        Ok(Self { scope, session })
    }
}

impl FromRequestParts<Service> for Managing {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, actor, partner) = partner_in_path(parts, service).await?;
        let scope = actor.caller.manage_partner(&mut conn, partner).await?.ok_or(Error::Forbidden)?;
        MadeBy::let_in(parts, Right::Manage(partner));
        Ok(Self { scope, actor })
    }
}

impl FromRequestParts<Service> for Inviting {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, actor, partner) = partner_in_path(parts, service).await?;
        let scope = actor.caller.invite_to_partner(&mut conn, partner).await?.ok_or(Error::Forbidden)?;
        MadeBy::let_in(parts, Right::Invite(partner));
        Ok(Self { scope, actor })
    }
}

impl FromRequestParts<Service> for Owning {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, actor, partner) = partner_in_path(parts, service).await?;
        let scope = actor.caller.own_partner(&mut conn, partner).await?.ok_or(Error::Forbidden)?;
        MadeBy::let_in(parts, Right::Own(partner));
        Ok(Self { scope, actor })
    }
}

impl FromRequestParts<Service> for ViewingAccount {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, actor, account) = account_in_path(parts, service).await?;
        Ok(Self(actor.caller.view_account(&mut conn, account).await?.ok_or(Error::Forbidden)?))
    }
}

impl FromRequestParts<Service> for WritingAccount {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let (mut conn, actor, account) = account_in_path(parts, service).await?;
        let scope = actor.caller.write_account(&mut conn, account).await?.ok_or(Error::Forbidden)?;
        MadeBy::let_in(parts, Right::WriteAccount(account));
        Ok(Self { scope, actor })
    }
}

impl FromRequestParts<Service> for Administrating {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, service: &Service) -> Result<Self, Denied> {
        let mut conn = service.store.read().await?;
        let SignedIn { actor, .. } = sign_in(parts, service, &mut conn).await?;
        let scope = actor.caller.administrate().ok_or(Error::Forbidden)?;
        Ok(Self { scope, actor })
    }
}
