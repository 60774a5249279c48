//! What is on a server, one noun a file, and what can be done with each.

pub mod device_types;
pub mod devices;
pub mod gateway_tokens;
pub mod image_reference;
pub mod images;
pub mod partners;
pub mod pushes;
pub mod recipients;
pub mod several;
pub mod types;
pub mod users;

use clap::{ArgGroup, Args, ValueEnum};
use serde_json::{Value, json};

use crate::client::api::Limit;

/// How much of a list is wanted.
#[derive(Args, Clone, Copy, Debug)]
pub struct ListOptions {
    /// At most so many, newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 50, conflicts_with = "all")]
    limit: usize,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl ListOptions {
    /// How many records are wanted.
    pub fn limit(self) -> Limit {
        if self.all { Limit::None } else { Limit::First(self.limit) }
    }
}

/// That a command to change something is told what to change.
pub fn at_least_one(flags: &'static [&'static str]) -> ArgGroup {
    ArgGroup::new("change").args(flags).required(true).multiple(true)
}

/// An answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum YesOrNo {
    Yes,
    No,
}

/// Changes a field of a record that is to be sent back, where there is something to change; empty text takes it away.
pub fn set(record: &mut Value, field: &str, text: Option<String>) {
    match text {
        Some(text) if text.is_empty() => record[field] = Value::Null,
        Some(text) => record[field] = json!(text),
        None => {}
    }
}
