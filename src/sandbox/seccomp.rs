//! seccomp: which calls of the kernel may be made at all (<https://docs.kernel.org/userspace-api/seccomp_filter.html>).
//!
//! Two filters for all threads. The first lets through what a scan needs; to everything else the kernel answers that there is no
//! such call (`ENOSYS`), for which C libraries have an older way. The second names what an intruder would want, and says that it
//! is refused (`EPERM`). Where Landlock is missing, `openat2`, whose flags no filter can see, is the one way to a file for writing.

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

type Error = seccompiler::BackendError;
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Restricts all threads; tells whether the kernel took both filters.
pub(super) fn restrict(outputs: bool) -> bool {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return false };
    let apply = |rules: Result<Rules, Error>, mismatch, matched| {
        let program: seccompiler::BpfProgram =
            SeccompFilter::new(rules.ok()?, mismatch, matched, arch).ok()?.try_into().ok()?;
        seccompiler::apply_filter_all_threads(&program).ok()
    };
    let no_such_call = SeccompAction::Errno(errno(libc::ENOSYS));
    let refused = SeccompAction::Errno(errno(libc::EPERM));
    apply(needed(outputs), no_such_call, SeccompAction::Allow)
        // Of two filters that answer with an error, the later one is heard.
        .and_then(|()| apply(wanted_by_intruders(outputs), SeccompAction::Allow, refused))
        .is_some()
}

/// Whether no socket is made and no program started. A folder cannot be run: where the call gets through, that is what it says.
pub(super) fn holds() -> bool {
    let refused = |error: std::io::Error| error.raw_os_error() == Some(libc::EPERM);
    UnixDatagram::unbound().is_err_and(refused) && Command::new("/").spawn().is_err_and(refused)
}

/// prctl(2), `PR_SET_VMA`: an allocator names its memory.
const PR_SET_VMA: i32 = 0x5356_4d41;

fn errno(number: i32) -> u32 {
    number.unsigned_abs()
}

/// What a scan calls, whatever its arguments.
const NEEDED: &[libc::c_long] = &[
    // Memory.
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_membarrier,
    // Threads, their signals and clocks.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    // Who and where this is.
    libc::SYS_getcwd,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
    libc::SYS_uname,
    // Files: looked at, and read.
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fgetxattr,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_openat2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_statfs,
    libc::SYS_statx,
    // Outputs that are open already.
    libc::SYS_fdatasync,
    libc::SYS_fsync,
    libc::SYS_write,
    libc::SYS_writev,
    // The second filter, and further restrictions.
    libc::SYS_seccomp,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_restrict_self,
];

