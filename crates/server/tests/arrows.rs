//! The arrows between the server's rooms, held against the code: `protocols -> access -> actions -> store`,
//! `chores -> actions`, and `credentials` below. The crates' own dependencies hold the outer ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::path::{Path, PathBuf};

/// In which room which words must not stand, and why.
const FORBIDDEN: [(&str, &[&str], &str); 10] = [
    ("settings", &["crate::"], "what is configured is known before anything is done"),
    (
        "credentials",
        &["axum", "crate::protocols", "crate::access", "crate::actions", "crate::chores", "crate::service"],
        "what a secret is does not depend on who shows it",
    ),
    (
        "actions",
        &["axum", "StatusCode", "crate::protocols", "crate::access", "crate::chores"],
        "actions know no dialect",
    ),
    ("access", &["crate::protocols", "crate::chores"], "whoever calls is known before the dialect matters"),
    ("chores", &["axum", "crate::protocols", "crate::access", ".store."], "a chore only calls actions"),
    ("telemetry", &["crate::protocols", "crate::access", "crate::actions", "crate::chores"], "to count needs nobody"),
    ("protocols", &[".store.", "crate::chores"], "a dialect asks actions, never the store"),
    ("protocols/partner", &["protocols::ddi", "protocols::direct", "wire::ddi"], "no dialect knows another"),
    ("protocols/ddi", &["protocols::partner", "protocols::direct", "wire::partner"], "no dialect knows another"),
    ("protocols/direct", &["protocols::partner", "protocols::ddi", "otaria_wire"], "no dialect knows another"),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
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
        let files = sources(&root.join(room));
        assert!(!files.is_empty(), "the room {room} is empty or gone");
        for file in files {
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
