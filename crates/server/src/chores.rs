//! Loops without a caller. What they do is in the actions; here it is only said when. What fails is logged and
//! tried again the next time: nothing ends a loop but the server's own end.

mod often;
mod seldom;

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::service::Service;

/// Does the chores until something is sent through `stopped`, or nobody is left to send anything; and then the last
/// of them: devices heard of meanwhile are written down.
pub async fn run(service: Service, stopped: watch::Receiver<()>) {
    let chore = often::Chore::new(&service);
    let often = every(service.settings.chores, stopped.clone(), || chore.run(stopped.clone()));
    let seldom = every(seldom::INTERVAL, stopped.clone(), || unless_stopped(stopped.clone(), seldom::run(&service)));
    tokio::join!(often, seldom);
    often::write_down(&service).await;
}

/// Runs a chore at once and then again and again, never twice at a time, until the stop. One that has begun is done:
/// what it has taken in hand would be lost.
async fn every<F: Future<Output = ()>>(interval: Duration, mut stopped: watch::Receiver<()>, chore: impl Fn() -> F) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => return,
            _ = ticks.tick() => chore().await,
        }
    }
}

/// Does what may take long, and loses nothing if it is cut off by the stop.
async fn unless_stopped(mut stopped: watch::Receiver<()>, work: impl Future<Output = ()>) {
    tokio::select! {
        _ = stopped.changed() => {}
        () = work => {}
    }
}

/// Logs what kept a chore from being done.
fn failed(chore: &str, error: &(dyn Error + 'static)) {
    tracing::error!(chore, error, "a chore was not done; it is tried again");
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn what_has_begun_is_done_before_the_stop() {
        let (stopping, stopped) = watch::channel(());
        let (begun, finish) = (Notify::new(), Notify::new());
        let chore = async || {
            begun.notify_one();
            finish.notified().await;
        };
        let mut chores = pin!(every(Duration::from_secs(3600), stopped, chore));
        tokio::select! {
            () = &mut chores => panic!("nobody has stopped it"),
            () = begun.notified() => {}
        }
        drop(stopping);
        assert!(poll!(&mut chores).is_pending());
        finish.notify_one();
        chores.await;
    }

    #[tokio::test]
    async fn what_may_be_cut_off_is() {
        let (stopping, stopped) = watch::channel(());
        drop(stopping);
        unless_stopped(stopped, std::future::pending()).await;
    }
}
