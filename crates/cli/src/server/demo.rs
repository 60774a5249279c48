//! `otaria demo`: a server, a partner, a few simulated devices, and one real publication from upload to installed.

mod api;
mod device;
mod state;
mod story;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use otaria_server::serve::{Listener, listen, open, run as serve};
use otaria_server::{RawSettings, Settings};
use tokio::sync::Notify;

use crate::failure::Failure;
use crate::server::serve::log_to_stderr;
use crate::signals::service_is_stopped;
use crate::terminal::print;

/// How many ports above the wanted one are tried.
const PORTS: u16 = 100;

/// Where the demo is and keeps things.
#[derive(Args)]
pub struct Options {
    /// The address to listen on; if it is taken, the next free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The demo's own data folder
    #[arg(long, value_name = "FOLDER", default_value = "./otaria-data/demo")]
    data: PathBuf,
    /// Leave after the publication instead of staying up
    #[arg(long)]
    once: bool,
}

/// Runs the demo. Running it again publishes the next version to the same devices.
pub async fn run(options: &Options) -> Result<(), Failure> {
    if std::env::var_os("RUST_LOG").is_some() {
        log_to_stderr();
    }
    let (listener, address) = next_free(options.listen)?;
    if address.port() != options.listen.port() {
        print(&format!("Port {} is taken, so the demo is on port {}.", options.listen.port(), address.port()));
    }
    let settings = Settings::from_raw(RawSettings {
        listen: Some(address),
        data: Some(options.data.clone()),
        // Devices that ask often, so that nobody has to wait for the story to go on.
        poll_seconds: Some(2),
        busy_poll_seconds: Some(1),
        chore_seconds: Some(1),
        ..RawSettings::default()
    })?;
    let url = settings.public_url();
    let service = open(settings).await?;
    let state = state::State::load_or_bootstrap(&service, &options.data).await?;

    let leave = Arc::new(Notify::new());
    let (told_to_leave, stopped) = (Arc::clone(&leave), service_is_stopped());
    let mut server = tokio::spawn(serve(service, listener, || {}, async move {
        tokio::select! {
            () = stopped => {}
            () = told_to_leave.notified() => {}
        }
    }));
    let told = tokio::select! {
        told = story::tell(&url, state, &options.data) => told,
        served = &mut server => return Ok(served??),
    };
    if options.once || told.is_err() {
        leave.notify_one();
    } else {
        story::what_next(&url, &options.data);
    }
    // The devices go on polling for as long as the server is up.
    let _devices = told?;
    Ok(server.await??)
}

/// Listens at the address, or at the next free port above it.
fn next_free(wanted: SocketAddr) -> Result<(Listener, SocketAddr), Failure> {
    let last = wanted.port().saturating_add(PORTS);
    let mut refused = None;
    for port in wanted.port()..=last {
        match listen(SocketAddr::new(wanted.ip(), port), None) {
            Ok(listener) => {
                let address = listener.address()?;
                return Ok((listener, address));
            }
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.map_or_else(|| Failure::new("no port is free"), Failure::new))
}
