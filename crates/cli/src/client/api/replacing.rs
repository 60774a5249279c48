//! Changing a record that others change as well.

use std::time::Duration;

use reqwest::{Method, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::sleep;

use super::change::Change;
use super::{Api, Before, Effect, body_of};
use crate::client::paths::Path;
use crate::failure::{Exit, Failure};

/// How often a record is changed that others change at the same moment.
const ATTEMPTS: u32 = 10;
/// The longest wait after the first attempt; after each that follows it may be as much longer.
const WAIT: Duration = Duration::from_millis(100);

/// What came of a record that was to be changed.
#[derive(Debug)]
pub enum Replaced<T> {
    /// It is now as it is to be.
    Now,
    /// It was so before.
    Before(T),
    /// Nothing came of it: this is a dry run.
    Nothing,
}

impl<T> Replaced<T> {
    /// Whether the record is as it is to be, now or before.
    pub fn is_effective(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

impl Api {
    /// Replaces a record by what `next` makes of it, or leaves it if that is nothing. If somebody else is faster, that is
    /// tried again with what is there by then.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses, others are always faster, or what `next` says.
    pub async fn replace<T: DeserializeOwned>(
        &self,
        path: &Path,
        next: impl Fn(&T) -> Result<Option<Value>, Failure>,
    ) -> Result<Replaced<T>, Failure> {
        for attempt in 1..=ATTEMPTS {
            let response = self.send(Method::GET, path, |request| request).await?;
            let tag = response.headers().get(header::ETAG).cloned();
            let known = alone(body_of(response).await?);
            let record = serde_json::from_value(known.clone())?;
            let Some(next) = next(&record)? else { return Ok(Replaced::Before(record)) };
            let change = Change::put(path.clone(), next.clone()).only_of(tag);
            if self.effect() == Effect::DryRun {
                self.change(change).await?;
                return Ok(Replaced::Nothing);
            }
            let (before, changed) = self.send_change(&change).await?;
            match changed {
                Err(refused) if refused.code() != "precondition_failed" => return Err(refused),
                // What was faster may have been the first attempt of this very change.
                Err(_) if before == Before::Lost && says(&alone(self.get(path).await?), &known, &next) => {}
                Err(_) => {
                    sleep(WAIT.mul_f64(f64::from(attempt) * chance())).await;
                    continue;
                }
                Ok(_) => {}
            }
            return Ok(Replaced::Now);
        }
        let message = "others change it at the same moment, again and again";
        Err(Failure::of(Exit::Conflict, "changed_meanwhile", message)
            .with_remedy("the same again looks at what it is then")
            .retryable())
    }
}

/// A record, of which the server may answer with a list of it alone.
fn alone(mut body: Value) -> Value {
    match body.as_array_mut().map(Vec::as_mut_slice) {
        Some([record]) => record.take(),
        Some(_) | None => body,
    }
}

/// Whether a record says all that a change of it was to say. What the server sets by itself is no part of that.
fn says(now: &Value, before: &Value, next: &Value) -> bool {
    let fields = next.as_object().into_iter().flatten();
    let mut changed = fields.filter(|(name, value)| before[name.as_str()] != **value);
    changed.all(|(name, value)| now[name.as_str()] == *value)
}

/// Somewhere from 0 to 1. Where there is no chance, there is no wait.
fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_says_what_was_to_be_changed_whatever_else_it_says() {
        let before = json!({ "name": "app", "tags": ["qa"], "description": "old", "updated": 1 });
        let next = json!({ "name": "app", "tags": [], "description": null, "updated": 1 });
        assert!(says(&json!({ "name": "other", "tags": [], "updated": 2 }), &before, &next));
        assert!(!says(&json!({ "name": "app", "tags": [], "description": "old" }), &before, &next));
        assert!(!says(&json!({ "name": "app", "tags": ["x"] }), &before, &next));
    }
}
