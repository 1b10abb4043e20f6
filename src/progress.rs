//! Progress on stderr while a scan runs, when someone is there to see it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::Control;

/// Runs `work` with a line on stderr that counts folders and places; gone when the work is done.
pub fn shown<T: Send>(control: &Control, work: impl FnOnce() -> T + Send) -> T {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let done = &done;
        let watched = bar.clone();
        let watcher = scope.spawn(move || {
            while !done.load(Ordering::Relaxed) {
                let folders = control.folders.load(Ordering::Relaxed);
                let places = control.places.load(Ordering::Relaxed);
                watched.set_message(format!("{folders} folders, {places} places read"));
                watched.tick();
                std::thread::park_timeout(Duration::from_millis(100));
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        watcher.thread().unpark();
        bar.finish_and_clear();
        result
    })
}
