//! The flags that every command on the server's own storage takes. Each is a setting that may as well come from the
//! environment or the settings file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use otaria_server::{RawSettings, Settings};

use crate::failure::Failure;

/// Where the server is and keeps things.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerOptions {
    /// A settings file (TOML); its keys are those that `otaria config` prints
    #[arg(long, value_name = "FILE", env = "OTARIA_CONFIG")]
    pub config: Option<PathBuf>,
    /// The address to listen on [env: OTARIA_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// How devices and people reach the server [env: OTARIA_PUBLIC_URL] [default: the address]
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// The folder for everything that has no other place [env: OTARIA_DATA] [default: ./otaria-data]
    #[arg(long, value_name = "FOLDER")]
    pub data: Option<PathBuf>,
}

impl ServerOptions {
    /// The settings in force.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let flags = RawSettings {
            listen: self.listen,
            public_url: self.public_url.clone(),
            data: self.data.clone(),
            ..RawSettings::default()
        };
        Ok(Settings::resolve(self.config.as_deref(), &flags)?)
    }
}
