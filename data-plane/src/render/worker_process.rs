//! One render worker as its server sees it: a child process and the socket to it.

use std::{
    ffi::{OsStr, OsString},
    io::{self, IoSlice, Read, Write},
    mem::MaybeUninit,
    os::{fd::BorrowedFd, unix::net::UnixStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use transform::protocol::{self, Answer, Job, Ready, Setup};

/// Where the loader looks for libraries first.
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";
/// How long is waited at least before a worker's processor time is looked at again.
const LEAST_WAIT: Duration = Duration::from_millis(20);
/// How long a new worker may take until it is ready.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How a render worker is started. The program is given one end of a socket pair as its standard input and must call
/// `transform::worker::run(0)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program, usually the server's own.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Where it finds its libraries before it looks where the system keeps them.
    pub library_folder: Option<PathBuf>,
}

impl WorkerCommand {
    /// Tells a program that is about to be started where its libraries are.
    pub(super) fn give_library(&self, starter: &mut Command) {
        let own = self.library_folder.clone().map(PathBuf::into_os_string);
        let paths: Vec<OsString> =
            own.into_iter().chain(std::env::var_os(LIBRARY_PATH).filter(|path| !path.is_empty())).collect();
        if !paths.is_empty() {
            starter.env(LIBRARY_PATH, paths.join(OsStr::new(":")));
        }
    }
}

/// Why a job got no answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The time was up.
    TimedOut,
    /// It took more processor time than its pixels explain.
    Costly,
    /// The worker ended or broke the protocol.
    Crashed(io::Error),
}

/// A child process that waits for jobs. Dropping it kills and reaps it.
#[derive(Debug)]
pub(super) struct WorkerProcess {
    child: Child,
    socket: UnixStream,
    jobs: u32,
    max_rss_bytes: u64,
}

