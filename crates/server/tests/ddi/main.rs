//! The device protocol over HTTP, against a real listener, on both engines.
//!
//! `scripts/with-postgres` gives them a PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod booting;
mod cancelling;
mod certificates;
mod configuring;
mod confirming;
mod downloading;
mod formats;
mod letting_in;
mod links;
mod maintaining;
mod polling;
mod racing;
mod rules;
#[path = "../../../store/tests/contract/scratch.rs"]
mod scratch;
mod stating;
mod unreadable;
mod updating;
mod upkeep;
mod world;
