//! What the audit log knows: the things that people and clients do, by stable names.

use std::fmt;
use std::str::FromStr;

use crate::ids::InvalidId;

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// Something that was done, or refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// Its stable name.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

actions! {
    /// Somebody signed in with a password.
    SignedIn = "signIn.succeeded",
    /// A password was wrong.
    SignInRefused = "signIn.refused",
    /// A partner's client got a token for itself.
    ClientSignedIn = "client.signedIn",
    /// A client's secret was wrong.
    ClientRefused = "client.refused",
    /// A refresh token was used a second time, and everything that goes back to its sign-in was revoked.
    TokenReused = "token.reused",
    /// A token was given back.
    TokenRevoked = "token.revoked",
    /// A signed-in caller wanted something that it has no right to.
    AccessRefused = "access.refused",
    /// Somebody changed their password.
    PasswordChanged = "password.changed",
    /// Somebody was given a new password on the server's command line.
    PasswordReset = "password.reset",
    /// Somebody signed out wherever they were signed in.
    SignedOut = "signedOut.everywhere",
    /// A partner was made.
    PartnerCreated = "partner.created",
    /// A partner was changed.
    PartnerUpdated = "partner.updated",
    /// A partner's client got a new secret.
    ClientSecretReplaced = "clientSecret.replaced",
    /// Somebody was invited.
    UserInvited = "user.invited",
    /// Somebody accepted an invitation.
    InvitationAccepted = "invitation.accepted",
    /// Somebody's privileges were changed.
    UserUpdated = "user.updated",
    /// Somebody was removed, or an invitation withdrawn.
    UserRemoved = "user.removed",
    /// A gateway token was made.
    GatewayTokenCreated = "gatewayToken.created",
    /// A gateway token was deleted.
    GatewayTokenDeleted = "gatewayToken.deleted",
    /// It was said anew how a partner's devices prove who they are.
    DeviceAuthenticationUpdated = "deviceAuthentication.updated",
    /// An account was made.
    AccountCreated = "account.created",
    /// A device type was made.
    DeviceTypeCreated = "deviceType.created",
    /// A device type was changed.
    DeviceTypeUpdated = "deviceType.updated",
    /// A device was associated with an account.
    DeviceAssociated = "device.associated",
    /// A device that nobody knew was registered, by its gateway or by its certificate.
    DeviceRegistered = "device.registered",
    /// A device was taken out of its account.
    DeviceDisassociated = "device.disassociated",
    /// A device was given another name.
    DeviceRenamed = "device.renamed",
    /// A device was given another credential.
    DeviceTokenReplaced = "deviceToken.replaced",
    /// A firmware type was made.
    FirmwareTypeCreated = "firmwareType.created",
    /// A firmware type was changed.
    FirmwareTypeUpdated = "firmwareType.updated",
    /// A file was uploaded.
    BinaryUploaded = "binary.uploaded",
    /// A file was moved to the repository.
    BinaryMoved = "binary.moved",
    /// An image was made.
    ImageCreated = "image.created",
    /// An image was changed.
    ImageUpdated = "image.updated",
    /// An image was associated with a device type.
    ImageAssociated = "image.associated",
    /// An image was taken from a device type.
    ImageDissociated = "image.dissociated",
    /// An image was pushed to a device.
    PushRequested = "push.requested",
    /// A push was cancelled.
    PushCancelled = "push.cancelled",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Action {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let found = Self::ALL.iter().find(|action| action.as_str() == text);
        found.copied().ok_or(InvalidId { expected: "must be an action of the audit log, such as push.requested" })
    }
}

/// What kind of thing an action was done to. Together with an id it names the thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A partner.
    Partner,
    /// A person, by their id, or by e-mail address where there is none.
    User,
    /// A gateway token.
    GatewayToken,
    /// An account.
    Account,
    /// A device type.
    DeviceType,
    /// A device.
    Device,
    /// A firmware type.
    FirmwareType,
    /// A binary, by its SHA-256.
    Binary,
    /// A firmware image, in the pool or as associated.
    Image,
    /// A push.
    Push,
    /// An operation of the API, by its route.
    Operation,
}

impl ObjectKind {
    /// Its stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::User => "user",
            Self::GatewayToken => "gatewayToken",
            Self::Account => "account",
            Self::DeviceType => "deviceType",
            Self::Device => "device",
            Self::FirmwareType => "firmwareType",
            Self::Binary => "binary",
            Self::Image => "image",
            Self::Push => "push",
            Self::Operation => "operation",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_read_back() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse::<Action>(), Ok(*action));
        }
        assert!("push".parse::<Action>().is_err());
    }
}
