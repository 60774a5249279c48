//! What can be configured: flags over environment over file over defaults, resolved once into one value that
//! never changes.

mod database;
mod devices;
mod proxies;
mod repository;
mod timers;
mod tls;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format as _, Serialized, Toml};
use otaria_core::push::Timers;
use otaria_store::{DatabaseLocation, RepositoryLocation};
use serde::{Deserialize, Serialize};

use self::proxies::InvalidProxies;

pub use devices::{ArtifactLinks, CertificateHeaders};
pub use proxies::Proxies;
pub use repository::Downloads;
pub use tls::TlsFiles;

/// The settings as they are written: every one optional. This is what flags, environment and file have in common.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawSettings {
    /// `OTARIA_LISTEN`: the address to listen on. Default `127.0.0.1:8080`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// `OTARIA_METRICS_LISTEN`: the address where metrics can be had. Default: none, and nothing is counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<SocketAddr>,
    /// `OTARIA_PUBLIC_URL`: how devices and people reach the server; links are built from it. Default: the listen
    /// address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// `OTARIA_TLS_CERTIFICATE`: a PEM file with the server's certificate and those between it and its authority. With
    /// it the server speaks TLS and nothing else. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_certificate: Option<PathBuf>,
    /// `OTARIA_TLS_KEY`: a PEM file with the certificate's private key; set together with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// `OTARIA_TRUSTED_PROXIES`: addresses and networks of proxies whose `X-Forwarded-For` is believed. Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusted_proxies: Option<String>,
    /// `OTARIA_CERTIFICATE_PROXIES`: addresses and networks of proxies that are believed whose certificate a device has.
    /// Default none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_proxies: Option<String>,
    /// `OTARIA_CERTIFICATE_HEADERS`: in which headers they say so: `client-cert`, `x-controller-id` or
    /// `x-ssl-client-cn`. Default `client-cert`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_headers: Option<String>,
    /// `OTARIA_DATA`: the folder for everything that has no other place. Default `./otaria-data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// `OTARIA_DATABASE_URL`: `sqlite:FILE` or `postgres://…`. Default: a SQLite file in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,
    /// `OTARIA_DATABASE_URL_FILE`: a file that holds the database URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url_file: Option<PathBuf>,
    /// `OTARIA_REPOSITORY_URL`: `file:FOLDER` or `s3://BUCKET/PREFIX`. Default: a folder in the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_url: Option<String>,
    /// `OTARIA_S3_ENDPOINT`: the S3 server. Default `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`, else Amazon's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_endpoint: Option<String>,
    /// `OTARIA_S3_REGION`: the bucket's region. Default `AWS_REGION`, else `AWS_DEFAULT_REGION`, else `us-east-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_region: Option<String>,
    /// `OTARIA_S3_URL_STYLE`: where requests name the bucket: `path` or `virtual-host`. Default `path` with an
    /// endpoint, `virtual-host` at Amazon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_url_style: Option<String>,
    /// `OTARIA_DOWNLOADS`: `proxied`, or `redirected` to a repository on S3. Default `proxied`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloads: Option<String>,
    /// `OTARIA_ARTIFACT_LINKS`: `plain`, or `signed`: what devices are given opens its file without a credential.
    /// Default `plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_links: Option<String>,
    /// `OTARIA_ARTIFACT_LINK_SECONDS`: how long a signed link is good, and up to a quarter longer. Default a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_link_seconds: Option<u64>,
    /// `OTARIA_MAX_BINARY_BYTES`: the largest binary taken. Default 4 GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_binary_bytes: Option<u64>,
    /// `OTARIA_TEMPORARY_BINARY_SECONDS`: how long an upload that is not moved is kept. Default a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporary_binary_seconds: Option<u64>,
    /// `OTARIA_HEADER_SECONDS`: how long a client may take for the whole header of a request, and leave a connection
    /// without one. Default 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_seconds: Option<u64>,
    /// `OTARIA_IDLE_SECONDS`: how long a request's or an answer's body may stand still. Default 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_seconds: Option<u64>,
    /// `OTARIA_ACCESS_TOKEN_SECONDS`: how long an access token is valid. Default 4 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_seconds: Option<u64>,
    /// `OTARIA_REFRESH_TOKEN_SECONDS`: how long a refresh token is valid. Default 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_seconds: Option<u64>,
    /// `OTARIA_INVITATION_SECONDS`: how long an invitation can be accepted. Default 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation_seconds: Option<u64>,
    /// `OTARIA_CONFIG_DATA_SECONDS`: after how long a device is asked again what it is. Default 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_data_seconds: Option<u64>,
    /// `OTARIA_EVENT_SECONDS`: how long events are kept for those who listen. Default 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_seconds: Option<u64>,
    /// `OTARIA_POLL_SECONDS`: how often a device is asked to poll. 1 second to 23 h 59 min 59 s. Default 5 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poll_seconds: Option<u64>,
    /// `OTARIA_BUSY_POLL_SECONDS`: the same while an update is on its way to it. Default 30 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_poll_seconds: Option<u64>,
    /// `OTARIA_POLLS_PER_MINUTE`: how often one device may poll in a minute; it may do so all at once. 1 to 6000, or 0
    /// for no limit. Default 600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub polls_per_minute: Option<u32>,
    /// `OTARIA_CHORE_SECONDS`: how often the timers of pushes are looked at, and devices heard
    /// of are written down. Default 10 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chore_seconds: Option<u64>,
    /// `OTARIA_OFFERED_SECONDS`: how long a push waits for its device to fetch it. Default 30 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered_seconds: Option<u64>,
    /// `OTARIA_FETCHED_SECONDS`: how long a push may stay fetched. Default a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched_seconds: Option<u64>,
    /// `OTARIA_DOWNLOADING_SECONDS`: how long a download may go on without a word. Default a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloading_seconds: Option<u64>,
    /// `OTARIA_DOWNLOADED_SECONDS`: how long a device may wait before it installs. Default 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub downloaded_seconds: Option<u64>,
    /// `OTARIA_INSTALLING_SECONDS`: how long installing may go on without a word. Default a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installing_seconds: Option<u64>,
    /// `OTARIA_INSTALLED_SECONDS`: how long a device may take to restart into what it installed. Default 7 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed_seconds: Option<u64>,
    /// `OTARIA_CANCELLING_SECONDS`: how long a device may take to answer a cancellation. Default a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelling_seconds: Option<u64>,
    /// `OTARIA_SILENCE_SECONDS`: after how long without a poll a device that fetched counts as lost. Default 6 hours,
    /// and at least three polls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_seconds: Option<u64>,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The address where metrics can be had, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// How devices and people reach the server, without a trailing slash; none until the address is known.
    pub public_url: Option<String>,
    /// Where the server's certificate and its key are; without them it speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Proxies,
    /// Proxies that are believed whose certificate a device has.
    pub certificate_proxies: Proxies,
    /// The headers in which they say so.
    pub certificate_headers: CertificateHeaders,
    /// The folder for everything that has no other place.
    pub data: PathBuf,
    /// Where the rows are.
    pub database: DatabaseLocation,
    /// Where the bytes are.
    pub repository: RepositoryLocation,
    /// Whose bytes a device that downloads gets.
    pub downloads: Downloads,
    /// What the links to artifacts prove.
    pub artifact_links: ArtifactLinks,
    /// How long a signed link is good at least.
    pub artifact_link: Duration,
    /// The largest binary taken, in bytes.
    pub max_binary_bytes: u64,
    /// How long an upload that is not moved is kept.
    pub temporary_binary: Duration,
    /// How long a client may take for the whole header of a request.
    pub header: Duration,
    /// How long a request's or an answer's body may stand still.
    pub idle: Duration,
    /// How long an access token is valid.
    pub access_token: Duration,
    /// How long a refresh token is valid.
    pub refresh_token: Duration,
    /// How long an invitation can be accepted.
    pub invitation: Duration,
    /// After how long a device is asked again what it is.
    pub config_data: Duration,
    /// How long events are kept for those who listen.
    pub events: Duration,
    /// How often a device is asked to poll.
    pub poll: Duration,
    /// The same while an update is on its way to it.
    pub busy_poll: Duration,
    /// How often one device may poll in a minute, if that is limited.
    pub polls_per_minute: Option<NonZeroU32>,
    /// How often the chores run.
    pub chores: Duration,
    /// How long a push may stay in each state.
    pub timers: Timers,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value, a name or the file cannot be read.
    #[error("{0}")]
    Unreadable(Box<figment::Error>),
    /// A value is not allowed.
    #[error("{name}: {message}")]
    NotAllowed {
        /// The setting.
        name: &'static str,
        /// What is allowed.
        message: String,
    },
}

