//! `otaria completion`: what a shell needs to complete commands and flags.

use clap::Args;
use clap_complete::Shell;

use crate::terminal::print_raw;

/// For which shell.
#[derive(Args)]
pub struct Options {
    /// The shell; `otaria completion bash > ~/.local/share/bash-completion/completions/otaria` is all that bash needs
    shell: Shell,
}

/// Writes the script of a shell for a command.
pub fn run(options: &Options, command: &clap::Command) {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut visible(command), "otaria", &mut script);
    // Whoever reads no more of it wants no more.
    let _ = print_raw(&script);
}

/// A command as help shows it: what is hidden there is not offered either.
fn visible(command: &clap::Command) -> clap::Command {
    let options = command.get_arguments().filter(|option| !option.is_hide_set()).cloned();
    let below = command.get_subcommands().filter(|below| !below.is_hide_set()).map(visible);
    let shown = clap::Command::new(command.get_name().to_owned()).args(options).subcommands(below);
    match command.get_about() {
        Some(about) => shown.about(about.clone()),
        None => shown,
    }
}
