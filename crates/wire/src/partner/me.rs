use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AccountOut;

/// The person who is signed in, and what they may touch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MeOut {
    /// Their id, a UUID.
    pub user_id: String,
    /// Their first name; empty if they gave none.
    pub first_name: String,
    /// Their last name; empty if they gave none.
    pub last_name: String,
    /// What they sign in with.
    pub credential: CredentialOut,
    /// The accounts they may see.
    pub account_access: Vec<AccountAccessOut>,
    /// The partners they work for.
    pub partner_access: Vec<PartnerAccessOut>,
    /// Terms of service they were asked to accept; always empty here.
    pub tos: Vec<serde_json::Value>,
}

/// What a person signs in with. Never the password.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialOut {
    /// The user name: an e-mail address.
    pub credential_id: String,
    /// What kind of user name it is.
    pub r#type: CredentialKind,
    /// Whether the address is known to be theirs.
    pub verified: bool,
    /// Failed sign-ins since the last good one.
    #[schema(minimum = 0)]
    pub failed_attempts: i64,
    /// The last good sign-in, in milliseconds since the Unix epoch.
    pub last_used_timestamp: i64,
}

/// What kind of user name it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CredentialKind {
    /// An e-mail address.
    #[default]
    Email,
}

/// One account that a person may see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountAccessOut {
    /// The account.
    pub account: AccountOut,
    /// What they may do with it.
    pub privileges: AccountPrivilegesOut,
}

/// What a person may do with an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountPrivilegesOut {
    /// Everything.
    pub owner: bool,
    /// Add, change and remove its devices.
    pub can_write: bool,
}

/// One partner that a person works for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerAccessOut {
    /// The partner.
    pub partner: MyPartnerOut,
    /// What they may do there.
    pub privileges: PartnerPrivilegesOut,
}

/// A partner, as its people see it when they ask who they are. Never with its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MyPartnerOut {
    /// Its id, a UUID.
    pub partner_id: String,
    /// The company's name.
    pub name: String,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_timestamp: i64,
    /// The user name with which its programs ask for tokens.
    pub client_id: String,
}

/// What a person may do at a partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartnerPrivilegesOut {
    /// Everything.
    pub owner: bool,
    /// Read everything of the partner.
    pub view_device_info: bool,
    /// Change firmware and device types, and push.
    pub manage_device_profiles: bool,
    /// Invite people.
    pub invite_users: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partner::AccountKind;

    #[test]
    fn me_reads_as_in_the_contract() {
        let me = MeOut {
            user_id: "u".into(),
            first_name: "Anna".into(),
            last_name: String::new(),
            credential: CredentialOut {
                credential_id: "anna@maker.example".into(),
                r#type: CredentialKind::Email,
                verified: true,
                failed_attempts: 0,
                last_used_timestamp: 5,
            },
            account_access: vec![AccountAccessOut {
                account: AccountOut {
                    account_id: "a".into(),
                    description: "Anna".into(),
                    r#type: AccountKind::Customer,
                    created_timestamp: 1,
                },
                privileges: AccountPrivilegesOut { owner: true, can_write: true },
            }],
            partner_access: vec![PartnerAccessOut {
                partner: MyPartnerOut {
                    partner_id: "p".into(),
                    name: "Maker".into(),
                    created_timestamp: 1,
                    client_id: "c".into(),
                },
                privileges: PartnerPrivilegesOut { owner: true, ..PartnerPrivilegesOut::default() },
            }],
            tos: vec![],
        };
        insta::assert_json_snapshot!(me, @r#"
        {
          "userId": "u",
          "firstName": "Anna",
          "lastName": "",
          "credential": {
            "credentialId": "anna@maker.example",
            "type": "EMAIL",
            "verified": true,
            "failedAttempts": 0,
            "lastUsedTimestamp": 5
          },
          "accountAccess": [
            {
              "account": {
                "accountId": "a",
                "description": "Anna",
                "type": "CUSTOMER",
                "createdTimestamp": 1
              },
              "privileges": {
                "owner": true,
                "canWrite": true
              }
            }
          ],
          "partnerAccess": [
            {
              "partner": {
                "partnerId": "p",
                "name": "Maker",
                "createdTimestamp": 1,
                "clientId": "c"
              },
              "privileges": {
                "owner": true,
                "viewDeviceInfo": false,
                "manageDeviceProfiles": false,
                "inviteUsers": false
              }
            }
          ],
          "tos": []
        }
        "#);
        let text = serde_json::to_string(&me).unwrap();
        assert_eq!(serde_json::from_str::<MeOut>(&text).unwrap(), me);
    }
}
