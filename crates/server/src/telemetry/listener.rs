//! `GET /metrics` on a listener of its own, in the text format of Prometheus.

use std::io;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum_server::Handle;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::{SECONDS, WAITING};
use crate::connections;
use crate::service::Service;

/// Of how many open files the listener takes half: those who ask for metrics are few.
const OPEN_FILES: u64 = 128;
/// How often measurements are put into their buckets. Nobody may be asking for them.
const UPKEEP: Duration = Duration::from_secs(5);
/// The buckets of times, in seconds: from an answer out of memory to a large upload.
const BUCKETS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Where metrics are asked for.
pub(crate) struct Listener {
    listener: std::net::TcpListener,
    metrics: PrometheusHandle,
}

impl Listener {
    /// Takes the address and begins to count.
    ///
    /// # Errors
    /// If the address is taken.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: connections::listen(address)?, metrics: recorder()? })
    }

    /// Answers until it is dropped.
    ///
    /// # Errors
    /// If the listener fails.
    pub(crate) async fn run(self, service: Service) -> io::Result<()> {
        let server = connections::server(self.listener, None, &service.settings, OPEN_FILES)?;
        let metrics = self.metrics.clone();
        let app = Router::new().route("/metrics", get(render)).with_state((service, self.metrics));
        let serving = server.handle(Handle::new()).serve(app.into_make_service());
        let upkeep = async {
            let mut ticks = tokio::time::interval(UPKEEP);
            loop {
                ticks.tick().await;
                metrics.run_upkeep();
            }
        };
        tokio::select! {
            served = serving => served,
            () = upkeep => Ok(()),
        }
    }
}

/// The one recorder of the process.
fn recorder() -> io::Result<PrometheusHandle> {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full(SECONDS.to_owned()), &BUCKETS);
    let recorder = builder.map_err(io::Error::other)?.build_recorder();
    let handle = RECORDER.get_or_init(|| {
        let handle = recorder.handle();
        // It fails where there is one already, which then is not asked.
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("metrics are recorded elsewhere");
        }
        handle
    });
    Ok(handle.clone())
}

async fn render(State((service, metrics)): State<(Service, PrometheusHandle)>) -> Response {
    if let Some(waiting) = service.waiting_writes() {
        metrics::gauge!(WAITING).set(waiting as f64);
    }
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}
