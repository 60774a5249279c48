//! What the operators of a device type want of its updates.

use crate::maintenance::Maintenance;
use crate::push::{Confirmation, Success, Terms};

/// What the operators of a device type want of its updates. The default asks nobody, takes a device's word, and
/// knows no maintenance windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether a push waits until somebody at the device agrees.
    pub confirmation: ConfirmationRule,
    /// What counts as the success of a push.
    pub success: Success,
    /// When devices may be updated; at any time if there is none.
    pub maintenance: Option<Maintenance>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { confirmation: ConfirmationRule::NotRequired, success: Success::Reported, maintenance: None }
    }
}

/// Whether a push waits until somebody at the device agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmationRule {
    /// It waits.
    Required,
    /// It does not.
    NotRequired,
}

/// Whether the owner of a device agreed once for all that it is updated (device-ddi 1.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoConfirm {
    /// They did.
    Active,
    /// They did not, or took it back.
    Inactive,
}

impl Policy {
    /// The terms of a push that is made now.
    pub const fn terms(&self, auto_confirm: AutoConfirm) -> Terms {
        let confirmation = match (self.confirmation, auto_confirm) {
            (ConfirmationRule::NotRequired, _) => Confirmation::NotAsked,
            (ConfirmationRule::Required, AutoConfirm::Active) => Confirmation::Given,
            (ConfirmationRule::Required, AutoConfirm::Inactive) => Confirmation::Waiting,
        };
        Terms { confirmation, success: self.success }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_agreed_once_for_all_is_not_asked_again() {
        let asking = Policy { confirmation: ConfirmationRule::Required, ..Policy::default() };
        assert_eq!(asking.terms(AutoConfirm::Inactive).confirmation, Confirmation::Waiting);
        assert_eq!(asking.terms(AutoConfirm::Active).confirmation, Confirmation::Given);
        assert_eq!(Policy::default().terms(AutoConfirm::Active), Terms::PLAIN);
    }
}
