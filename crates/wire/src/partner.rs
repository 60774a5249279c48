//! The partner API: JSON in camelCase below `/v1`, and the token endpoint.

mod account;
mod audit;
mod bootstrap;
mod device;
mod device_authentication;
mod device_type;
mod error;
mod event;
mod explanation;
mod firmware_type;
mod gateway_token;
mod image;
mod integer_text;
mod me;
mod page;
#[expect(clippy::module_inception, reason = "the dialect and its first noun share their name")]
mod partner;
mod push;
mod token;
mod unreadable;
mod user;
mod value;

pub use account::{AccountIn, AccountKind, AccountOut};
pub use audit::{AuditActorOut, AuditEntryOut, AuditObjectOut};
pub use bootstrap::BootstrapOut;
pub use device::{
    AttributeOut, AutoConfirmedOut, DeviceActionIn, DeviceActionKind, DeviceIn, DeviceOut, DeviceStateOut,
    DeviceTagOut, DeviceVersionOut, FriendlyNameIn, FriendlyNameOut, NotificationLevel, SaidOut,
};
pub use device_authentication::{
    CaCertificateOut, DeviceAuthenticationIn, DeviceAuthenticationOut, RevocationListOut,
};
pub use device_type::{
    DayOfWeek, DeviceTypeIn, DeviceTypeOut, DeviceTypeUpdateIn, MaintenanceIn, MaintenanceOut, OutsideWindow,
    SuccessOn, WindowIn, WindowOut,
};
pub use error::{ErrorBody, FieldErrorOut};
pub use event::PushEventOut;
pub use explanation::{ExplanationOut, ReasonOut, TypeExplanationOut};
pub use firmware_type::{FirmwareTypeIn, FirmwareTypeOut, FirmwareTypeUpdateIn};
pub use gateway_token::{GatewayTokenIn, GatewayTokenOut};
pub use image::{AssociationIn, AssociationOut, FirmwareImageOut, PoolImageIn, PoolImageOut, PoolImageUpdateIn};
pub use integer_text::IntegerText;
pub use me::{
    AccountAccessOut, AccountPrivilegesOut, CredentialKind, CredentialOut, MeOut, MyPartnerOut, PartnerAccessOut,
    PartnerPrivilegesOut,
};
pub use page::PageOut;
pub use partner::{ClientSecretIn, ClientSecretOut, PartnerIn, PartnerOut};
pub use push::{PushConfirmation, PushHistoryOut, PushOut, PushState};
pub use token::{ServerMetadata, TokenOut};
pub use unreadable::{UnreadableOut, UnreadableOutcome};
pub use user::{
    AcceptanceIn, AcceptanceOut, PartnerPrivilegesIn, PartnerUserIn, PartnerUserOut, PartnerUserStatus,
    PartnerUserUpdateIn, PasswordIn,
};
pub use value::{BooleanValue, StringValue, UploadedOut, ValueIn};
