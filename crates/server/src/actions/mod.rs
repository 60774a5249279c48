//! What the service can do: one file for each noun, one function for each thing. Nothing here knows HTTP.

pub mod accounts;
pub mod audit;
pub mod binaries;
pub mod bootstrap;
pub mod device_authentication;
pub mod device_types;
pub mod devices;
pub mod events;
pub mod firmware_images;
pub mod firmware_types;
pub mod gateway_tokens;
pub mod me;
pub mod partner_users;
pub mod partners;
pub mod pool;
pub mod pushes;
pub mod refusals;
pub mod registering;
pub mod revisions;
pub mod sightings;
pub mod tokens;
pub mod trusts;
pub mod unreadable;
pub mod updates;
pub mod upkeep;
