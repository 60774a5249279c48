//! What a service manager such as systemd is told (`sd_notify(3)`); without one, nothing.

use std::future::Future;

use sd_notify::NotifyState;

/// Says that the server listens.
pub fn ready() {
    tell(NotifyState::Ready);
}

/// Says that the server stops.
pub fn stopping() {
    tell(NotifyState::Stopping);
}

/// Says, as often as the manager wants to hear it, that the runtime still runs; never ends.
pub fn watchdog() -> impl Future<Output = ()> {
    // Twice in each interval, as sd_watchdog_enabled(3) advises.
    let every = sd_notify::watchdog_enabled().map(|interval| interval / 2).filter(|every| !every.is_zero());
    async move {
        let Some(every) = every else { return std::future::pending().await };
        let mut ticks = tokio::time::interval(every);
        loop {
            ticks.tick().await;
            tell(NotifyState::Watchdog);
        }
    }
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told how the server is");
    }
}
