//! What the store promises: every function, on both engines, on a database of the test's own.

mod binaries;
mod device_types;
mod devices;
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