/// The keys of the settings: in a file as they are, in the environment in capitals after `OTARIA_`. Other variables with
/// that prefix belong to other commands.
pub const KEYS: &[&str] = &[
    "listen",
    "metrics_listen",
    "public_url",
    "tls_certificate",
    "tls_key",
    "trusted_proxies",
    "certificate_proxies",
    "certificate_headers",
    "data",
    "database_url",
    "database_url_file",
    "repository_url",
    "s3_endpoint",
    "s3_region",
    "s3_url_style",
    "downloads",
    "artifact_links",
    "artifact_link_seconds",
    "max_binary_bytes",
    "temporary_binary_seconds",
    "header_seconds",
    "idle_seconds",
    "access_token_seconds",
    "refresh_token_seconds",
    "invitation_seconds",
    "config_data_seconds",
    "event_seconds",
    "poll_seconds",
    "busy_poll_seconds",
    "polls_per_minute",
    "chore_seconds",
    "offered_seconds",
    "fetched_seconds",
    "downloading_seconds",
    "downloaded_seconds",
    "installing_seconds",
    "installed_seconds",
    "cancelling_seconds",
    "silence_seconds",
];

impl Settings {
    /// Resolves flags over environment over the file, if one is named, over defaults.
    ///
    /// # Errors
    /// If the file cannot be read, has an unknown key, or a value is not allowed.
    pub fn resolve(file: Option<&std::path::Path>, flags: &RawSettings) -> Result<Self, SettingsError> {
        let mut figment = Figment::new();
        if let Some(file) = file {
            if !file.is_file() {
                return Err(not_allowed("config", format!("there is no file {}", file.display())));
            }
            figment = figment.merge(Toml::file_exact(file));
        }
        figment = figment.merge(Env::prefixed("OTARIA_").only(KEYS)).merge(Serialized::defaults(flags));
        let raw = figment.extract::<RawSettings>().map_err(|error| SettingsError::Unreadable(Box::new(error)))?;
        Self::in_environment(raw, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// Resolves settings that were gathered already; nothing else is asked.
    ///
    /// # Errors
    /// If a value is not allowed.
    pub fn from_raw(raw: RawSettings) -> Result<Self, SettingsError> {
        Self::in_environment(raw, &|_| None)
    }

    /// The same, where the environment has what programs for S3 share.
    fn in_environment(raw: RawSettings, environment: repository::Environment) -> Result<Self, SettingsError> {
        let data = raw.data.clone().unwrap_or_else(|| PathBuf::from("otaria-data"));
        let repository = repository::location(&raw, &data, environment)?;
        let downloads = repository::downloads(&raw, &repository)?;
        let certificate_headers = CertificateHeaders::of(&raw)?;
        let artifact_links = ArtifactLinks::of(&raw)?;
        let polls_per_minute = devices::polls_per_minute(&raw)?;
        let max_binary_bytes = raw.max_binary_bytes.unwrap_or(4 << 30);
        if let Some(most) = repository.max_bytes().filter(|most| max_binary_bytes > *most) {
            return Err(not_allowed("max_binary_bytes", format!("must be at most {most} with a repository on S3")));
        }
        let database = database::location(&raw, &data)?;
        let tls = TlsFiles::of(&raw)?;
        let public_url = raw.public_url.as_deref().map(public_url).transpose()?;
        if tls.is_some() && public_url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
            return Err(not_allowed("public_url", "must be https:// together with tls_certificate"));
        }
        let poll = timers::interval("poll_seconds", raw.poll_seconds.unwrap_or(300))?;
        let timers = timers::of(&raw, poll)?;
        let seconds = |name, value: Option<u64>, default| timers::positive(name, value.unwrap_or(default));
        Ok(Self {
            listen: raw.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080))),
            metrics_listen: raw.metrics_listen,
            public_url,
            tls,
            trusted_proxies: proxies("trusted_proxies", raw.trusted_proxies.as_deref())?,
            certificate_proxies: proxies("certificate_proxies", raw.certificate_proxies.as_deref())?,
            certificate_headers,
            data,
            database,
            repository,
            downloads,
            artifact_links,
            artifact_link: seconds("artifact_link_seconds", raw.artifact_link_seconds, 24 * 60 * 60)?,
            max_binary_bytes,
            temporary_binary: seconds("temporary_binary_seconds", raw.temporary_binary_seconds, 24 * 60 * 60)?,
            header: seconds("header_seconds", raw.header_seconds, 10)?,
            idle: seconds("idle_seconds", raw.idle_seconds, 60)?,
            access_token: seconds("access_token_seconds", raw.access_token_seconds, 4 * 60 * 60)?,
            refresh_token: seconds("refresh_token_seconds", raw.refresh_token_seconds, 30 * 24 * 60 * 60)?,
            invitation: seconds("invitation_seconds", raw.invitation_seconds, 7 * 24 * 60 * 60)?,
            config_data: seconds("config_data_seconds", raw.config_data_seconds, 7 * 24 * 60 * 60)?,
            events: seconds("event_seconds", raw.event_seconds, 7 * 24 * 60 * 60)?,
            poll,
            busy_poll: timers::interval("busy_poll_seconds", raw.busy_poll_seconds.unwrap_or(30))?,
            polls_per_minute,
            chores: seconds("chore_seconds", raw.chore_seconds, 10)?,
            timers,
        })
    }

    /// The public URL, without a trailing slash: as configured, else where the server listens.
    pub fn public_url(&self) -> String {
        let scheme = self.scheme();
        self.public_url.clone().unwrap_or_else(|| match self.listen.ip() {
            ip if ip.is_unspecified() => format!("{scheme}://localhost:{}", self.listen.port()),
            _ => format!("{scheme}://{}", self.listen),
        })
    }

    /// What the listener speaks: `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// The settings in force, for people: one a line, without secrets.
    pub fn describe(&self) -> String {
        let database = match &self.database {
            DatabaseLocation::Sqlite(file) => format!("sqlite:{}", file.display()),
            DatabaseLocation::Postgres(url) => database::without_password(url),
        };
        let timers = &self.timers;
        let seconds = [
            ("artifact_link_seconds", self.artifact_link),
            ("temporary_binary_seconds", self.temporary_binary),
            ("header_seconds", self.header),
            ("idle_seconds", self.idle),
            ("access_token_seconds", self.access_token),
            ("refresh_token_seconds", self.refresh_token),
            ("invitation_seconds", self.invitation),
            ("config_data_seconds", self.config_data),
            ("event_seconds", self.events),
            ("poll_seconds", self.poll),
            ("busy_poll_seconds", self.busy_poll),
            ("chore_seconds", self.chores),
            ("offered_seconds", timers.offered),
            ("fetched_seconds", timers.fetched),
            ("downloading_seconds", timers.downloading),
            ("downloaded_seconds", timers.downloaded),
            ("installing_seconds", timers.installing),
            ("installed_seconds", timers.installed),
            ("cancelling_seconds", timers.cancelling),
            ("silence_seconds", timers.silence),
        ];
        let mut lines = vec![
            format!("listen = {:?}", self.listen.to_string()),
            match self.metrics_listen {
                Some(address) => format!("metrics_listen = {:?}", address.to_string()),
                None => "# metrics_listen = \"127.0.0.1:9090\"".to_owned(),
            },
            format!("public_url = {:?}", self.public_url()),
            match &self.tls {
                Some(files) => format!("tls_certificate = {:?}\ntls_key = {:?}", files.certificate, files.key),
                None => "# tls_certificate = \"chain.pem\"\n# tls_key = \"key.pem\"".to_owned(),
            },
            format!("trusted_proxies = {:?}", self.trusted_proxies.to_string()),
            format!("certificate_proxies = {:?}", self.certificate_proxies.to_string()),
            format!("certificate_headers = {:?}", self.certificate_headers.as_str()),
            format!("data = {:?}", self.data),
            format!("database_url = {database:?}"),
            format!("repository_url = {:?}", self.repository.to_string()),
        ];
        if let RepositoryLocation::S3(location) = &self.repository {
            lines.extend(repository::describe(location));
        }
        lines.push(format!("downloads = {:?}", self.downloads.as_str()));
        lines.push(format!("artifact_links = {:?}", self.artifact_links.as_str()));
        lines.push(format!("max_binary_bytes = {}", self.max_binary_bytes));
        lines.push(format!("polls_per_minute = {}", self.polls_per_minute.map_or(0, NonZeroU32::get)));
        lines.extend(seconds.iter().map(|(name, value)| format!("{name} = {}", value.as_secs())));
        lines.join("\n")
    }
}

