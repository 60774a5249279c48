//! The arrows between rooms, held against the code. In the server: `protocols -> access -> actions -> store`, `chores ->
//! actions`, and `credentials` below. In the command: `doctor`, `publish` and `sign_in` -> `nouns` -> `client` ->
//! `terminal`, and the server and what its operator runs beside them. The crates' own dependencies hold the outer ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::path::{Path, PathBuf};

/// In which room which words must not stand, and why.
const FORBIDDEN: [(&str, &[&str], &str); 18] = [
    ("server/src/settings", &["crate::"], "what is configured is known before anything is done"),
    (
        "server/src/credentials",
        &["axum", "crate::protocols", "crate::access", "crate::actions", "crate::chores", "crate::service"],
        "what a secret is does not depend on who shows it",
    ),
    (
        "server/src/actions",
        &["axum", "StatusCode", "otaria_wire", "crate::protocols", "crate::access", "crate::chores"],
        "actions know no dialect",
    ),
    (
        "server/src/access",
        &["crate::protocols", "crate::chores"],
        "whoever calls is known before the dialect matters",
    ),
    ("server/src/chores", &["axum", "crate::protocols", "crate::access", ".store."], "a chore only calls actions"),
    (
        "server/src/telemetry",
        &["crate::protocols", "crate::access", "crate::actions", "crate::chores"],
        "to count needs nobody",
    ),
    ("server/src/protocols", &[".store.", "crate::chores"], "a dialect asks actions, never the store"),
    (
        "server/src/protocols/partner",
        &["protocols::ddi", "protocols::direct", "wire::ddi"],
        "no dialect knows another",
    ),
    (
        "server/src/protocols/ddi",
        &["protocols::partner", "protocols::direct", "wire::partner"],
        "no dialect knows another",
    ),
    (
        "server/src/protocols/direct",
        &["protocols::partner", "protocols::ddi", "otaria_wire"],
        "no dialect knows another",
    ),
    (
        "cli/src/terminal",
        &["crate::client", "crate::nouns", "crate::doctor", "crate::publish", "crate::sign_in", "reqwest"],
        "whoever writes does not know what is written about",
    ),
    (
        "cli/src/client",
        &["crate::nouns", "crate::doctor", "crate::publish", "crate::sign_in", "crate::server"],
        "a server is called in the same way whatever for",
    ),
    ("cli/src/client/connection", &["client::api", "client::session", "super::api"], "a connection knows no caller"),
    (
        "cli/src/nouns",
        &["crate::doctor", "crate::publish", "crate::sign_in", "crate::server"],
        "what is on a server does not depend on who does more with it",
    ),
    ("cli/src/doctor", &["crate::publish", "crate::sign_in", "crate::server"], "a doctor only looks"),
    ("cli/src/publish", &["crate::doctor", "crate::sign_in", "crate::server"], "to publish is one thing"),
    ("cli/src/sign_in", &["crate::doctor", "crate::publish", "crate::server"], "to sign in is one thing"),
    (
        "cli/src/server",
        &["crate::client", "crate::nouns", "crate::doctor", "crate::publish", "crate::sign_in"],
        "an operator works on the server's own storage",
    ),
];

/// What hides where a file reaches: a room is named in full, on a line of its own.
const HIDES: &str = "crate::{";

/// The files of a room: the one of its name, and those in its folder.
fn sources(room: &Path) -> Vec<PathBuf> {
    let mut found = vec![room.with_extension("rs")];
    for entry in std::fs::read_dir(room).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // The first is the room's own file, which stands beside the folder and is found there.
            found.extend(sources(&path).into_iter().skip(1));
        } else {
            found.push(path);
        }
    }
    found
}

/// The code of a file: no comments, and no tests, which may reach further.
fn code(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_room_reaches_where_it_must_not() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut wrong = Vec::new();
    for (room, words, why) in FORBIDDEN {
        for file in sources(&crates.join(room)) {
            let code = code(&file);
            let found = words.iter().chain(&[HIDES]).filter(|word| code.contains(**word));
            wrong.extend(found.map(|word| format!("{}: {word} ({why})", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
