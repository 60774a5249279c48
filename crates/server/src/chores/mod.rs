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
    let often = every(service.settings.chores, stopped.clone(), || chore.run());
    let seldom = every(seldom::INTERVAL, stopped, || seldom::run(&service));
    tokio::join!(often, seldom);
    often::write_down(&service).await;
}

/// Runs a chore at once and then again and again, never twice at a time, until the stop, which it does not outlast.
async fn every<F: Future<Output = ()>>(interval: Duration, mut stopped: watch::Receiver<()>, chore: impl Fn() -> F) {
    let again_and_again = async {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            chore().await;
        }
    };
    tokio::select! {
        _ = stopped.changed() => {}
        () = again_and_again => {}
    }
}

/// Logs what kept a chore from being done.
fn failed(chore: &str, error: &(dyn Error + 'static)) {
    tracing::error!(chore, error, "a chore was not done; it is tried again");
}
