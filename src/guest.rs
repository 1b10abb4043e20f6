//! Being a good guest on the machine: whoever works on it should not notice a scan.

use std::fs::File;

/// Lets this thread, and those it will start, run only when nothing else wants the processor or the disk.
///
/// Linux derives the priority of a thread's input and output from its scheduling policy (`ioprio_set(2)`: idle for `SCHED_IDLE`,
/// least for a nice value of 19). A system that refuses leaves it as it is.
pub fn give_way() {
    #[cfg(unix)]
    let _ = rustix::process::nice(19);
    #[cfg(target_os = "linux")]
    {
        use thread_priority::unix::{
            NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy,
            thread_native_id,
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        let priority = thread_priority::ThreadPriority::Min;
        let _ = set_thread_priority_and_policy(thread_native_id(), priority, idle);
    }
}

/// Tells the system that the content of a file will not be wanted again soon.
pub(crate) fn forget(file: &File) {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    let _ = file;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn threads_started_later_give_way_too() {
        let policy = std::thread::spawn(|| {
            give_way();
            std::thread::spawn(thread_priority::unix::thread_schedule_policy).join().unwrap()
        });
        let idle = thread_priority::unix::NormalThreadSchedulePolicy::Idle;
        assert_eq!(
            policy.join().unwrap().unwrap(),
            thread_priority::unix::ThreadSchedulePolicy::Normal(idle)
        );
    }
}
