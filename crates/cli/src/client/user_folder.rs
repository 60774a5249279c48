//! Where the user's own files are.

use std::path::PathBuf;

use etcetera::BaseStrategy as _;

use crate::failure::Failure;

/// The folder of the user's own files: `$XDG_CONFIG_HOME/otaria`, by default `~/.config/otaria`.
pub fn user_folder() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(Failure::usage)?;
    Ok(base.config_dir().join("otaria"))
}
