//! How far something is: a bar on a terminal, and a line now and then where the output is kept.

use std::io::IsTerminal as _;

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Talk, Terminal};

/// At which parts of the whole a line is written where there is no terminal, in percent.
const STEP: u64 = 25;

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
        let has_bar = self.talk == Talk::Normal && std::io::stderr().is_terminal();
        let target = if has_bar { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(size), target).with_message(what.to_owned());
        // A template that cannot be read leaves the plain bar, which says the same.
        if let Ok(style) = ProgressStyle::with_template(
            "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}",
        ) {
            bar.set_style(style);
        }
        Progress { terminal: *self, what: what.to_owned(), size, done: 0, said: 0, bar }
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
