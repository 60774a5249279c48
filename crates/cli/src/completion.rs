//! `otaria completion`: what a shell needs to complete commands and flags.

use clap::Args;
use clap_complete::Shell;

use crate::terminal::print;

/// For which shell.
#[derive(Args)]
pub struct Options {
    /// The shell; `otaria completion bash > ~/.local/share/bash-completion/completions/otaria` is all that bash needs
    shell: Shell,
}

/// Writes the script of a shell for a command.
pub fn run(options: &Options, mut command: clap::Command) {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "otaria", &mut script);
    print(String::from_utf8_lossy(&script).trim_end());
}
