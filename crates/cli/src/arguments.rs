//! The command line, before it is read: options of every command may stand before it.

use std::ffi::{OsStr, OsString};

use clap::Args as _;

use crate::client::ClientOptions;

/// Puts the options that every command on a server takes behind its name: `otaria --json type list` is
/// `otaria type --json list`. What runs the server has none of them, and says so.
pub fn in_order(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let options = ClientOptions::augment_args(clap::Command::new("otaria"));
    let mut arguments: Vec<_> = arguments.into_iter().collect();
    let mut name = 1;
    while let Some(words) = arguments.get(name).and_then(|argument| words(&options, argument)) {
        name += words;
    }
    if arguments.get(name).is_some_and(|name| !name.as_encoded_bytes().starts_with(b"-")) {
        arguments[1..=name].rotate_right(1);
    }
    arguments
}

/// How many words one of the options takes, with its value; none if it is no such option.
fn words(options: &clap::Command, argument: &OsStr) -> Option<usize> {
    let argument = argument.to_str()?;
    let (name, value) = argument.split_once('=').map_or((argument, None), |(name, value)| (name, Some(value)));
    let is_meant = |option: &&clap::Arg| match name.strip_prefix("--") {
        Some(long) => option.get_long() == Some(long),
        None => option.get_short().is_some_and(|short| name == format!("-{short}")),
    };
    let option = options.get_arguments().find(is_meant)?;
    Some(if option.get_action().takes_values() && value.is_none() { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_before_a_command_are_its_own() {
        let in_order = |line: &str| {
            let words = in_order(line.split(' ').map(OsString::from)).into_iter();
            words.map(|word| word.into_string().unwrap()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(in_order("otaria --json type list"), "otaria type --json list");
        assert_eq!(
            in_order("otaria -q --profile x --url=y type list --all"),
            "otaria type -q --profile x --url=y list --all"
        );
        for unchanged in
            ["otaria", "otaria --json", "otaria --json --help", "otaria --profile", "otaria --jsno type list"]
        {
            assert_eq!(in_order(unchanged), unchanged);
        }
    }
}
