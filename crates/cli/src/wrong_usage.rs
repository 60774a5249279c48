//! What is said of a command line that is wrong: what is wrong, what may be meant, and no secret that stands in the wrong
//! place.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// How alike a name must be to be one that may be meant, of 1.
const ALIKE: f64 = 0.6;
/// How the flags end that read something from standard input, and take no value.
const READS_STDIN: &str = "-stdin";

/// Words for the same, of which a command knows one, if it does that at all.
const SAME: [&[&str]; 9] = [
    &["delete", "remove", "rm", "destroy", "cancel", "abort", "stop", "dissociate", "unassociate", "revoke"],
    &["create", "add", "new", "make", "invite", "register", "start"],
    &["show", "get", "view", "describe", "info", "status"],
    &["list", "ls", "all"],
    &["edit", "update", "set", "change", "modify", "rename"],
    &["watch", "wait", "follow"],
    &["login", "sign-in", "signin", "auth"],
    &["logout", "sign-out", "signout"],
    &["publish", "upload", "release", "deploy"],
];
/// Nouns that are something else here.
const ELSEWHERE: [(&str, &str); 7] = [
    ("tag", "image tag"),
    ("tags", "image tag"),
    ("firmware", "image"),
    ("pool", "image"),
    ("token", "gateway-token"),
    ("member", "user"),
    ("account", "whoami"),
];

/// An error with what may be meant by what was given, and without what may be a secret.
pub fn explained(mut error: clap::Error, root: &clap::Command, arguments: &[OsString]) -> clap::Error {
    match error.kind() {
        ErrorKind::InvalidSubcommand => suggest(&mut error, root, arguments),
        // Whoever gives a value to what reads standard input gives the secret itself.
        ErrorKind::TooManyValues if text(&error, ContextKind::InvalidArg).is_some_and(reads_stdin) => {
            error.insert(ContextKind::InvalidValue, hidden());
        }
        ErrorKind::UnknownArgument if is_given_to_stdin(&error, arguments) => {
            error.insert(ContextKind::InvalidArg, hidden());
        }
        _ => {}
    }
    error
}

fn reads_stdin(flag: &str) -> bool {
    flag.starts_with("--") && flag.ends_with(READS_STDIN)
}

/// Whether what is not known stands behind a flag that reads standard input.
fn is_given_to_stdin(error: &clap::Error, arguments: &[OsString]) -> bool {
    let Some(unknown) = text(error, ContextKind::InvalidArg) else { return false };
    let is_it = |pair: &[OsString]| match pair {
        [flag, given] => flag.to_str().is_some_and(reads_stdin) && given.to_str() == Some(unknown),
        _ => false,
    };
    arguments.windows(2).any(is_it)
}

fn hidden() -> ContextValue {
    ContextValue::String("…".to_owned())
}

/// Says which command may be meant, or else which there are.
fn suggest(error: &mut clap::Error, root: &clap::Command, arguments: &[OsString]) {
    let Some(given) = text(error, ContextKind::InvalidSubcommand).map(str::to_owned) else { return };
    let mut command = root;
    for argument in arguments.iter().skip(1).filter_map(|argument| argument.to_str()) {
        match command.find_subcommand(argument) {
            Some(below) => command = below,
            None if argument == given => break,
            None => {}
        }
    }
    let visible = command.get_subcommands().filter(|command| !command.is_hide_set());
    let names: Vec<_> = visible.map(clap::Command::get_name).filter(|name| *name != "help").collect();
    error.remove(ContextKind::SuggestedSubcommand);
    match meant(&given, &names) {
        Some(meant) => error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![meant])),
        None => {
            let there_are = format!("there is {}", names.join(", "));
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![there_are.into()]))
        }
    };
}

/// Which of the names may be meant.
fn meant(given: &str, names: &[&str]) -> Option<String> {
    let given = given.to_lowercase();
    let same = SAME.iter().filter(|same| same.contains(&given.as_str()));
    let same = same.flat_map(|same| same.iter()).find(|name| names.contains(name)).map(|name| (*name).to_owned());
    let elsewhere = || {
        let (_, is) = ELSEWHERE.iter().find(|(word, _)| *word == given)?;
        names.contains(&is.split(' ').next()?).then(|| (*is).to_owned())
    };
    let alike = || {
        let scored = names.iter().map(|name| (strsim::normalized_damerau_levenshtein(&given, name), *name));
        let best = scored.filter(|(score, _)| *score >= ALIKE).max_by(|(one, _), (other, _)| one.total_cmp(other));
        best.map(|(_, name)| name.to_owned())
    };
    same.or_else(elsewhere).or_else(alike)
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn what_may_be_meant_is_found_or_nothing_is() {
        let all = ["publish", "type", "image", "push", "login", "logout", "openapi"];
        for (given, expected) in [
            ("pubilsh", Some("publish")),
            ("images", Some("image")),
            ("sign-in", Some("login")),
            ("tags", Some("image tag")),
            ("nope", None),
        ] {
            assert_eq!(meant(given, &all).as_deref(), expected, "{given}");
        }
        assert_eq!(meant("delete", &["list", "show", "create", "cancel"]).as_deref(), Some("cancel"));
        assert_eq!(meant("remove", &["list", "tag", "associate", "dissociate"]).as_deref(), Some("dissociate"));
        assert_eq!(meant("remove", &["list", "delete"]).as_deref(), Some("delete"));
    }
}
