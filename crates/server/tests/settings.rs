//! The settings are the same in the code, in their page, and in what is deployed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use otaria_server::settings::KEYS;
use otaria_server::{RawSettings, Settings};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn keys() -> BTreeSet<String> {
    KEYS.iter().map(|&key| key.to_owned()).collect()
}

fn variable(key: &str) -> String {
    format!("OTARIA_{}", key.to_uppercase())
}

#[test]
fn every_key_is_a_field_and_every_field_a_key() {
    // Whoever sends an unknown field is told all that are known.
    let error = serde_json::from_str::<RawSettings>(r#"{"?": 0}"#).unwrap_err().to_string();
    let known = error.split_once("expected one of ").unwrap().1;
    let fields: BTreeSet<_> = known.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    assert_eq!(fields, keys());
    assert_eq!(KEYS.len(), keys().len(), "a key is there twice");
}

#[test]
fn the_page_has_every_setting_with_its_variable_and_default_and_nothing_else() {
    let page = std::fs::read_to_string(repository().join("docs/configure.md")).unwrap();
    // The first table; others on the page are of something else.
    let table = page.lines().skip_while(|line| !line.starts_with("| `")).take_while(|line| line.starts_with('|'));
    let rows = table.filter(|line| line.starts_with("| `"));
    let rows: Vec<Vec<_>> = rows.map(|row| row.split('|').map(str::trim).collect()).collect();
    let documented: BTreeSet<_> = rows.iter().map(|row| row[1].trim_matches('`').to_owned()).collect();
    assert_eq!(documented, keys());
    assert_eq!(rows.len(), keys().len(), "a setting is there twice");

    let described = Settings::from_raw(RawSettings::default()).unwrap().describe();
    let described: BTreeMap<_, _> = described.lines().filter_map(|line| line.split_once(" = ")).collect();
    for row in &rows {
        let (key, default, what) = (row[1].trim_matches('`'), row[3], row[4]);
        assert_eq!(row[2], format!("`{}`", variable(key)));
        assert!(!what.is_empty(), "{key} does nothing");
        let Some(value) = described.get(key).map(|value| value.trim_matches('"')) else { continue };
        // What is not a value in the page is said in words there.
        if value.parse::<u64>().is_ok() {
            assert_eq!(default.split(',').next(), Some(value), "{key}");
        } else if let Some(quoted) = default.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')) {
            assert_eq!(quoted.trim_start_matches("./"), value, "{key}");
        }
    }
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn what_is_deployed_sets_only_what_exists() {
    let mut known: BTreeSet<_> = keys().iter().map(|key| variable(key)).collect();
    known.insert("OTARIA_CONFIG".to_owned());
    let mut places = files(&repository().join("deploy"));
    places.push(repository().join("docs/install.md"));
    let mut named = BTreeSet::new();
    for place in places {
        let text = std::fs::read_to_string(&place).unwrap();
        for (at, _) in text.match_indices("OTARIA_") {
            let name = text[at..].split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
            let name = name.take(1).collect::<String>();
            assert!(known.contains(&name), "{} names {name}, which is no setting", place.display());
            named.insert(name);
        }
    }
    assert!(named.contains("OTARIA_DATA"), "{named:?}");
}
