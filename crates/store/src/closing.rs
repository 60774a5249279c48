//! What every transaction writes last: events for those who listen, and the audit log.
//!
//! Both are numbered without a gap, so whoever writes them locks the numbering of their partner until the transaction
//! ends. That is the reason to do it last, when it is short, and in one order, so that no two transactions wait for
//! each other.

use std::collections::BTreeMap;

use otaria_core::PartnerId;

use crate::audit::{self, Noted};
use crate::events::{self, NewEvent};
use crate::{Error, Tx};

/// What a transaction still has to write.
#[derive(Default)]
pub(crate) struct Closing(BTreeMap<PartnerId, OfPartner>);

#[derive(Default)]
struct OfPartner {
    events: Vec<NewEvent>,
    audit: Vec<Noted>,
}

impl Closing {
    pub(crate) fn announce(&mut self, partner: PartnerId, event: NewEvent) {
        self.0.entry(partner).or_default().events.push(event);
    }

    pub(crate) fn record(&mut self, partner: PartnerId, entry: Noted) {
        self.0.entry(partner).or_default().audit.push(entry);
    }
}

/// Writes it. Returns whose listeners have something to read once the transaction is durable.
pub(crate) async fn write(tx: &mut Tx) -> Result<Vec<PartnerId>, Error> {
    let mut told = Vec::new();
    for (partner, of_partner) in std::mem::take(tx.closing()).0 {
        if !of_partner.events.is_empty() {
            events::append(tx, partner, of_partner.events).await?;
            told.push(partner);
        }
        if !of_partner.audit.is_empty() {
            audit::append(tx, partner, of_partner.audit).await?;
        }
    }
    Ok(told)
}
