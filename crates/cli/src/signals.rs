//! What the system tells a process to end: Ctrl-C, a terminal that is closed, a runner or a service manager that stops it.

use std::sync::LazyLock;

use futures::future::{pending, select_all};
use tokio::signal::unix::{SignalKind, signal};

/// Where the system says which signals were ignored when the process began (proc_pid_status(5)).
const STATUS: &str = "/proc/self/status";

/// Which signals were ignored when the process began, as `nohup` does: a bit each. To listen to one ends that.
static IGNORED: LazyLock<u64> =
    LazyLock::new(|| std::fs::read_to_string(STATUS).ok().as_deref().and_then(ignored).unwrap_or_default());

/// Ends when somebody who waits for a command does so no longer: SIGINT, SIGTERM or SIGHUP. They are heard from the
/// call on.
pub fn command_is_interrupted() -> impl Future<Output = ()> {
    any_of([SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()])
}

/// Ends when a service is to stop: SIGINT or SIGTERM. They are heard from the call on: one that comes while the service
/// starts must not kill it.
#[cfg(feature = "server")]
pub fn service_is_stopped() -> impl Future<Output = ()> {
    any_of([SignalKind::interrupt(), SignalKind::terminate()])
}

/// Ends at any of these signals. One that was ignored when the process began stays so: whoever started it wants that.
fn any_of(kinds: impl IntoIterator<Item = SignalKind>) -> impl Future<Output = ()> {
    let ignored = *IGNORED;
    let kinds = kinds.into_iter().filter(|kind| !is_in(*kind, ignored));
    // What cannot be listened to ends the process as it always does.
    let mut heard: Vec<_> = kinds.filter_map(|kind| signal(kind).ok()).collect();
    async move {
        if heard.is_empty() {
            return pending().await;
        }
        select_all(heard.iter_mut().map(|signal| Box::pin(signal.recv()))).await;
    }
}

fn is_in(kind: SignalKind, signals: u64) -> bool {
    let bit = u32::try_from(kind.as_raw_value() - 1).ok().and_then(|bit| 1_u64.checked_shl(bit));
    bit.is_some_and(|bit| signals & bit != 0)
}

/// The signals that the text of a status says are ignored.
fn ignored(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_process_says_what_it_ignores() {
        // As `nohup` leaves it, with the pipes that Rust itself ignores.
        let by_nohup = ignored("Name:\totaria\nSigIgn:\t0000000000001001\nSigCgt:\t0000000100000440\n").unwrap();
        assert!(is_in(SignalKind::hangup(), by_nohup) && is_in(SignalKind::pipe(), by_nohup));
        assert!(!is_in(SignalKind::interrupt(), by_nohup) && !is_in(SignalKind::terminate(), by_nohup));
        assert_eq!(ignored("Name:\totaria\n"), None);
    }
}
