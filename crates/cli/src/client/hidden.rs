//! What of a request is not shown, by its name.

use serde_json::{Value, json};

/// A body as it may be shown.
pub fn without_secrets(body: &Value) -> Value {
    match body {
        Value::Object(fields) => {
            let shown = fields.iter().map(|(name, value)| {
                let shown = if is_secret(name) { json!("…") } else { without_secrets(value) };
                (name.clone(), shown)
            });
            Value::Object(shown.collect())
        }
        Value::Array(values) => values.iter().map(without_secrets).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => body.clone(),
    }
}

/// Whether what is called so is a secret.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    ["password", "secret", "token"].iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_has_no_secret_however_deep_it_is() {
        let body =
            json!({ "name": "a", "clientSecret": { "is": "x" }, "users": [{ "Password": "x", "tags": ["token"] }] });
        let shown = json!({ "name": "a", "clientSecret": "…", "users": [{ "Password": "…", "tags": ["token"] }] });
        assert_eq!(without_secrets(&body), shown);
    }
}