fn not_allowed(name: &'static str, message: impl Into<String>) -> SettingsError {
    SettingsError::NotAllowed { name, message: message.into() }
}

fn proxies(name: &'static str, text: Option<&str>) -> Result<Proxies, SettingsError> {
    text.unwrap_or_default().parse().map_err(|error: InvalidProxies| not_allowed(name, error.to_string()))
}

fn read_secret(name: &'static str, file: &std::path::Path) -> Result<String, SettingsError> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| not_allowed(name, format!("{} cannot be read: {error}", file.display())))?;
    Ok(text.trim().to_owned())
}

/// The path of a URL such as `file:folder` or `file:///folder`.
fn path_of<'u>(url: &'u str, scheme: &str) -> Option<&'u str> {
    let rest = url.strip_prefix(scheme)?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    (!path.is_empty()).then_some(path)
}

fn public_url(url: &str) -> Result<String, SettingsError> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let host_ok = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !host_ok || url.contains(['?', '#', ' ', '"']) {
        return Err(not_allowed("public_url", "must be http:// or https:// with a host, without query"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(change: impl FnOnce(&mut RawSettings)) -> Result<Settings, SettingsError> {
        let mut raw = RawSettings::default();
        change(&mut raw);
        Settings::from_raw(raw)
    }

    #[test]
    fn nothing_configured_is_enough() {
        let settings = raw(|_| {}).unwrap();
        assert_eq!(settings.public_url(), "http://127.0.0.1:8080");
        assert_eq!(settings.database, DatabaseLocation::Sqlite("otaria-data/otaria.db".into()));
    }

    #[test]
    fn with_a_certificate_links_are_https() {
        let both = |raw: &mut RawSettings| {
            raw.tls_certificate = Some("chain.pem".into());
            raw.tls_key = Some("key.pem".into());
        };
        let settings = raw(both).unwrap();
        assert_eq!(settings.public_url(), "https://127.0.0.1:8080");
        let text = settings.describe();
        assert!(text.contains("tls_certificate = \"chain.pem\"\ntls_key = \"key.pem\"\n"), "{text}");
        raw(|raw| {
            both(raw);
            raw.public_url = Some("http://ota.example.com".into());
        })
        .unwrap_err();
    }

    #[test]
    fn a_wrong_value_names_its_setting() {
        for error in [
            raw(|raw| raw.public_url = Some("ota.example.com".into())),
            raw(|raw| raw.database_url = Some("mysql://x".into())),
            raw(|raw| raw.repository_url = Some("ftp://x".into())),
            raw(|raw| raw.poll_seconds = Some(86_400)),
            raw(|raw| raw.chore_seconds = Some(0)),
            raw(|raw| raw.polls_per_minute = Some(6001)),
            raw(|raw| raw.certificate_proxies = Some("proxy.example.com".into())),
            raw(|raw| raw.certificate_headers = Some("x-forwarded-client-cert".into())),
            raw(|raw| raw.artifact_links = Some("secret".into())),
            raw(|raw| raw.tls_certificate = Some("chain.pem".into())),
            raw(|raw| raw.tls_key = Some("key.pem".into())),
        ] {
            let text = error.unwrap_err().to_string();
            assert!(text.contains("must be"), "{text}");
        }
    }

    #[test]
    fn an_unknown_key_in_the_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("otaria.toml");
        std::fs::write(&file, "listne = \"127.0.0.1:1\"\n").unwrap();
        let error = Settings::resolve(Some(&file), &RawSettings::default()).unwrap_err().to_string();
        assert!(error.contains("listne"), "{error}");
    }

    #[test]
    fn flags_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("otaria.toml");
        std::fs::write(&file, "listen = \"127.0.0.1:1\"\npoll_seconds = 60\n").unwrap();
        let flags = RawSettings { listen: Some(([127, 0, 0, 1], 2).into()), ..RawSettings::default() };
        let settings = Settings::resolve(Some(&file), &flags).unwrap();
        assert_eq!((settings.listen.port(), settings.poll.as_secs()), (2, 60));
    }

    #[test]
    fn the_description_has_every_setting_and_no_password() {
        let settings =
            raw(|raw| raw.database_url = Some("postgres://me:hunter2@db:5432/ota?password=hunter2".into())).unwrap();
        let text = settings.describe();
        assert!(!text.contains("hunter2") && text.contains("postgres://me:***@db:5432/ota"), "{text}");
        for key in KEYS.iter().filter(|key| !key.ends_with("_file") && !key.starts_with("s3_")) {
            assert!(text.contains(&format!("{key} = ")), "{key} is missing from {text}");
        }
    }
}
