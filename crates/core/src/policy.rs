//! What the operators of a device type want of its updates.

use crate::maintenance::Maintenance;
use crate::push::{Confirmation, Success, Terms};

/// What the operators of a device type want of its updates. The default asks nobody, takes a device's word, and
/// knows no maintenance windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Whether a push waits until somebody at the device agrees.
    pub consent: Consent,
    /// What counts as the success of a push.
    pub success: Success,
    /// When devices may be updated; at any time if there is none.
    pub maintenance: Option<Maintenance>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { consent: Consent::NotNeeded, success: Success::Reported, maintenance: None }
    }
}

/// Whether a push waits until somebody at the device agrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// It waits.
    Needed,
    /// It does not.
    NotNeeded,
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
        let confirmation = match (self.consent, auto_confirm) {
            (Consent::NotNeeded, _) => Confirmation::NotAsked,
            (Consent::Needed, AutoConfirm::Active) => Confirmation::Given,
            (Consent::Needed, AutoConfirm::Inactive) => Confirmation::Waiting,
        };
        Terms { confirmation, success: self.success }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_agreed_once_for_all_is_not_asked_again() {
        let asking = Policy { consent: Consent::Needed, ..Policy::default() };
        assert_eq!(asking.terms(AutoConfirm::Inactive).confirmation, Confirmation::Waiting);
        assert_eq!(asking.terms(AutoConfirm::Active).confirmation, Confirmation::Given);
        assert_eq!(Policy::default().terms(AutoConfirm::Active), Terms::PLAIN);
    }
}
