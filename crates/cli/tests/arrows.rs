//! The arrows between the command's rooms, held against the code: `doctor`, `publish` and `sign_in` -> `nouns` -> `client`
//! -> `terminal`. The server and what its operator runs stand beside them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::path::{Path, PathBuf};

/// In which room which words must not stand, and why.
const FORBIDDEN: [(&str, &[&str], &str); 8] = [
    (
        "terminal",
        &["crate::client", "crate::nouns", "crate::doctor", "crate::publish", "crate::sign_in", "reqwest"],
        "whoever writes does not know what is written about",
    ),
    (
        "client",
        &["crate::nouns", "crate::doctor", "crate::publish", "crate::sign_in", "crate::server"],
        "a server is called in the same way whatever for",
    ),
    ("client/connection", &["client::api", "client::session", "super::api"], "a connection knows no caller"),
    (
        "nouns",
        &["crate::doctor", "crate::publish", "crate::sign_in", "crate::server"],
        "what is on a server does not depend on who does more with it",
    ),
    ("doctor", &["crate::publish", "crate::sign_in", "crate::server"], "a doctor only looks"),
    ("publish", &["crate::doctor", "crate::sign_in", "crate::server"], "to publish is one thing"),
    ("sign_in", &["crate::doctor", "crate::publish", "crate::server"], "to sign in is one thing"),
    (
        "server",
        &["crate::client", "crate::nouns", "crate::doctor", "crate::publish", "crate::sign_in"],
        "an operator works on the server's own storage",
    ),
];

/// The files of a room: its folder, and the file of its name beside that.
fn sources(room: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = Some(room.with_extension("rs")).into_iter().filter(|file| file.is_file()).collect();
    for entry in std::fs::read_dir(room).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The code of a file: no comments, and no tests, which may reach further.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_room_reaches_where_it_must_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (room, words, why) in FORBIDDEN {
        for file in sources(&root.join(room)) {
            let code = code(&file);
            wrong.extend(
                words
                    .iter()
                    .filter(|word| code.contains(**word))
                    .map(|word| format!("{}: {word} ({why})", file.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
