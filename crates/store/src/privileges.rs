//! Privileges as rows hold them. What they suffice for is decided in `otaria_core::rights`.

use otaria_core::rights::{AccountPrivileges, PartnerPrivileges};

/// What somebody may do at a partner.
#[derive(sqlx::FromRow)]
pub(crate) struct PartnerPrivilegesRow {
    is_owner: bool,
    view_device_info: bool,
    manage_device_profiles: bool,
    invite_users: bool,
}

impl From<PartnerPrivilegesRow> for PartnerPrivileges {
    fn from(row: PartnerPrivilegesRow) -> Self {
        Self {
            owner: row.is_owner,
            view_device_info: row.view_device_info,
            manage_device_profiles: row.manage_device_profiles,
            invite_users: row.invite_users,
        }
    }
}

/// What somebody may do at an account.
#[derive(sqlx::FromRow)]
pub(crate) struct AccountPrivilegesRow {
    is_owner: bool,
    can_write: bool,
}

impl From<AccountPrivilegesRow> for AccountPrivileges {
    fn from(row: AccountPrivilegesRow) -> Self {
        Self { owner: row.is_owner, can_write: row.can_write }
    }
}

/// The accounts `c` that the person `$1` has access to: those where they were given privileges, and those that were made
/// by a partner `p` where their privileges allow `PartnerRight::Manage`, which they may write to.
macro_rules! select_accounts {
    ($rest:expr) => {
        concat!(
            "SELECT c.account_id, c.description, c.created_ms, COALESCE(a.is_owner, FALSE) AS is_owner,
                    COALESCE(a.can_write, FALSE) OR p.user_id IS NOT NULL AS can_write
             FROM accounts c
             LEFT JOIN account_access a ON a.account_id = c.account_id AND a.user_id = $1
             LEFT JOIN partner_access p ON p.partner_id = c.partner_id AND p.user_id = $1
                  AND (p.is_owner OR p.manage_device_profiles)
             WHERE (a.user_id IS NOT NULL OR p.user_id IS NOT NULL) ",
            $rest
        )
    };
}

pub(crate) use select_accounts;