impl WorkerProcess {
    /// Starts a worker, which must then be greeted.
    ///
    /// To be called from the thread that keeps the worker: the kernel kills a worker when the thread that started it ends.
    pub fn start(command: &WorkerCommand) -> io::Result<Self> {
        let (socket, theirs) = UnixStream::pair()?;
        // The socket is the standard input, so that nothing has to happen between fork and exec; everything else of ours is
        // opened close-on-exec.
        let mut starter = Command::new(&command.program);
        starter
            .args(&command.args)
            .env_clear()
            .env("LANG", "C.UTF-8")
            .env("MALLOC_ARENA_MAX", "2")
            .env("VIPS_CONCURRENCY", "1")
            .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        // Installations outside the system's folders find their libraries and fonts through these.
        command.give_library(&mut starter);
        for name in ["FONTCONFIG_FILE", "FONTCONFIG_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                starter.env(name, value);
            }
        }
        let child = starter.spawn()?;
        // `Command` keeps the child's end open until it is dropped, and with it the end of the socket would never be seen.
        drop(starter);
        Ok(Self { child, socket, jobs: 0, max_rss_bytes: 0 })
    }

    /// Tells the worker its limits and waits until it is ready for jobs.
    pub fn greet(&self, setup: Setup) -> io::Result<()> {
        let mut stream = Timed { socket: &self.socket, deadline: Instant::now() + START_LIMIT, budget: None };
        protocol::send(&mut stream, &setup)?;
        let Ready { pid } = protocol::receive(&mut stream)?;
        if pid == self.pid() {
            Ok(())
        } else {
            // A wrapper in between would survive the worker's end and could not be killed with it.
            Err(io::Error::other(format!("worker {pid} answers for process {}", self.pid())))
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Jobs answered so far.
    pub fn jobs(&self) -> u32 {
        self.jobs
    }

    /// The largest resident set the worker has reported.
    pub fn max_rss_bytes(&self) -> u64 {
        self.max_rss_bytes
    }

    /// Whether the process has not ended by itself.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// A handle on the socket; shutting it down makes a waiting [`WorkerProcess::perform`] return.
    pub fn handle(&self) -> io::Result<UnixStream> {
        self.socket.try_clone()
    }

    /// Has a job done. After a fault the worker is in no known state and must be dropped.
    pub fn perform(
        &mut self,
        job: &Job,
        source: BorrowedFd<'_>,
        result: BorrowedFd<'_>,
        limit: Duration,
        processor_limit: Duration,
    ) -> Result<Answer, Fault> {
        let deadline = Instant::now() + limit;
        // Where the kernel does not tell, only the clock limits.
        let most = processor_time(self.pid()).map(|before| before + processor_limit);
        let budget = most.map(|most| Budget { pid: self.pid(), most });
        let answer = self.exchange(job, [source, result], deadline, budget).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => Fault::TimedOut,
            io::ErrorKind::QuotaExceeded => Fault::Costly,
            _ => Fault::Crashed(error),
        })?;
        if answer.id != job.id {
            return Err(Fault::Crashed(io::Error::new(io::ErrorKind::InvalidData, "the answer is to another job")));
        }
        self.jobs += 1;
        self.max_rss_bytes = self.max_rss_bytes.max(answer.max_rss_bytes);
        Ok(answer)
    }

    fn exchange(
        &self,
        job: &Job,
        files: [BorrowedFd<'_>; 2],
        deadline: Instant,
        budget: Option<Budget>,
    ) -> io::Result<Answer> {
        let frame = protocol::frame(job)?;
        let mut stream = Timed { socket: &self.socket, deadline, budget };
        stream.socket.set_write_timeout(Some(stream.left()?))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&files)) {
            return Err(io::Error::other("no room for two descriptors"));
        }
        let sent = loop {
            match sendmsg(&self.socket, &[IoSlice::new(&frame)], &mut control, SendFlags::NOSIGNAL) {
                Err(rustix::io::Errno::INTR) => {}
                other => break other?,
            }
        };
        stream.write_all(&frame[sent..])?;
        protocol::receive(&mut stream)
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // Killing fails only if the process has ended already; waiting reaps it in either case.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stream with a time by which everything must be over, so that a trickle of bytes gains no time.
struct Timed<'a> {
    socket: &'a UnixStream,
    deadline: Instant,
    budget: Option<Budget>,
}

/// The processor time at which a process has had enough.
#[derive(Debug, Clone, Copy)]
struct Budget {
    pid: u32,
    most: Duration,
}

impl Budget {
    /// How long the process has at least until it can have spent what is left. It may use several cores, so this is asked again and again.
    fn left(self) -> io::Result<Duration> {
        let spent = processor_time(self.pid).unwrap_or_default();
        match self.most.checked_sub(spent) {
            Some(left) if !left.is_zero() => Ok((left / 4).max(LEAST_WAIT)),
            _ => Err(io::ErrorKind::QuotaExceeded.into()),
        }
    }
}

/// User and system time of a process and its threads; nothing where the kernel does not tell.
fn processor_time(pid: u32) -> Option<Duration> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program may itself hold spaces and brackets. User and system time are fields 14 and 15, of which two stand before.
    let (_, fields) = line.rsplit_once(") ")?;
    let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second().max(1)))
}

impl Timed<'_> {
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// What the kernel calls a timeout of a blocking socket.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.left()?;
            // What has been answered is not thrown away for what it took.
            let (wait, is_spent) = match self.budget.map(Budget::left) {
                None => (left, false),
                Some(Ok(wait)) => (wait.min(left), false),
                Some(Err(_)) => (Duration::from_millis(1), true),
            };
            self.socket.set_read_timeout(Some(wait))?;
            match self.socket.read(buffer).map_err(timed_out) {
                Err(error) if error.kind() == io::ErrorKind::TimedOut && is_spent => {
                    return Err(io::ErrorKind::QuotaExceeded.into());
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {}
                outcome => return outcome,
            }
        }
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(Some(self.left()?))?;
        self.socket.write(buffer).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}
