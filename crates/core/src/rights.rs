//! What a person may do at a partner or an account.

/// A person's privileges at a partner, as `/v1/users/me` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartnerPrivileges {
    /// Has every right, and may change the partner itself.
    pub owner: bool,
    /// May read everything of the partner.
    pub view_device_info: bool,
    /// May change and push.
    pub manage_device_profiles: bool,
    /// May invite people.
    pub invite_users: bool,
}

/// A person's privileges at an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountPrivileges {
    /// Owns the account.
    pub owner: bool,
    /// May change its devices.
    pub can_write: bool,
}

/// What an operation on a partner asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartnerRight {
    /// Reading.
    View,
    /// Changing and pushing.
    Manage,
    /// Inviting people, and seeing who is there.
    Invite,
    /// Changing the partner itself.
    Own,
}

/// What an operation on an account asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountRight {
    /// Reading.
    View,
    /// Changing its devices.
    Write,
}

impl PartnerPrivileges {
    /// What an owner has: everything.
    pub const OWNER: Self =
        Self { owner: true, view_device_info: true, manage_device_profiles: true, invite_users: true };

    /// Whether these privileges suffice for `right`. Who may change may also read.
    pub const fn allow(self, right: PartnerRight) -> bool {
        match right {
            PartnerRight::View => self.owner || self.view_device_info || self.manage_device_profiles,
            PartnerRight::Manage => self.owner || self.manage_device_profiles,
            PartnerRight::Invite => self.owner || self.invite_users,
            PartnerRight::Own => self.owner,
        }
    }

    /// Whether whoever has these privileges may give `other`: nobody gives more than they have.
    pub const fn cover(self, other: Self) -> bool {
        self.owner
            || !other.owner
                && (self.view_device_info || self.manage_device_profiles || !other.view_device_info)
                && (self.manage_device_profiles || !other.manage_device_profiles)
                && (self.invite_users || !other.invite_users)
    }
}

impl AccountPrivileges {
    /// Whether these privileges suffice for `right`. Anyone on the account may read it.
    pub const fn allow(self, right: AccountRight) -> bool {
        match right {
            AccountRight::View => true,
            AccountRight::Write => self.owner || self.can_write,
        }
    }
}
