//! The server: dialects in, decisions out.
//!
//! A request goes from `protocols` (the only place with statuses and bodies) through `access` (who is calling, what
//! they may touch) to `actions` (one function for each thing the service can do; the only callers of the store).
//! `chores` call actions without a caller. `credentials` are made and judged for both. `telemetry` counts, and
//! `connections` holds clients to their limits, and speaks TLS. `serve` builds everything once, in order.

pub mod access;
pub mod actions;
pub mod chores;
pub mod clock;
mod connections;
pub mod credentials;
pub mod error;
pub mod protocols;
pub mod serve;
pub mod service;
pub mod settings;
mod telemetry;

pub use clock::Clock;
pub use error::Error;
pub use otaria_store::DatabaseLocation;
pub use service::Service;
pub use settings::{RawSettings, Settings};
