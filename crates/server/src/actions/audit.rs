//! The audit log: who does what, and reading it back.

use otaria_core::PartnerId;
use otaria_core::audit::{Action, ObjectKind};
use otaria_core::page::{Page, PageRequest};
use otaria_store::audit::{self, Broken, Change, Deed, Entry, Filter, Intact, Who};
use otaria_store::partners;
use otaria_store::scopes::{Caller, InstallationScope, OwnPartner, Session};

use crate::error::Error;
use crate::service::Service;

/// From where a request came, and which it is.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// From which address.
    pub address: Option<String>,
    /// The request's id, as its answer shows it.
    pub request_id: Option<String>,
}

impl Origin {
    /// Somebody who does something from here.
    pub fn actor(&self, who: Who) -> audit::Actor {
        audit::Actor { who, address: self.address.clone(), request_id: self.request_id.clone() }
    }
}

/// Whoever is signed in and does something.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who.
    pub caller: Caller,
    /// As the audit log names them.
    pub noted: audit::Actor,
}

impl Actor {
    /// The caller, from there.
    pub fn new(caller: Caller, origin: &Origin) -> Self {
        Self { caller, noted: origin.actor(Who::Caller(caller)) }
    }
}

/// How many entries of a log are read at once when it is exported.
const BATCH: i64 = 500;

impl Service {
    /// Records that a signed-in caller wanted something that it has no right to; the same again once a minute.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn record_refusal(&self, session: &Session, origin: &Origin, operation: String) -> Result<(), Error> {
        if !self.refusals.is_worth_recording(&format!("{:?}", session.caller), &operation, self.clock.now()) {
            return Ok(());
        }
        let (scope, actor) = (session.audit(), origin.actor(Who::Caller(session.caller)));
        let deed = Deed::new(self.clock.now(), Action::AccessRefused, ObjectKind::Operation, operation, Change::NONE);
        let recorded = self.store.write(move |tx| {
            Box::pin(async move {
                tx.record(scope, &actor, deed);
                Ok::<_, Error>(())
            })
        });
        recorded.await
    }

    /// A page of a partner's audit log.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn audit_log(
        &self,
        scope: &OwnPartner,
        filter: &Filter,
        request: &PageRequest,
    ) -> Result<Page<Entry>, Error> {
        Ok(audit::page(&mut self.store.read().await?, scope, filter, request).await?)
    }

    /// The next entries of a partner's audit log after the one numbered `after`, oldest first; none at its end.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn audit_log_after(
        &self,
        scope: &OwnPartner,
        filter: &Filter,
        after: i64,
    ) -> Result<Vec<Entry>, Error> {
        Ok(audit::after(&mut self.store.read().await?, scope, filter, after, BATCH).await?)
    }

    /// Verifies every partner's audit log: each partner with its name, and what came out.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn verify_audit_logs(&self) -> Result<Vec<VerifiedLog>, Error> {
        let scope = InstallationScope::of_the_process();
        let mut conn = self.store.read().await?;
        let mut verified = Vec::new();
        for (partner_id, name) in partners::with_logs(&mut conn, &scope).await? {
            let outcome = audit::verify(&mut conn, &scope, partner_id).await?;
            verified.push(VerifiedLog { partner_id, name, outcome });
        }
        Ok(verified)
    }
}

/// One partner's log, verified.
#[derive(Clone, Debug)]
pub struct VerifiedLog {
    /// Whose it is.
    pub partner_id: PartnerId,
    /// What the partner is called; none if there is no such partner, whose log then does not belong here.
    pub name: Option<String>,
    /// Whether it is what was written.
    pub outcome: Result<Intact, Broken>,
}
