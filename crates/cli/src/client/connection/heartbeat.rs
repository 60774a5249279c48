//! Transfers that may take as long as they go on.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long a transfer, or an answer, may stand still.
pub(super) const STANDSTILL: Duration = Duration::from_secs(90);

/// Why there is no answer.
pub enum Unanswered {
    /// The connection could not be made, or was cut.
    Lost(reqwest::Error),
    /// The server took nothing more, and said nothing.
    Standstill,
}

impl From<reqwest::Error> for Unanswered {
    fn from(error: reqwest::Error) -> Self {
        Self::Lost(error)
    }
}

/// Says that a transfer goes on.
#[derive(Clone, Debug)]
pub struct Heartbeat(watch::Sender<()>);

/// Where it is heard.
pub struct Heart(watch::Receiver<()>);

impl Heartbeat {
    /// One that is to be sent, and where it is heard.
    pub fn new() -> (Self, Heart) {
        let (beats, heard) = watch::channel(());
        (Self(beats), Heart(heard))
    }

    /// Something was taken.
    pub fn beat(&self) {
        self.0.send_replace(());
    }
}

impl Heart {
    /// Ends when it has not beaten for as long as this.
    async fn stops(mut self, standstill: Duration) {
        loop {
            match timeout(standstill, self.0.changed()).await {
                Ok(Ok(())) => {}
                // All of it was taken: the answer has as long again.
                Ok(Err(_)) => return sleep(standstill).await,
                Err(_) => return,
            }
        }
    }
}

/// Sends what may take its time, until its heart has not beaten for too long.
pub async fn as_long_as_it_beats(request: RequestBuilder, heart: Heart) -> Result<Response, Unanswered> {
    tokio::select! {
        answer = request.send() => Ok(answer?),
        () = heart.stops(STANDSTILL) => Err(Unanswered::Standstill),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const SHORT: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_heart_stops_that_has_not_beaten_for_too_long() {
        let (heartbeat, heart) = Heartbeat::new();
        let begun = Instant::now();
        heartbeat.beat();
        heart.stops(SHORT).await;
        assert!(begun.elapsed() >= SHORT);
        // It was there all the time.
        drop(heartbeat);
    }

    #[tokio::test]
    async fn when_all_was_taken_the_answer_has_as_long_again() {
        let (heartbeat, heart) = Heartbeat::new();
        let begun = Instant::now();
        drop(heartbeat);
        heart.stops(SHORT).await;
        assert!(begun.elapsed() >= SHORT);
    }
}
