//! The OpenAPI document is what the code says.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

use std::collections::BTreeSet;
use std::path::Path;

use otaria_server::protocols::partner::document;
use serde_json::Value;

fn in_repository(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn the_snapshot_is_the_document() {
    let document = serde_json::to_string_pretty(&document()).unwrap();
    let snapshot = in_repository("docs/openapi.json");
    assert!(
        document == snapshot.trim_end(),
        "the API has changed: run `cargo run --bin otaria -- openapi > docs/openapi.json` and read the difference"
    );
}

#[test]
fn every_operation_says_what_it_is_and_what_can_go_wrong() {
    let document = serde_json::to_value(document()).unwrap();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap_or_default();
            assert!(!name.is_empty() && names.insert(name.to_owned()), "{method} {path} needs a name of its own");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            let responses = operation["responses"].as_object().unwrap();
            // No device protocol has a channel for an action yet, so that each is refused.
            let succeeds = responses.keys().any(|status| status.starts_with('2'));
            assert!(succeeds || name == "createDeviceAction", "{name} never succeeds");
            assert!(responses.contains_key("500"), "{name} never fails");
            let open = operation["security"] == serde_json::json!([{}]);
            assert_eq!(!open, responses.contains_key("401"), "{name}");
            for parameter in operation["parameters"].as_array().unwrap_or(&Vec::new()) {
                let described = parameter["description"].as_str().is_some_and(|text| !text.is_empty());
                assert!(described, "{name}: {} is not described", parameter["name"]);
            }
        }
    }
    assert!(names.len() >= 40, "{}", names.len());
}

#[test]
fn every_path_parameter_is_declared() {
    let document = serde_json::to_value(document()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        let in_path: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let declared: BTreeSet<_> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .filter_map(|parameter| parameter["name"].as_str())
                .collect();
            assert_eq!(declared, in_path, "{method} {path}");
        }
    }
}

#[test]
fn what_is_changed_with_if_match_is_read_with_an_etag() {
    let document = serde_json::to_value(document()).unwrap();
    let mut changed = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let takes = |parameter: &Value| parameter["in"] == "header" && parameter["name"] == "If-Match";
        if item["put"]["parameters"].as_array().is_some_and(|parameters| parameters.iter().any(takes)) {
            assert!(item["get"]["responses"]["200"]["headers"]["ETag"].is_object(), "GET {path} has no ETag");
            assert!(item["put"]["responses"]["412"].is_object(), "PUT {path} is never refused for its If-Match");
            changed += 1;
        }
    }
    assert_eq!(changed, 5);
}

#[test]
fn the_document_needs_nothing_from_elsewhere() {
    let document: Value = serde_json::to_value(document()).unwrap();
    assert_eq!(document["info"]["title"], "Otaria partner API");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}
