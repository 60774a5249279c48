//! `otaria serve`

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use otaria_server::serve::{listen, open, run as serve};
use tracing_subscriber::EnvFilter;

use super::options::ServerOptions;
use super::supervisor;
use crate::failure::Failure;
use crate::signals::service_is_stopped;

/// Serves until it is told to stop.
pub async fn run(options: &ServerOptions) -> Result<(), Failure> {
    log_to_stderr();
    let stopped = service_is_stopped();
    let mut settings = options.settings()?;
    let listener = listen(settings.listen, settings.tls.as_ref())?;
    settings.listen = listener.address()?;
    let service = open(settings.clone()).await?;
    if !service.is_bootstrapped().await? {
        tracing::warn!("there are no credentials yet: run `otaria bootstrap --name NAME --email EMAIL` on this data");
    }
    let ready = || {
        tracing::info!(address = %settings.listen, public_url = settings.public_url(), "otaria serves");
        supervisor::ready();
    };
    let stop = async {
        stopped.await;
        supervisor::stopping();
    };
    tokio::select! {
        served = serve(service, listener, ready, stop) => served?,
        () = supervisor::watchdog() => {}
    }
    tracing::info!("otaria has stopped");
    Ok(())
}

/// Logs go to standard error; `RUST_LOG` says how much.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A line that cannot be written, to a full disk say, is lost; reporting that would panic.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    std::panic::set_hook(Box::new(log_panic));
}

/// Logs a panic as everything else: one of a request has the request's id.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or("without words");
    let location = panic.location().map(tracing::field::display);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(backtrace));
    tracing::error!(location, backtrace, "a panic: {text}");
}