/// The older forms of these that only this architecture has.
#[cfg(target_arch = "x86_64")]
const NEEDED_BY_ARCH: &[libc::c_long] = &[
    libc::SYS_access,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_stat,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const NEEDED_BY_ARCH: &[libc::c_long] = &[];

/// Gives a finished report its name.
const NAMING: &[libc::c_long] = &[libc::SYS_linkat, libc::SYS_renameat2, libc::SYS_unlinkat];
#[cfg(target_arch = "x86_64")]
const NAMING_BY_ARCH: &[libc::c_long] =
    &[libc::SYS_link, libc::SYS_rename, libc::SYS_renameat, libc::SYS_unlink];
#[cfg(target_arch = "aarch64")]
const NAMING_BY_ARCH: &[libc::c_long] = &[libc::SYS_renameat];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const NAMING_BY_ARCH: &[libc::c_long] = &[];

/// What someone who had taken the process over would call next.
const REFUSED: &[libc::c_long] = &[
    // The network.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_io_uring_setup,
    // Other programs and processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_memfd_create,
    // The machine.
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_reboot,
    libc::SYS_setns,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setrlimit,
    // Files: changed.
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_ftruncate,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_removexattr,
    libc::SYS_setxattr,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_utimensat,
    // These filters.
    libc::SYS_seccomp,
];
#[cfg(target_arch = "x86_64")]
const REFUSED_BY_ARCH: &[libc::c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_creat,
    libc::SYS_fork,
    libc::SYS_lchown,
    libc::SYS_mkdir,
    libc::SYS_mknod,
    libc::SYS_rmdir,
    libc::SYS_symlink,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_BY_ARCH: &[libc::c_long] = &[];

/// Calls that open a file, and which argument holds the flags.
#[cfg(target_arch = "x86_64")]
const OPENING: [(libc::c_long, u8); 2] = [(libc::SYS_openat, 2), (libc::SYS_open, 1)];
#[cfg(not(target_arch = "x86_64"))]
const OPENING: [(libc::c_long, u8); 1] = [(libc::SYS_openat, 2)];

fn needed(outputs: bool) -> Result<Rules, Error> {
    let mut rules = Rules::new();
    let mut whole = |calls: &[libc::c_long]| rules.extend(calls.iter().map(|call| (*call, vec![])));
    whole(NEEDED);
    whole(NEEDED_BY_ARCH);
    if outputs {
        whole(NAMING);
        whole(NAMING_BY_ARCH);
    }
    // For writing, the second filter refuses it.
    whole(&OPENING.map(|(call, _)| call));
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![rule(2, clear(libc::PROT_EXEC))?]);
    }
    rules.insert(libc::SYS_clone, vec![rule(0, set(libc::CLONE_THREAD))?]);
    rules.insert(libc::SYS_prlimit64, vec![rule(2, Test { mask: u64::MAX, value: 0 })?]);
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    rules.insert(libc::SYS_tgkill, one_of(0, &[own])?);
    let handles = [
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        libc::F_GETFD,
        libc::F_GETFL,
        libc::F_SETFD,
        libc::F_SETFL,
    ];
    rules.insert(libc::SYS_fcntl, one_of(1, &handles)?);
    // Names for threads and for memory; what the second filter asks for is true already.
    let names = [libc::PR_GET_NAME, libc::PR_SET_NAME, PR_SET_VMA, libc::PR_SET_NO_NEW_PRIVS];
    rules.insert(libc::SYS_prctl, one_of(0, &names)?);
    // Whether an output is a terminal, and how wide.
    let terminal = [libc::TCGETS, libc::TCGETS2, libc::TIOCGWINSZ];
    rules.insert(libc::SYS_ioctl, one_of(1, &terminal)?);
    Ok(rules)
}

fn wanted_by_intruders(outputs: bool) -> Result<Rules, Error> {
    let mut rules = Rules::new();
    let mut whole = |calls: &[libc::c_long]| rules.extend(calls.iter().map(|call| (*call, vec![])));
    whole(REFUSED);
    whole(REFUSED_BY_ARCH);
    if !outputs {
        whole(NAMING);
        whole(NAMING_BY_ARCH);
    }
    rules.insert(libc::SYS_clone, vec![rule(0, clear(libc::CLONE_THREAD))?]);
    let without_name = libc::O_TMPFILE & !libc::O_DIRECTORY;
    for (call, flags) in OPENING {
        let writing = [
            is(libc::O_ACCMODE, libc::O_WRONLY),
            is(libc::O_ACCMODE, libc::O_RDWR),
            set(libc::O_CREAT),
            set(libc::O_TRUNC),
            set(without_name),
        ];
        let rules_of_call: Result<_, _> =
            writing.into_iter().map(|test| rule(flags, test)).collect();
        rules.insert(call, rules_of_call?);
    }
    Ok(rules)
}

/// What an argument must be, looked at through a mask.
#[derive(Clone, Copy)]
struct Test {
    mask: u64,
    value: u64,
}

/// Flags are numbers of 32 bits; the kernel ignores what a caller leaves above them.
fn is(mask: i32, value: i32) -> Test {
    Test { mask: u64::from(mask.cast_unsigned()), value: u64::from(value.cast_unsigned()) }
}

fn set(flag: i32) -> Test {
    is(flag, flag)
}

fn clear(flag: i32) -> Test {
    is(flag, 0)
}

fn rule(argument: u8, test: Test) -> Result<SeccompRule, Error> {
    let operator = SeccompCmpOp::MaskedEq(test.mask);
    SeccompRule::new(vec![SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Qword,
        operator,
        test.value,
    )?])
}

fn one_of<N: Copy + TryInto<u32>>(argument: u8, values: &[N]) -> Result<Vec<SeccompRule>, Error> {
    let numbers = values.iter().filter_map(|value| (*value).try_into().ok());
    numbers
        .map(|value: u32| rule(argument, Test { mask: u32::MAX.into(), value: value.into() }))
        .collect()
}
