//! Child processes that do not outlive the tests, even when these are killed.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command},
    sync::{OnceLock, mpsc},
};

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts a child that the kernel ends with `signal` when this process is gone, and in a process group of its own.
///
/// The kernel watches the thread that started the child, and a test's thread ends with the test; so one thread that lasts as long
/// as the process starts them all.
pub fn spawn(mut command: Command, signal: i32) -> io::Result<Child> {
    static SPAWNER: OnceLock<mpsc::Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in orders {
                let _ = answer.send(command.spawn());
            }
        });
        sender
    });
    command.process_group(0);
    let parent = std::process::id();
    // SAFETY: what runs between fork and exec only makes system calls and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have gone before it was watched.
            if libc::getppid() as u32 != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
    let (answer, child) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts children is gone");
    spawner.send((command, answer)).map_err(|_| gone())?;
    child.recv().map_err(|_| gone())?
}
