//! Whoever is refused what they have no right to is recorded, whichever operation it was.

use axum::extract::{MatchedPath, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::access::people::MadeBy;

/// Records a 403 of somebody who is signed in. The operation is named by its route, not by the path: a path may hold
/// what nobody meant to have recorded.
pub(super) async fn record(mut request: Request, next: Next) -> Response {
    let made_by = MadeBy::default();
    request.extensions_mut().insert(made_by.clone());
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let method = request.method().clone();
    let response = next.run(request).await;
    if response.status() == StatusCode::FORBIDDEN
        && let Some(known) = made_by.known()
        && let Some(route) = route
    {
        let operation = format!("{method} {route}");
        if let Err(error) = known.service.record_refusal(&known.session, &known.origin, operation).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a refusal was not recorded");
        }
    }
    response
}
