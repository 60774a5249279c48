//! The corpus, replayed: what devices and clients are known to send, and what once went wrong. Every file of
//! `corpus/TARGET/` is one input of that target.

use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(entries.len() >= 3, "{} is nearly empty", folder.display());
    for path in entries {
        let input = std::fs::read(&path).unwrap();
        if std::panic::catch_unwind(|| run(&input)).is_err() {
            panic!("{} fails: run it alone with cargo fuzz run {target} {}", path.display(), path.display());
        }
    }
}

#[test]
fn feedback() {
    replay("feedback", crate::feedback);
}

#[test]
fn config_data() {
    replay("config_data", crate::config_data);
}

#[test]
fn range() {
    replay("range", crate::range);
}

#[test]
fn accept() {
    replay("accept", crate::accept);
}

#[test]
fn entity_tags() {
    replay("entity_tags", crate::entity_tags);
}

#[test]
fn forwarded_for() {
    replay("forwarded_for", crate::forwarded_for);
}

#[test]
fn file_names() {
    replay("file_names", crate::file_names);
}
