//! A fleet of simulated devices, which poll, update, fail, lose their connection and come back, all in one process.

mod device;
mod radio;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Noise;
pub use device::{Credential, Device, Outcome};
use radio::Radio;

/// How many devices are awake at the same time.
const AWAKE: usize = 16;
/// What a device that had nothing to do spares the machine.
const REST: Duration = Duration::from_millis(10);
/// How often a device is woken at most once nothing new comes.
const MOST_VISITS: usize = 400;

/// A fleet at work.
pub struct Fleet {
    shared: Arc<Shared>,
    workers: JoinSet<Vec<Duration>>,
    visits: watch::Receiver<u64>,
}

struct Shared {
    asleep: Mutex<VecDeque<Device>>,
    /// Devices that have nothing left to do, once nothing new comes.
    at_rest: Mutex<Vec<Device>>,
    nothing_new_comes: AtomicBool,
    visits: watch::Sender<u64>,
}

impl Fleet {
    /// Lets devices live, at a server at `host:port`.
    pub fn start(host: &str, devices: Vec<Device>, noise: &mut Noise) -> Self {
        let (sender, visits) = watch::channel(0);
        let shared = Arc::new(Shared {
            asleep: Mutex::new(devices.into()),
            at_rest: Mutex::default(),
            nothing_new_comes: AtomicBool::new(false),
            visits: sender,
        });
        let mut workers = JoinSet::new();
        for _ in 0..AWAKE {
            workers.spawn(wake(Arc::clone(&shared), Radio::new(host, Noise::new(noise.number()))));
        }
        Self { shared, workers, visits }
    }

    /// Waits until something has happened, and fails at once if a device does.
    pub async fn until<T>(&mut self, happened: impl Future<Output = T>) -> T {
        tokio::select! {
            outcome = happened => outcome,
            failed = self.workers.join_next() => panic!("a device is gone: {failed:?}"),
        }
    }

    /// Waits until devices have been awake so many times, all together.
    pub async fn visited(&mut self, times: u64) {
        let mut visits = self.visits();
        self.until(visits.wait_for(|visits| *visits >= times)).await.unwrap();
    }

    /// So that others can wait for it too.
    pub fn visits(&self) -> watch::Receiver<u64> {
        self.visits.clone()
    }

    /// Waits until every device has done everything. Returns them, and how long every poll took, ascending.
    pub async fn comes_to_rest(mut self) -> (Vec<Device>, Vec<Duration>) {
        self.shared.nothing_new_comes.store(true, Ordering::Release);
        let mut polls = Vec::new();
        while let Some(worker) = self.workers.join_next().await {
            polls.extend(worker.unwrap());
        }
        polls.sort_unstable();
        let devices = std::mem::take(&mut *self.shared.at_rest.lock().unwrap());
        (devices, polls)
    }
}

/// Wakes one device after the other, until none is left.
async fn wake(shared: Arc<Shared>, mut radio: Radio) -> Vec<Duration> {
    loop {
        let next = shared.asleep.lock().unwrap().pop_front();
        let Some(mut device) = next else {
            if shared.nothing_new_comes.load(Ordering::Acquire) {
                return radio.into_polls();
            }
            // All are awake: one comes back to sleep when it is done, and nothing tells of that.
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let was_last = shared.nothing_new_comes.load(Ordering::Acquire);
        let went_well = device.wake(&mut radio).await;
        shared.visits.send_modify(|visits| *visits += 1);
        if went_well.is_err() {
            radio.lose();
            // The server may be gone for a while.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if went_well.is_ok() && !was_last && device.is_at_rest() {
            tokio::time::sleep(REST).await;
        }
        if was_last && went_well.is_ok() && device.is_at_rest() {
            shared.at_rest.lock().unwrap().push(device);
        } else {
            assert!(!was_last || device.count_last_visit() < MOST_VISITS, "never rests: {device:?}");
            shared.asleep.lock().unwrap().push_back(device);
        }
    }
}
