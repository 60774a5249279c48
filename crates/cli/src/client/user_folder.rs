//! Where the user's own files are.

use std::path::PathBuf;

use etcetera::BaseStrategy as _;

use crate::failure::Failure;

/// What to do about files of the user's that cannot be read.
pub const DISPENSABLE: &str = "make it readable; who gives the server and a token or client secret by flags or the environment needs none of it";

/// The folder of the user's own files: `$XDG_CONFIG_HOME/otaria`, by default `~/.config/otaria`.
///
/// # Errors
/// If the user has no home.
pub fn user_folder() -> Result<PathBuf, Failure> {
    let base = etcetera::choose_base_strategy().map_err(|error| {
        Failure::usage(error).with_remedy("set HOME, or XDG_CONFIG_HOME, to a folder in which something can be kept")
    })?;
    Ok(base.config_dir().join("otaria"))
}
