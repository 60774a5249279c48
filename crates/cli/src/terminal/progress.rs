//! How far something is: a bar on a terminal, and a line now and then where the output is kept.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plain::plain;
use super::{Talk, Terminal};

/// At which parts of the whole a line is written where there is no terminal, in percent.
const STEP: u64 = 25;
/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(120);

/// How far a transfer is.
pub struct Progress {
    terminal: Terminal,
    what: String,
    size: u64,
    done: u64,
    /// Up to where lines were written, in percent.
    said: u64,
    bar: ProgressBar,
}

impl Terminal {
    /// The progress of moving `size` bytes; `what` begins each line, such as `uploading`.
    pub fn transfer(&self, what: &str, size: u64) -> Progress {
        let bar = ProgressBar::with_draw_target(Some(size), self.for_progress()).with_message(plain(what));
        // A template that cannot be read leaves the plain bar, which says the same.
        if let Ok(style) = ProgressStyle::with_template(
            "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        ) {
            bar.set_style(style);
        }
        Progress { terminal: *self, what: what.to_owned(), size, done: 0, said: 0, bar }
    }

    /// Lines that turn while things are waited for; none where there is no terminal.
    pub fn spinners(&self) -> Spinners {
        Spinners(MultiProgress::with_draw_target(self.for_progress()))
    }

    fn for_progress(&self) -> ProgressDrawTarget {
        let is_seen = self.talk == Talk::Normal && std::io::stderr().is_terminal();
        if is_seen { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
    }
}

impl Progress {
    /// So many bytes more were moved.
    pub fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        self.bar.inc(bytes);
        let percent = (self.done * 100).checked_div(self.size).unwrap_or(100);
        if self.bar.is_hidden() && percent >= self.said + STEP {
            self.said = percent / STEP * STEP;
            self.terminal.say(&format!("{} {}%: {}", self.what, self.said, HumanBytes(self.done)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Lines that turn.
pub struct Spinners(MultiProgress);

/// One of them.
pub struct Spinner(ProgressBar);

impl Spinners {
    /// One more, for something that is waited for.
    pub fn add(&self, what: &str) -> Spinner {
        let spinner = self.0.add(ProgressBar::new_spinner().with_message(plain(what)));
        if !spinner.is_hidden() {
            spinner.enable_steady_tick(TURN);
        }
        Spinner(spinner)
    }

    /// Writes something else, above them.
    pub fn beside(&self, write: impl FnOnce()) {
        self.0.suspend(write);
    }
}

impl Spinner {
    /// What it says from now on.
    pub fn says(&self, what: &str) {
        self.0.set_message(plain(what));
    }

    /// Whether nobody sees it.
    pub fn is_hidden(&self) -> bool {
        self.0.is_hidden()
    }

    /// Takes it away.
    pub fn end(&self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Spinners {
    fn drop(&mut self) {
        // There is nothing to be done about a terminal that is gone.
        drop(self.0.clear());
    }
}
