//! What the store promises: every function, on both engines, on a database of the test's own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "what helps a test fails as a test does")]

mod binaries;
mod bucket;
mod candidates;
mod device_authentication;
mod device_types;
mod devices;
mod events;
mod firmware_images;
mod firmware_types;
mod partners;
mod pool;
mod pushes;
mod repository;
mod scopes;
mod scratch;
mod tokens;
mod users;
mod world;
mod writes;
