//! Builds everything once, in order, and answers requests until it is told to stop.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::handler::Handler as _;
use axum::middleware::{from_fn, from_fn_with_state};
use axum_server::Handle;
use otaria_store::repository::{OpenError, Trouble};
use otaria_store::{Repository, Store};

use crate::access::{forwarded, origin};
use crate::chores;
use crate::clock::Clock;
use crate::connections::{self, Tls, TlsError};
use crate::protocols::{ddi, direct, partner};
use crate::service::Service;
use crate::settings::{Settings, TlsFiles};
use crate::telemetry;

/// How long transfers may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(30);

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}; is something else running there? Choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The address for metrics cannot be listened on.
    #[error("cannot listen on {address} for metrics; is something else running there? Set OTARIA_METRICS_LISTEN")]
    Metrics {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The server's certificate cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The data folder cannot be made.
    #[error("cannot make the data folder {folder}; choose another with --data")]
    DataFolder {
        /// The folder.
        folder: String,
        /// Why.
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error("cannot open the storage")]
    Storage(#[from] otaria_store::Error),
    /// The repository cannot be used.
    #[error("cannot use the repository ({})", look_at(.0))]
    Repository(#[from] OpenError),
    /// What is done without anybody asking is not done any more.
    #[error("the chores ended by themselves; the log says why")]
    Chores,
    /// Serving ended with an error.
    #[error("serving ended")]
    Serve(#[source] io::Error),
}

/// Which settings to look at when the repository cannot be used.
fn look_at(error: &OpenError) -> &'static str {
    match error {
        OpenError::Folder { .. } => "look at repository_url and data",
        OpenError::S3 { trouble, .. } => match trouble {
            Trouble::Unreachable => "look at s3_endpoint, s3_url_style and the network",
            Trouble::Credentials => "look at AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
            Trouble::Clock => "set this machine's clock",
            Trouble::NoBucket => "look at repository_url and s3_url_style, or make the bucket",
            Trouble::Region => "look at s3_region",
            Trouble::MayNotList | Trouble::MayNotWrite | Trouble::MayNotDelete => {
                "look at the rights of this access key in the bucket: it must list, read, write and delete"
            }
            Trouble::Other => "look at repository_url, s3_endpoint and s3_url_style",
        },
    }
}

/// Opens the storage and puts the service together.
///
/// # Errors
/// If the data folder, the database or the repository cannot be opened.
pub async fn open(settings: Settings) -> Result<Service, StartError> {
    let folder = settings.data.clone();
    std::fs::create_dir_all(&folder)
        .map_err(|source| StartError::DataFolder { folder: folder.display().to_string(), source })?;
    let store = Store::open(&settings.database).await?;
    let repository = Repository::open(&settings.repository).await?;
    Ok(Service::new(store, repository, settings, Clock::system()))
}

/// Where clients come in.
pub struct Listener {
    socket: std::net::TcpListener,
    tls: Option<Tls>,
}

impl Listener {
    /// The address that it listens on.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// Takes the address to listen on, for TLS if there is a certificate; called inside a runtime.
///
/// # Errors
/// If the certificate cannot be used, or the address is taken.
pub fn listen(address: SocketAddr, tls: Option<&TlsFiles>) -> Result<Listener, StartError> {
    let tls = tls.map(|files| Tls::open(files, Clock::system())).transpose()?;
    let socket = connections::listen(address).map_err(|source| StartError::Listen { address, source })?;
    Ok(Listener { socket, tls })
}

/// Every dialect.
pub fn router(service: Service) -> Router {
    let fallback = partner::fallback.layer(from_fn_with_state(service.clock.clone(), partner::render));
    let proxies = Arc::new(service.settings.trusted_proxies.clone());
    Router::new()
        .merge(partner::router(service.clock.clone()))
        .merge(ddi::router())
        .merge(direct::router())
        .fallback(fallback)
        .layer(from_fn(connections::hold))
        .layer(from_fn(origin::identify))
        .layer(from_fn_with_state(proxies, forwarded::believe))
        .layer(from_fn(telemetry::count))
        .with_state(service)
}

/// Answers requests, and does the chores, until `stop` is done; then lets transfers finish for a while. `ready` is called
/// once every address is taken.
///
/// # Errors
/// If the listener fails.
pub async fn run(
    service: Service,
    listener: Listener,
    ready: impl FnOnce(),
    stop: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let metrics = match service.settings.metrics_listen {
        Some(address) => {
            let listener = telemetry::Listener::open(address);
            Some(listener.map_err(|source| StartError::Metrics { address, source })?)
        }
        None => None,
    };
    ready();
    let (stopping, stopped) = tokio::sync::watch::channel(());
    let mut chores = tokio::spawn(chores::run(service.clone(), stopped));
    let handle = Handle::<SocketAddr>::new();
    let app = router(service.clone()).into_make_service_with_connect_info::<SocketAddr>();
    let open_files = connections::raise_open_files();
    let Listener { socket, tls } = listener;
    let server =
        connections::server(socket, tls.clone(), &service.settings, open_files).map_err(StartError::Serve)?;
    let serving = server.handle(handle.clone()).serve(app);
    tokio::pin!(serving);
    let watched = async {
        match metrics {
            Some(listener) => listener.run(service.clone()).await,
            None => std::future::pending().await,
        }
    };
    let renewing = async {
        match &tls {
            Some(tls) => tls.renew().await,
            None => std::future::pending::<Infallible>().await,
        }
    };
    let served = tokio::select! {
        served = &mut serving => served.map_err(StartError::Serve),
        watched = watched => watched.map_err(StartError::Serve),
        never = renewing => match never {},
        // A server whose timers stand still looks healthy and is not.
        _ = &mut chores => return Err(StartError::Chores),
        () = stop => {
            service.stopping.send_replace(true);
            handle.graceful_shutdown(Some(GRACE));
            serving.await.map_err(StartError::Serve)
        }
    };
    drop(stopping);
    chores.await.map_err(|_| StartError::Chores)?;
    service.store.close().await;
    served
}
