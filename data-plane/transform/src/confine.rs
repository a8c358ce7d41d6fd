//! What a render worker may not do. Decoders meet hostile bytes, so a worker gives up, before it reads any, everything that
//! decoding does not need.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{fd::RawFd, unix::process::CommandExt},
    process::Command,
};

use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal, set_dumpable_behavior, setrlimit};

/// Open files a worker may have: the socket, two files of a job, and what font and colour libraries open.
const OPEN_FILES: u64 = 64;

/// Binds the process to its parent's life, forbids new privileges, core files and being traced, and closes every descriptor
/// but the standard ones and the socket.
///
/// # Errors
/// When the kernel refuses a limit.
pub fn isolate(socket: RawFd) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nofile, OPEN_FILES)?;
    let first = libc::c_uint::try_from(socket.max(2)).unwrap_or(2) + 1;
    // SAFETY: closes numbers that nothing in this process has taken ownership of yet. Where the kernel lacks the call,
    // nothing is closed; the parent opens its files close-on-exec.
    unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    // Two arenas bound what fragmentation can hold; one picture at a time needs no more.
    // SAFETY: sets a number in the allocator before any other thread runs.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 2) };
    Ok(())
}

/// Limits memory and the size of files.
///
/// # Errors
/// When the kernel refuses a limit.
pub fn limit_memory(address_space_bytes: u64, file_bytes: u64) -> io::Result<()> {
    limit(Resource::As, address_space_bytes)?;
    limit(Resource::Fsize, file_bytes)
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

/// Calls that no decoder makes and that an intruder would make next: the network, other programs, other processes, the
/// kernel's own controls. Reading files stays possible, because fonts and colour profiles are files.
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_io_uring_setup,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_mkdirat,
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Has the kernel answer "not permitted" to the calls in [`FORBIDDEN`], for all threads from now on. A kernel without filters
/// changes nothing, and neither does a processor whose call numbers are not known here.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub fn filter_calls() {
    filter_calls_but(&[]);
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn filter_calls_but(allowed: &[libc::c_long]) {
    // Offsets into the kernel's description of a call: its number, then the architecture whose numbers it counts by.
    const NUMBER: u32 = 0;
    const ARCH: u32 = 4;
    /// Numbers from here on belong to the x32 variant, which would walk around the list.
    const X32_BIT: u32 = 0x4000_0000;
    let word = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let at_least = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    let verdict = (libc::BPF_RET | libc::BPF_K) as u16;
    let deny = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;
    let step = |code, value, if_true, if_false| libc::sock_filter { code, jt: if_true, jf: if_false, k: value };
    let mut program = vec![
        step(word, ARCH, 0, 0),
        step(equal, ARCHITECTURE, 1, 0),
        step(verdict, libc::SECCOMP_RET_KILL_PROCESS, 0, 0),
        step(word, NUMBER, 0, 0),
        step(at_least, X32_BIT, 0, 1),
        step(verdict, deny, 0, 0),
    ];
    for call in FORBIDDEN.iter().filter(|call| !allowed.contains(call)) {
        program.push(step(equal, *call as u32, 0, 1));
        program.push(step(verdict, deny, 0, 0));
    }
    program.push(step(verdict, libc::SECCOMP_RET_ALLOW, 0, 0));
    let description = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the program lives until the call returns, which copies it; it is a list of known instructions with jumps of at
    // most one forward.
    unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const description,
        )
    };
}

/// Without known call numbers there is nothing to filter by.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn filter_calls() {}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn filter_calls_but(_: &[libc::c_long]) {}

/// Limits of a program of others.
const CPU_SECONDS: u64 = 10;
const ADDRESS_SPACE_BYTES: u64 = 2 << 30;
const FILE_BYTES: u64 = 1 << 20;

/// Becomes a program of others that meets hostile bytes, confined as a render worker is but for the one call that starts it. What it
/// reads and writes are the standard descriptors; all others are closed. Comes back only where it cannot be started.
pub fn become_confined(program: &OsStr, arguments: &[OsString]) -> io::Error {
    let confined = || {
        isolate(2)?;
        limit(Resource::Cpu, CPU_SECONDS)?;
        limit_memory(ADDRESS_SPACE_BYTES, FILE_BYTES)
    };
    if let Err(error) = confined() {
        return error;
    }
    filter_calls_but(&[libc::SYS_execve]);
    Command::new(program).args(arguments).exec()
}
