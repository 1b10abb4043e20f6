//! The real tools write their caches into a scratch home, and a scan must read them.
//!
//! Each test has one tool log in, or be configured, with random credentials that are nobody's, in a home of its own, without a
//! network but loopback. The built program then scans that home. It must report each credential once, at its place, with
//! exactly that secret's fingerprint and with what the tool wrote of account, host, times and storage; and nothing else.
//!
//! A tool that is not installed is skipped with a line on stderr. `NHI_SCAN_CONFORMANCE=all`, or the names of tools with commas
//! between them, makes that a failure. `.ci/tools` installs those of the second stage, and `NHI_SCAN_TOOLS` names the folder it
//! filled from `PyPI` and npm. The file that `NHI_SCAN_CONFORMANCE_REPORT` names gets a line for each tool, with its version, and for
//! each one skipped, with the reason. Elsewhere than on Linux the tools choose other places, and keychains.

#![cfg(target_os = "linux")]

mod ai;
mod azure;
mod builds;
mod clouds;
mod containers;
mod data;
mod fake;
mod forges;
mod git;
mod home;
mod hosting;
mod loopback;
mod oracle;
mod packages;
mod python;
mod secrets;
mod sessions;
mod shells;
mod ssh;
mod storage;
mod stores;
mod terraform;
mod tool;
