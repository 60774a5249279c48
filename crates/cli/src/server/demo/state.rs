//! What the demo remembers from one run to the next: its credentials and its devices.

use std::path::Path;

use otaria_server::Error;
use otaria_server::Service;
use serde::{Deserialize, Serialize};

use crate::failure::{Exit, Failure};

/// Credentials and devices of the demo, kept beside its data, readable by its owner only.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The demo's partner.
    pub partner_id: String,
    /// Its client.
    pub client_id: String,
    /// Its client's secret.
    pub client_secret: String,
    /// The account that owns the devices.
    pub account_id: String,
    /// The owner's e-mail address.
    pub username: String,
    /// The owner's password.
    pub password: String,
    /// The device type, once it is made.
    pub device_type_id: Option<String>,
    /// The devices, once they are associated.
    pub devices: Vec<KnownDevice>,
    /// How many versions were published.
    pub published: u32,
}

/// A device and its credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownDevice {
    /// Its id.
    pub device_id: String,
    /// Its token.
    pub device_token: String,
}

const FILE: &str = "demo.json";

impl State {
    /// What an earlier run left, or the first credentials of a fresh installation.
    pub async fn load_or_bootstrap(service: &Service, data: &Path) -> Result<Self, Failure> {
        let file = data.join(FILE);
        if file.is_file() {
            return Ok(serde_json::from_slice(&std::fs::read(&file)?)?);
        }
        let first = service.bootstrap("Demo".to_owned(), "demo@example.com".parse()?).await;
        let first = first.map_err(|error| match error {
            Error::Conflict { .. } => Failure::of(
                Exit::Conflict,
                "conflict",
                format!(
                    "{} holds an installation whose {FILE} is gone: remove the folder to begin anew",
                    data.display()
                ),
            ),
            other => Failure::new(other),
        })?;
        let state = Self {
            partner_id: first.partner.partner_id.to_string(),
            client_id: first.partner.client_id,
            client_secret: first.client_secret.into_revealed(),
            account_id: first.account_id.to_string(),
            username: first.username,
            password: first.password.into_revealed(),
            device_type_id: None,
            devices: Vec::new(),
            published: 0,
        };
        state.save(data)?;
        Ok(state)
    }

    /// Remembers, so that a crash in the middle leaves the old state or the new one.
    pub fn save(&self, data: &Path) -> Result<(), Failure> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;

        let (file, new) = (data.join(FILE), data.join("demo.json.new"));
        let mut options = std::fs::OpenOptions::new();
        let mut written = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        written.write_all(&serde_json::to_vec_pretty(self)?)?;
        written.sync_all()?;
        Ok(std::fs::rename(new, file)?)
    }
}
