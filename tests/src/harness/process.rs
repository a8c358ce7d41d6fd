//! Processor time and memory of a process and everything below it, as the kernel accounts for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// How often memory is looked at.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);

/// User and system time of a process and all below it, those included that have ended and were waited for.
pub fn cpu_seconds(root: u32) -> f64 {
    let ticks: f64 = tree(root)
        .iter()
        .filter_map(|pid| {
            let fields = stat(*pid)?;
            // utime, stime, cutime and cstime: fields 14 to 17 of the whole line, of which two stand before what is split here.
            Some(fields[11..15].iter().filter_map(|field| field.parse::<f64>().ok()).sum::<f64>())
        })
        .sum();
    // SAFETY: asks for a number; no memory is involved.
    ticks / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64
}

/// User and system time of the children of this process that have ended.
pub fn children_cpu_seconds() -> f64 {
    let fields = stat(std::process::id()).expect("a process knows itself");
    let ticks: f64 = fields[13..15].iter().filter_map(|field| field.parse::<f64>().ok()).sum();
    // SAFETY: asks for a number; no memory is involved.
    ticks / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64
}

/// The fields of `/proc/PID/stat` behind the program's name, which may itself hold spaces.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// A process and all below it.
fn tree(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let parent = stat(pid).and_then(|fields| fields[1].parse::<u32>().ok());
        children.entry(parent.unwrap_or_default()).or_default().push(pid);
    }
    let mut found = vec![root];
    let mut at = 0;
    while at < found.len() {
        found.extend(children.get(&found[at]).into_iter().flatten());
        at += 1;
    }
    found
}

/// Keeps all threads of a process and all below it on the first core.
pub fn pin_to_first_core(root: u32) {
    for pid in tree(root) {
        let done = std::process::Command::new("taskset").args(["-a", "-c", "-p", "0", &pid.to_string()]).output();
        assert!(done.is_ok_and(|output| output.status.success()), "taskset (Debian: util-linux)");
    }
}

/// The most memory that was seen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Peak {
    /// Proportional set sizes together, with memory files that nobody maps.
    pub megabytes: f64,
    /// What of it is in memory files that nobody maps.
    pub unmapped_megabytes: f64,
    /// How many processes there were.
    pub processes: usize,
}

/// Looks at the memory of a process tree from a thread of its own.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Peak>,
}

impl Sampler {
    /// Starts to look.
    pub fn start(root: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut peak = Peak::default();
            while !stopped.load(Ordering::SeqCst) {
                let now = memory(root);
                if now.megabytes > peak.megabytes {
                    peak = now;
                }
                std::thread::park_timeout(SAMPLE_INTERVAL);
            }
            peak
        });
        Self { stop, thread }
    }

    /// Stops looking.
    pub fn finish(self) -> Peak {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.thread().unpark();
        self.thread.join().expect("the sampler does not panic")
    }
}

fn memory(root: u32) -> Peak {
    let processes = tree(root);
    let (mut bytes, mut mapped, mut files) = (0, BTreeSet::new(), BTreeMap::new());
    for pid in &processes {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        bytes += kilobytes.unwrap_or_default() * 1024;
        let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
        mapped.extend(
            maps.lines()
                .filter(|line| line.contains("/memfd:"))
                .filter_map(|line| line.split_whitespace().nth(4)?.parse::<u64>().ok()),
        );
        for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let path: PathBuf = entry.path();
            let is_memory =
                std::fs::read_link(&path).is_ok_and(|target| target.to_string_lossy().starts_with("/memfd:"));
            if let (true, Ok(metadata)) = (is_memory, std::fs::metadata(&path)) {
                files.insert(metadata.ino(), metadata.blocks() * 512);
            }
        }
    }
    let unmapped: u64 = files.iter().filter(|(inode, _)| !mapped.contains(*inode)).map(|(_, size)| size).sum();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    Peak { megabytes: megabytes(bytes + unmapped), unmapped_megabytes: megabytes(unmapped), processes: processes.len() }
}
