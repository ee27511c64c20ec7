//! seccomp: system calls that a reader of media has no use for.
//!
//! A list of what is refused, not of what is allowed: the C library and the kernel grow new harmless calls, and a tool
//! that dies of one on the next distribution is switched off by its operators. Every call on the list answers EPERM.

use std::collections::BTreeMap;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use crate::{ConfineError, Grade};

/// Other programs, sockets, and the ways around this filter and Landlock.
const NEVER: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    // A ring makes sockets and writes without any of these calls.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Other processes could write and speak in our place.
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
    libc::SYS_process_vm_readv,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_bpf,
];

/// What changes a file without writing to it; Landlock knows none of these.
const CHANGES: &[i64] = &[
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    // fchmodat2, setxattrat, removexattrat: the same numbers everywhere, newer than the constants.
    452,
    463,
    466,
];

#[cfg(target_arch = "x86_64")]
const CHANGES_BY_PATH: &[i64] =
    &[libc::SYS_chmod, libc::SYS_chown, libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat];
#[cfg(not(target_arch = "x86_64"))]
const CHANGES_BY_PATH: &[i64] = &[];

/// The second set of numbers that x86-64 kernels may offer (x32): a bit, and some calls with numbers of their own.
#[cfg(target_arch = "x86_64")]
const SECOND: (i64, &[i64]) = (0x4000_0000, &[520, 521, 539, 540, 545]);
#[cfg(not(target_arch = "x86_64"))]
const SECOND: (i64, &[i64]) = (0, &[]);

/// Takes the calls away from this thread; with `read_only` also those that change what a file is besides its content.
pub(crate) fn restrict(read_only: bool) -> Result<Grade, ConfineError> {
    let Ok(arch) = TargetArch::try_from(std::env::consts::ARCH) else { return Ok(Grade::NotOffered) };
    let changes: &[&[i64]] = if read_only { &[CHANGES, CHANGES_BY_PATH] } else { &[] };
    let refused: Vec<i64> = [NEVER].iter().chain(changes).flat_map(|list| list.iter().copied()).collect();
    let again = refused.iter().chain(SECOND.1).map(|number| number | SECOND.0);
    let rules: BTreeMap<i64, Vec<_>> =
        refused.iter().copied().chain(again).map(|number| (number, Vec::new())).collect();
    let answer = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, arch).map_err(ConfineError::Rules)?;
    let program = BpfProgram::try_from(filter).map_err(ConfineError::Rules)?;
    // A kernel without seccomp, or a jail that forbids it: the grade says so.
    Ok(if seccompiler::apply_filter(&program).is_ok() { Grade::Enforced } else { Grade::NotOffered })
}
