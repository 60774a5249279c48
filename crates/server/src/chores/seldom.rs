//! Every hour: the repository is swept, and old events, expired tokens and invitations are forgotten.

use std::time::Duration;

use super::failed;
use crate::actions::upkeep::Swept;
use crate::service::Service;

pub(super) const INTERVAL: Duration = Duration::from_secs(60 * 60);

pub(super) async fn run(service: &Service) {
    match service.sweep_repository().await {
        Ok(swept) if swept == Swept::default() => {}
        Ok(swept) => tracing::info!(?swept, "the repository was swept"),
        Err(error) => failed("sweeping the repository", &error),
    }
    match service.forget_events().await {
        Ok(0) => {}
        Ok(forgotten) => tracing::debug!(forgotten, "old events were forgotten"),
        Err(error) => failed("forgetting events", &error),
    }
    match service.forget_expired().await {
        Ok(0) => {}
        Ok(forgotten) => tracing::debug!(forgotten, "expired tokens and invitations were forgotten"),
        Err(error) => failed("forgetting what has expired", &error),
    }
}
