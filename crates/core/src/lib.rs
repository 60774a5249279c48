//! What the words of an over-the-air update service mean, and what follows from them.
//!
//! Pure code: no sockets, SQL, files or clock. Time is an argument, everywhere. The rules that decide what
//! a device is offered, and that a push ends exactly once, live here so that they can be tested as properties.

pub mod audit;
pub mod digest;
pub mod eligibility;
pub mod email;
pub mod explanation;
pub mod fields;
pub mod firmware;
pub mod habit;
pub mod ids;
pub mod inference;
pub mod maintenance;
pub mod offer;
pub mod page;
pub mod policy;
pub mod push;
pub mod rights;
pub mod secrets;
pub mod size;
pub mod time;
pub mod unreadable;

pub use digest::Sha256;
pub use email::EmailAddress;
pub use firmware::{FirmwareType, VersionNumber};
pub use ids::{
    AccountId, AssociationId, DeviceId, DeviceTypeId, FirmwareTypeId, GatewayTokenId, ImageId, InvitationId,
    PartnerId, PushId, UserId,
};
pub use time::Timestamp;
