//! The main loop of a render worker: a process that does one job after another for the server at the other end of a socket.

use std::{
    fs::File,
    io::{self, IoSliceMut, Write},
    mem::MaybeUninit,
    os::{
        fd::{FromRawFd, OwnedFd, RawFd},
        unix::{fs::FileExt, net::UnixStream},
    },
    process::ExitCode,
    ptr, slice,
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::{
    confine, describe, execute,
    protocol::{self, Answer, Job, Outcome, PREFIX, Ready, Refused, RefusedKind, Setup, Work},
    vips,
};

/// A worker that holds more than this after a job gives free memory back to the kernel.
const TRIM_ABOVE_BYTES: u64 = 96 << 20;

/// Prints the version of the library.
pub fn tell_library() -> ExitCode {
    let (major, minor) = vips::version();
    match writeln!(io::stdout(), "{major}.{minor}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Serves jobs until the socket ends. To be called first thing in a process of its own, with the number under which the
/// process inherited its end of the socket pair; takes that descriptor over.
///
/// The process limits itself before it reads a job, so a program that calls this can do nothing else afterwards.
pub fn run(socket_fd: RawFd) -> ExitCode {
    match serve(socket_fd) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("render worker: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(socket_fd: RawFd) -> io::Result<()> {
    confine::isolate(socket_fd)?;
    // SAFETY: the caller hands the descriptor over; a number that is no open socket makes the first read fail.
    let mut socket = unsafe { UnixStream::from_raw_fd(socket_fd) };
    let setup: Setup = protocol::receive(&mut socket)?;
    confine::limit_memory(setup.address_space_bytes, setup.result_bytes)?;
    vips::start().map_err(io::Error::other)?;
    confine::filter_calls();
    protocol::send(&mut socket, &Ready { pid: std::process::id() })?;
    while let Some((job, source, result)) = receive_job(&mut socket)? {
        let before = cpu_micros();
        let outcome =
            work(&job, &source, result, setup.result_bytes).unwrap_or_else(|refused| Outcome::Refused { refused });
        let cpu_micros = cpu_micros().saturating_sub(before);
        let mut answer = Answer { id: job.id, outcome, cpu_micros, max_rss_bytes: max_rss_bytes() };
        if protocol::frame(&answer).is_err() {
            let refused = Refused::new(RefusedKind::Failed, "what was found is more than can be told");
            answer.outcome = Outcome::Refused { refused };
        }
        protocol::send(&mut socket, &answer)?;
        if resident_bytes() > TRIM_ABOVE_BYTES {
            // SAFETY: asks the allocator to return free pages; no memory in use is touched.
            unsafe { libc::malloc_trim(0) };
        }
    }
    Ok(())
}

/// The next job with its two files, or `None` when the server has closed the socket.
fn receive_job(socket: &mut UnixStream) -> io::Result<Option<(Job, OwnedFd, OwnedFd)>> {
    let mut prefix = [0; PREFIX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let parts = &mut [IoSliceMut::new(&mut prefix)];
        match recvmsg(&*socket, parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?.bytes,
        }
    };
    if received == 0 {
        return Ok(None);
    }
    let mut files = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(files) => Some(files),
        _ => None,
    });
    let mut files = files.next().into_iter().flatten();
    let (Some(source), Some(result)) = (files.next(), files.next()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a job came without its two files"));
    };
    if received < PREFIX {
        io::Read::read_exact(socket, &mut prefix[received..])?;
    }
    Ok(Some((protocol::receive_body(socket, prefix)?, source, result)))
}

fn work(job: &Job, source: &OwnedFd, result: OwnedFd, result_bytes: u64) -> Result<Outcome, Refused> {
    let source = Mapping::new(source, job.source_len).map_err(failed)?;
    match &job.work {
        Work::Probe { max_pixels } => Ok(Outcome::Probed { meta: execute::probe(source.bytes(), *max_pixels)? }),
        Work::Describe { max_pixels } => {
            let analysis = Box::new(describe::describe(source.bytes(), *max_pixels)?);
            Ok(Outcome::Described { analysis })
        }
        Work::Measure { measure, max_pixels } => {
            Ok(Outcome::Measured { within: execute::measure(source.bytes(), measure, *max_pixels)? })
        }
        Work::Render { plan, max_pixels } => {
            let rendered = execute::render(source.bytes(), plan, *max_pixels)?;
            let bytes = rendered.bytes.len() as u64;
            if bytes > result_bytes {
                let text = format!("a result of {bytes} bytes is more than the allowed {result_bytes}");
                return Err(Refused::new(RefusedKind::Failed, text));
            }
            File::from(result).write_all_at(&rendered.bytes, 0).map_err(failed)?;
            Ok(Outcome::Rendered { width: rendered.width, height: rendered.height, frames: rendered.frames, bytes })
        }
    }
}

fn failed(error: io::Error) -> Refused {
    Refused::new(RefusedKind::Failed, error.to_string())
}

/// The source as memory. The mapping is private, because a sealed file that was opened for writing cannot be mapped shared.
struct Mapping {
    start: *mut libc::c_void,
    length: usize,
}

impl Mapping {
    fn new(file: &OwnedFd, length: u64) -> io::Result<Self> {
        let has = rustix::fs::fstat(file)?.st_size;
        if u64::try_from(has).ok() != Some(length) {
            let text = format!("the source has {has} bytes, the job says {length}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let length = usize::try_from(length).map_err(io::Error::other)?;
        if length == 0 {
            return Ok(Self { start: ptr::null_mut(), length });
        }
        // SAFETY: a new mapping at an address of the kernel's choice, of bytes that the file has.
        let start = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                length,
                rustix::mm::ProtFlags::READ,
                rustix::mm::MapFlags::PRIVATE,
                file,
                0,
            )?
        };
        Ok(Self { start, length })
    }

    fn bytes(&self) -> &[u8] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the mapping has this length and lives as long as `self`. Memory files are sealed by the server; staged files have no name
        // and only the server holds them, which does not write to what it hands out; objects of the store are never written to once they have
        // their names. Whoever cuts one off by other means ends this worker.
        unsafe { slice::from_raw_parts(self.start.cast(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: unmaps what `new` mapped; borrows of it have ended.
            let _ = unsafe { rustix::mm::munmap(self.start, self.length) };
        }
    }
}

fn usage() -> libc::rusage {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the structure is plain numbers, valid as zeroes, and the kernel fills it.
    unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    }
}

/// Processor time of all threads so far, in microseconds.
fn cpu_micros() -> u64 {
    let usage = usage();
    [usage.ru_utime, usage.ru_stime].iter().map(|time| time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64).sum()
}

/// The largest resident set so far.
fn max_rss_bytes() -> u64 {
    u64::try_from(usage().ru_maxrss).unwrap_or(0) * 1024
}

/// The resident set now; zero where the kernel does not tell.
fn resident_bytes() -> u64 {
    let pages =
        std::fs::read_to_string("/proc/self/statm").ok().and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    // SAFETY: asks for a constant.
    let page_size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    pages.unwrap_or(0) * u64::try_from(page_size).unwrap_or(0)
}
