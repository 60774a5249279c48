//! An S3 server of the test's own, which checks signatures: on a free port, over a temporary folder. It can be
//! stopped and started again, and it can stall.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::host::SingleDomain;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::sync::{oneshot, watch};

/// The one access key's id.
pub const ACCESS_KEY: &str = "AKIAOTARIATEST";
/// Its secret.
pub const SECRET_KEY: &str = "a-secret-that-no-log-shows";

/// An S3 server with one bucket.
pub struct S3Server {
    folder: tempfile::TempDir,
    port: u16,
    /// The host below which requests name the bucket, if they do not name it in their path.
    domain: Option<&'static str>,
    stalled: watch::Sender<bool>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl S3Server {
    /// Starts a server whose requests name the bucket in their path.
    pub fn start() -> Self {
        Self::start_as(None)
    }

    /// Starts a server whose requests name the bucket in their host, of which nobody resolves the name: whoever asks
    /// takes the server for a proxy.
    pub fn start_with_virtual_hosts() -> Self {
        Self::start_as(Some("s3.test"))
    }

    fn start_as(domain: Option<&'static str>) -> Self {
        // Free when asked for; a test that loses the race for it fails to start and says so.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let mut server = Self { folder, port, domain, stalled: watch::Sender::new(false), running: None };
        std::fs::create_dir(server.bucket_folder()).unwrap();
        server.launch();
        server
    }

    /// Starts the server (again), on the same port and with what is stored.
    pub fn launch(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let mut builder = S3ServiceBuilder::new(FileSystem::new(self.folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        if let Some(domain) = self.domain {
            builder.set_host(SingleDomain::new(domain).unwrap());
        }
        let (service, stalled) = (builder.build(), self.stalled.subscribe());
        let (stop, stopped) = oneshot::channel();
        // A thread of its own, since tests block theirs while they wait for processes.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, service, stalled) => {}
                    _ = stopped => {}
                }
            });
        });
        self.running = Some((stop, thread));
    }

    /// Stops the server: connections are cut, and new ones refused.
    pub fn stop(&mut self) {
        if let Some((stop, thread)) = self.running.take() {
            drop(stop);
            thread.join().unwrap();
        }
    }

    /// From now on connections are taken, and nothing is answered.
    pub fn stall(&self) {
        self.stalled.send_replace(true);
    }

    /// Ends a stall.
    pub fn go_on(&self) {
        self.stalled.send_replace(false);
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &'static str {
        "binaries"
    }

    /// Where the server is.
    pub fn endpoint(&self) -> String {
        self.domain.map_or_else(|| self.address(), |domain| format!("http://{domain}"))
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The settings of an Otaria whose repository is in the bucket, under this prefix.
    pub fn settings(&self, prefix: &str) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("OTARIA_REPOSITORY_URL", format!("s3://{}/{prefix}", self.bucket())),
            ("OTARIA_S3_ENDPOINT", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ];
        if self.domain.is_some() {
            settings.push(("OTARIA_S3_URL_STYLE", "virtual-host".to_owned()));
            settings.push(("http_proxy", self.address()));
        }
        settings
    }

    /// The folder that is the bucket.
    pub fn bucket_folder(&self) -> PathBuf {
        self.folder.path().join(self.bucket())
    }

    /// Every object, by key, with its size.
    pub fn objects(&self) -> BTreeMap<String, u64> {
        let bucket = self.bucket_folder();
        let mut folders = vec![bucket.clone()];
        let mut objects = BTreeMap::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                // An object may go while one looks.
                match std::fs::metadata(&path) {
                    Ok(metadata) if metadata.is_dir() => folders.push(path),
                    Ok(metadata) => drop(objects.insert(key(&bucket, &path), metadata.len())),
                    Err(_) => {}
                }
            }
        }
        objects
    }

    /// What there is of uploads that are not finished: their ids and parts.
    pub fn unfinished(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".upload") || name.starts_with(".tmp")).collect()
    }

    /// Makes an object look as if it had been written so long ago.
    pub fn age(&self, key: &str, age: Duration) {
        let file = std::fs::File::options().write(true).open(self.bucket_folder().join(key)).unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        let then: SystemTime = modified.checked_sub(age).unwrap();
        file.set_modified(then).unwrap();
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn key(bucket: &Path, file: &Path) -> String {
    file.strip_prefix(bucket).unwrap().display().to_string()
}

async fn serve(listener: TcpListener, service: S3Service, stalled: watch::Receiver<bool>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        let (service, mut stalled) = (service.clone(), stalled.clone());
        tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(socket), service));
            loop {
                if stalled.wait_for(|stalled| !stalled).await.is_err() {
                    return;
                }
                tokio::select! {
                    biased;
                    _ = stalled.wait_for(|stalled| *stalled) => {}
                    _ = &mut connection => return,
                }
            }
        });
    }
}
