//! Listening: what becomes of pushes, told as it happens.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use otaria_core::{PartnerId, PushId};
use otaria_store::events::{self, Event};
use otaria_store::pushes::{self, PushRecord};
use otaria_store::scopes::{Session, ViewPartner};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::Error;
use crate::service::Service;

/// How many events are read at once, which bounds what one listener takes.
const BATCH: i64 = 100;
/// How long it may be quiet before a listener is told so; it is also looked then whether they still may listen.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often a listener looks by itself: another process may have written.
const LOOK: Duration = Duration::from_secs(5);
/// How many listen to one partner at most.
const LISTENERS: usize = 256;

/// How many listen to which partner.
#[derive(Default)]
pub struct Listeners(Mutex<HashMap<PartnerId, usize>>);

/// A listener's place among those of their partner.
struct Place {
    listeners: Arc<Listeners>,
    partner: PartnerId,
}

impl Place {
    fn take(listeners: &Arc<Listeners>, partner: PartnerId) -> Result<Self, Error> {
        let mut counts = listeners.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(partner).or_default();
        if *count >= LISTENERS {
            return Err(Error::TooManyListeners { retry_after: HEARTBEAT });
        }
        *count += 1;
        Ok(Self { listeners: Arc::clone(listeners), partner })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.listeners.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.partner) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.partner);
            }
        }
    }
}

/// What is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Every push of the partner.
    Partner,
    /// One push, until it ends.
    Push(PushId),
}

/// What a listener is told.
#[derive(Clone, Debug)]
pub enum Told {
    /// What happened.
    Events(Vec<Event>),
    /// Where the push stands, since what led there is not kept any more. With the number of the last event.
    Standing(Box<PushRecord>, i64),
    /// Events after the one that the listener saw last are not kept any more. With the number to go on from.
    Gap(i64),
    /// Nothing for a while.
    Quiet,
}

/// Somebody who listens.
pub struct Listener {
    service: Service,
    session: Session,
    scope: ViewPartner,
    subject: Subject,
    /// The number of the last event told.
    after: i64,
    /// What is to be told before any event.
    first: Option<Told>,
    has_ended: bool,
    bell: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
    heartbeat: Instant,
    _place: Place,
}

impl Service {
    /// Listens from after the event numbered `last`. Without it: a push from its beginning, a partner from now on.
    ///
    /// # Errors
    /// If there is no such push, or too many listen.
    pub async fn listen(
        &self,
        session: Session,
        scope: ViewPartner,
        subject: Subject,
        last: Option<i64>,
    ) -> Result<Listener, Error> {
        let place = Place::take(&self.listeners, scope.partner_id())?;
        // Before anything is read, so that nothing is missed in between.
        let bell = self.store.listen(&scope);
        let mut conn = self.store.read().await?;
        let kept = events::kept(&mut conn, &scope).await?;
        // One that is still to come was given by a server whose storage was put back since.
        let is_kept = last.is_some_and(|last| (kept.oldest - 1..=kept.last).contains(&last));
        let (after, first, has_ended) = match subject {
            Subject::Partner => match last {
                Some(last) if is_kept => (last, None, false),
                Some(_) => (kept.oldest - 1, Some(Told::Gap(kept.oldest - 1)), false),
                None => (kept.last, None, false),
            },
            Subject::Push(id) => {
                let record = pushes::get(&mut conn, &scope, id).await?;
                let record = record.ok_or_else(|| Error::not_found("push"))?;
                let after = last.filter(|_| is_kept).unwrap_or(0);
                let none_left = events::of_push_after(&mut conn, &scope, id, after, 1).await?.is_empty();
                let standing = none_left && after == 0;
                let has_ended = none_left && record.push.state.is_ended();
                (after, standing.then(|| Told::Standing(Box::new(record), kept.last)), has_ended)
            }
        };
        Ok(Listener {
            service: self.clone(),
            session,
            scope,
            subject,
            after,
            first,
            has_ended,
            bell,
            stopping: self.stopping.subscribe(),
            heartbeat: Instant::now() + HEARTBEAT,
            _place: place,
        })
    }
}

impl Listener {
    /// What to tell next; none at the end: the push has ended, the server stops, or they may not listen any more.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn next(&mut self) -> Result<Option<Told>, Error> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        while !self.has_ended && !*self.stopping.borrow() {
            // First, so that however much happens keeps nobody listening who may not any more.
            let is_due = self.heartbeat <= Instant::now();
            if is_due {
                self.heartbeat = Instant::now() + HEARTBEAT;
                if !self.may_listen().await? {
                    return Ok(None);
                }
            }
            self.bell.borrow_and_update();
            let news = self.read().await?;
            if let Some(gap) = self.gap_before(&news) {
                self.after = gap;
                return Ok(Some(Told::Gap(gap)));
            }
            if let Some(latest) = news.last() {
                self.after = latest.sequence;
                self.has_ended = self.subject != Subject::Partner && news.iter().any(|event| event.state.is_ended());
                return Ok(Some(Told::Events(news)));
            }
            if is_due {
                return Ok(Some(Told::Quiet));
            }
            let until = self.heartbeat.min(Instant::now() + LOOK);
            tokio::select! {
                // The sender lives as long as the store.
                _ = self.bell.changed() => {}
                _ = self.stopping.changed() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
        Ok(None)
    }

    /// The number of the last event that was forgotten before this listener read it. A partner's events have no gaps.
    fn gap_before(&self, news: &[Event]) -> Option<i64> {
        let first = news.first().filter(|_| self.subject == Subject::Partner)?.sequence;
        (first > self.after + 1).then_some(first - 1)
    }

    /// Whether the end of the push was told, rather than the listening cut off.
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    async fn read(&self) -> Result<Vec<Event>, Error> {
        let mut conn = self.service.store.read().await?;
        Ok(match self.subject {
            Subject::Partner => events::after(&mut conn, &self.scope, self.after, BATCH).await?,
            Subject::Push(id) => events::of_push_after(&mut conn, &self.scope, id, self.after, BATCH).await?,
        })
    }

    /// Tokens expire and are revoked, and rights are taken, while somebody listens.
    async fn may_listen(&self) -> Result<bool, Error> {
        let mut conn = self.service.store.read().await?;
        let now = self.service.clock.now();
        if !self.session.is_valid(&mut conn, now).await? {
            return Ok(false);
        }
        let partner = self.scope.partner_id();
        Ok(self.session.caller.view_partner(&mut conn, partner).await?.is_some())
    }
}
