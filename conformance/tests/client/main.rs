//! The command as people and pipelines use it: the built binary, a shell, a running server, and what is printed.
//!
//! What was printed is kept in `snapshots/`. `INSTA_UPDATE=always cargo test …` writes it anew; read the difference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "this is all test code")]

mod bottleneck;
mod ci;
mod device_types;
mod devices;
mod doctor;
mod editing;
mod gateway_tokens;
mod images;
mod lamp;
mod mishap;
mod partners;
mod publish;
mod pushes;
mod repeats;
mod secrets;
mod sign_in;
mod types;
mod usage;
mod users;
mod world;
