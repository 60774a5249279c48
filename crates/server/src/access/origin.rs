//! From where a request came.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::Extensions;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument as _, field};
use uuid::Uuid;

use crate::actions::audit::Origin;
use crate::telemetry;

/// The id of a request, under which the log has it. The partner API's answers show it.
#[derive(Clone, Copy, Debug)]
pub struct RequestId(pub Uuid);

impl RequestId {
    /// The id that the request was given, else a new one.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get().copied().unwrap_or_else(|| Self(Uuid::now_v7()))
    }
}

/// Gives every request its id, and what is logged of it the span that has it. The log has a request's route and not its
/// path, in which a client may have put a secret by mistake.
pub async fn identify(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.extensions());
    request.extensions_mut().insert(id);
    let route = telemetry::route(request.extensions());
    let span = tracing::info_span!("request", id = %id.0, method = %request.method(), route, device = field::Empty);
    next.run(request).instrument(span).await
}

/// The address at the other end of a request's connection: a proxy's, where there is one.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The address that a request came from, where the listener tells. An IPv4 address in IPv6's clothes is an IPv4
/// address.
pub fn address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

/// From where a request came, as it is recorded.
pub fn origin(extensions: &Extensions) -> Origin {
    Origin {
        address: address(extensions).map(|address| address.to_string()),
        request_id: extensions.get::<RequestId>().map(|id| id.0.to_string()),
    }
}

/// Where a request of somebody who is not signed in came from.
pub struct Place {
    /// The address; `0.0.0.0` where the listener does not tell.
    pub address: IpAddr,
    /// As it is recorded.
    pub origin: Origin,
}

impl Place {
    /// Where a request came from.
    pub fn of(extensions: &Extensions) -> Self {
        let address = address(extensions).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Self { address, origin: origin(extensions) }
    }
}

impl<S: Sync> FromRequestParts<S> for Place {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}
