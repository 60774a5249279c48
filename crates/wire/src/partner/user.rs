use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::me::PartnerPrivilegesOut;

/// What somebody may do at a partner; what is left out, they may not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerPrivilegesIn {
    /// Everything, and changing the partner itself.
    pub owner: Option<bool>,
    /// Reading everything of the partner.
    pub view_device_info: Option<bool>,
    /// Changing and pushing.
    pub manage_device_profiles: Option<bool>,
    /// Inviting people.
    pub invite_users: Option<bool>,
}

/// Somebody to invite.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerUserIn {
    /// Their e-mail address, with which they will sign in.
    #[schema(required = true, nullable = false, max_length = 254)]
    pub email: Option<String>,
    /// What they may do. Nobody gives more than they have.
    #[schema(required = true, nullable = false)]
    pub privileges: Option<PartnerPrivilegesIn>,
}

/// What somebody may do from now on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerUserUpdateIn {
    /// All of it: what is left out, they may not any more.
    #[schema(required = true, nullable = false)]
    pub privileges: Option<PartnerPrivilegesIn>,
}

/// Whether somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PartnerUserStatus {
    /// They are.
    Active,
    /// They are invited and have not come yet.
    Invited,
}

/// Somebody at a partner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerUserOut {
    /// Who, a UUID. For somebody invited, the invitation's: whoever is new keeps it.
    pub user_id: String,
    /// Their e-mail address.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Whether they are there.
    pub status: PartnerUserStatus,
    /// What they may do.
    pub privileges: PartnerPrivilegesOut,
    /// When they came, or were invited, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// When they last signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_used_timestamp: Option<i64>,
    /// Until when the invitation can be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_timestamp: Option<i64>,
    /// The invitation's token, to hand over; only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token: Option<String>,
}

/// An answer to an invitation.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptanceIn {
    /// The invitation's token.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 255)]
    pub token: Option<String>,
    /// A new password, 8–256 characters; for somebody who has one here already, that one.
    #[schema(required = true, nullable = false, min_length = 8, max_length = 256)]
    pub password: Option<String>,
    /// First name.
    #[schema(max_length = 255)]
    pub first_name: Option<String>,
    /// Last name.
    #[schema(max_length = 255)]
    pub last_name: Option<String>,
}

/// Somebody who accepted an invitation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AcceptanceOut {
    /// Who, a UUID.
    pub user_id: String,
    /// Their e-mail address: the user name to sign in with.
    pub email: String,
    /// At which partner.
    pub partner_id: String,
    /// What they may do there.
    pub privileges: PartnerPrivilegesOut,
}

/// A change of one's own password.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PasswordIn {
    /// The password until now.
    #[schema(required = true, nullable = false, min_length = 1, max_length = 256)]
    pub current_password: Option<String>,
    /// The password from now on, 8–256 characters.
    #[schema(required = true, nullable = false, min_length = 8, max_length = 256)]
    pub new_password: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_invited_reads_as_documented() {
        let invited = PartnerUserOut {
            user_id: "u".into(),
            email: "ada@maker.example".into(),
            first_name: String::new(),
            last_name: String::new(),
            status: PartnerUserStatus::Invited,
            privileges: PartnerPrivilegesOut {
                owner: false,
                view_device_info: true,
                manage_device_profiles: false,
                invite_users: false,
            },
            created_timestamp: 1,
            last_used_timestamp: None,
            expires_timestamp: Some(2),
            token: Some("t".into()),
        };
        let text = serde_json::to_string(&invited).unwrap();
        insta::assert_snapshot!(text, @r#"{"userId":"u","email":"ada@maker.example","firstName":"","lastName":"","status":"INVITED","privileges":{"owner":false,"viewDeviceInfo":true,"manageDeviceProfiles":false,"inviteUsers":false},"createdTimestamp":1,"expiresTimestamp":2,"token":"t"}"#);
        assert_eq!(serde_json::from_str::<PartnerUserOut>(&text).unwrap(), invited);
        assert_eq!(serde_json::from_str::<PartnerUserIn>(&text).unwrap().privileges.unwrap().owner, Some(false));
    }
}
