//! Every few seconds: devices heard of are written down, with what of them could not be read, and the timers of pushes
//! run.

use otaria_core::Timestamp;
use tokio::sync::watch;

use super::{failed, unless_stopped};
use crate::service::Service;

pub(super) struct Chore<'s> {
    service: &'s Service,
    /// Since when devices can be heard of at all.
    listening_since: Timestamp,
}

impl<'s> Chore<'s> {
    pub(super) fn new(service: &'s Service) -> Self {
        Self { service, listening_since: service.clock.now() }
    }

    /// In this order, and timers only if it worked: a device that was heard of must not count as silent because
    /// that was not written down.
    pub(super) async fn run(&self, stopped: watch::Receiver<()>) {
        if write_down(self.service).await.is_some() {
            unless_stopped(stopped, self.run_timers()).await;
        }
    }

    async fn run_timers(&self) {
        match self.service.run_timers(self.listening_since).await {
            Ok(0) => {}
            Ok(looked_at) => tracing::debug!(looked_at, "timers of pushes ran"),
            Err(error) => failed("timers", &error),
        }
    }
}

/// Writes down which devices were heard of; none if that failed. What of them could not be read is of no importance
/// to the timers.
pub(super) async fn write_down(service: &Service) -> Option<()> {
    if let Err(error) = service.flush_unreadable().await {
        failed("unreadable", &error);
    }
    service.flush_sightings().await.map_err(|error| failed("sightings", &error)).ok()
}
