//! TLS on the listener: the server's certificate, which is looked at again and again, and the handshake.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, InconsistentKeys, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::possession::Possession;
use crate::clock::Clock;
use crate::credentials::certificates::Chain;
use crate::settings::TlsFiles;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{setting}: {} cannot be read", file.display())]
    Unreadable {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no PEM.
    #[error("{setting}: {} is no PEM", file.display())]
    NoPem {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A file has none of what it is there for.
    #[error("{setting}: there is no {what} in {}", file.display())]
    Lacking {
        /// The setting that names it.
        setting: &'static str,
        /// What must be in it.
        what: &'static str,
        /// The file.
        file: PathBuf,
    },
    /// The two do not belong together.
    #[error(
        "tls_key: the key in {} does not belong to the first certificate in {}; the server's own certificate comes first",
        key.display(), certificate.display()
    )]
    Mismatch {
        /// The file with the key.
        key: PathBuf,
        /// The file with the certificate.
        certificate: PathBuf,
    },
    /// The two are not of a kind that can be used.
    #[error("tls_certificate and tls_key: {} and {} cannot be used", certificate.display(), key.display())]
    Unusable {
        /// The file with the certificate.
        certificate: PathBuf,
        /// The file with the key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// The server's certificate as it is now. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Tls {
    files: TlsFiles,
    clock: Clock,
    current: Arc<RwLock<Current>>,
}

struct Current {
    /// Of the contents of both files.
    digest: [u8; 32],
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// If they cannot be read, or not be used together.
    pub(crate) fn open(files: &TlsFiles, clock: Clock) -> Result<Self, TlsError> {
        let contents = Contents::read(files)?;
        let current = Arc::new(RwLock::new(contents.usable(files, &clock)?));
        Ok(Self { files: files.clone(), clock, current })
    }

    /// Makes the handshake with a client. With what comes the certificate of which the client has the key, if it showed
    /// one.
    ///
    /// # Errors
    /// If the client does not speak TLS as the server does, or not at all.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<(TlsStream<S>, Option<Chain>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config);
        let stream = TlsAcceptor::from(config).accept(stream).await.inspect_err(|error| {
            tracing::debug!(%error, "a client's TLS handshake failed");
        })?;
        let shown = stream.get_ref().1.peer_certificates();
        let shown = shown.map(|chain| chain.iter().map(|one| one.clone().into_owned()).collect());
        Ok((stream, shown.and_then(Chain::new)))
    }

    /// Looks at the files every few seconds, and at once at SIGHUP. What is new there is shown to those who connect from
    /// then on; while it cannot be used, what was there before is.
    pub(crate) async fn renew(&self) -> Infallible {
        let mut hangups = signal(SignalKind::hangup()).ok();
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported = None;
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                Some(()) = async { hangups.as_mut()?.recv().await } => {}
            }
            let tls = self.clone();
            let trouble = match tokio::task::spawn_blocking(move || tls.look()).await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error),
                // The runtime ends, or it panicked, which was logged.
                Err(_) => continue,
            };
            let said = trouble.as_ref().map(ToString::to_string);
            if let Some(error) = trouble.filter(|_| said != reported) {
                let error: &(dyn std::error::Error + 'static) = &error;
                tracing::error!(error, "the new TLS certificate cannot be used; the one from before still is");
            }
            reported = said;
        }
    }

    /// Takes what is in the files, if it is something new.
    fn look(&self) -> Result<(), TlsError> {
        let contents = Contents::read(&self.files)?;
        if contents.digest() == self.current.read().unwrap_or_else(PoisonError::into_inner).digest {
            return Ok(());
        }
        let new = contents.usable(&self.files, &self.clock)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        tracing::info!(certificate = %self.files.certificate.display(), "a new TLS certificate is shown from now on");
        Ok(())
    }
}

/// What is in the files.
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Contents {
    fn read(files: &TlsFiles) -> Result<Self, TlsError> {
        let read = |setting, file: &Path| {
            std::fs::read(file).map_err(|source| TlsError::Unreadable { setting, file: file.to_owned(), source })
        };
        Ok(Self { certificate: read("tls_certificate", &files.certificate)?, key: read("tls_key", &files.key)? })
    }

    fn digest(&self) -> [u8; 32] {
        let parts = [&self.certificate, &self.key].map(Sha256::digest);
        Sha256::digest(parts.concat()).into()
    }

    /// What a listener needs to use this.
    fn usable(&self, files: &TlsFiles, clock: &Clock) -> Result<Current, TlsError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|source| wrong("tls_certificate", "certificate", &files.certificate, source))?;
        if chain.is_empty() {
            return Err(wrong("tls_certificate", "certificate", &files.certificate, pem::Error::NoItemsFound));
        }
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|source| wrong("tls_key", "private key without a passphrase", &files.key, source))?;
        warn_of_time(&chain, files, clock);
        let config = config(chain, key).map_err(|source| {
            let (certificate, key) = (files.certificate.clone(), files.key.clone());
            match source {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    TlsError::Mismatch { key, certificate }
                }
                source => TlsError::Unusable { certificate, key, source },
            }
        })?;
        Ok(Current { digest: self.digest(), config: Arc::new(config) })
    }
}

fn wrong(setting: &'static str, what: &'static str, file: &Path, error: pem::Error) -> TlsError {
    let file = file.to_owned();
    match error {
        pem::Error::NoItemsFound => TlsError::Lacking { setting, what, file },
        source => TlsError::NoPem { setting, file, source },
    }
}

/// TLS 1.2 and 1.3, for HTTP/2 and HTTP/1.1. Who comes again shows a ticket, so that nothing is kept here for anybody;
/// tickets end with the certificate.
fn config(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(default_provider());
    let possession = Arc::new(Possession(Arc::clone(&provider)));
    let versions = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13, &TLS12])?;
    let mut config = versions.with_client_cert_verifier(possession).with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = Ticketer::new()?;
    Ok(config)
}

/// Says so if a certificate has expired, or is not valid yet. It is used all the same: clients decide for themselves.
fn warn_of_time(chain: &[CertificateDer<'_>], files: &TlsFiles, clock: &Clock) {
    let now = Duration::from_millis(u64::try_from(clock.now().as_millis()).unwrap_or_default());
    let file = files.certificate.display();
    for (at, certificate) in chain.iter().enumerate() {
        match out_of_time(certificate, UnixTime::since_unix_epoch(now)) {
            Some(Untimely::Expired) => tracing::warn!(%file, number = at + 1, "a TLS certificate has expired"),
            Some(Untimely::Early) => tracing::warn!(%file, number = at + 1, "a TLS certificate is not valid yet"),
            None => {}
        }
    }
}

/// Why a certificate is not valid now.
enum Untimely {
    Expired,
    Early,
}

fn out_of_time(certificate: &CertificateDer<'_>, now: UnixTime) -> Option<Untimely> {
    let certificate = ParsedCertificate::try_from(certificate).ok()?;
    // With nobody to trust no certificate is good; but its time is looked at before its issuer.
    match verify_server_cert_signed_by_trust_anchor(&certificate, &RootCertStore::empty(), &[], now, &[]) {
        Err(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => Some(Untimely::Expired),
        Err(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => Some(Untimely::Early),
        _ => None,
    }
}
