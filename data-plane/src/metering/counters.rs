//! Counters that outlive the process.
//!
//! A counter file is a fixed table of 64-bit atomics, one per (environment, key, meter), mapped into memory and shared with the
//! page cache: a killed process loses nothing, a power cut at most what was not yet synced. A window is a file (or several, when
//! one is full); a new window is a new file, and a closed one is read, written to the outbox and removed. Files that an earlier
//! run left are closed as windows of that run.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, RwLock,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use memmap2::MmapMut;
use plane_kit::{
    ids::{BootId, EnvironmentId, NodeId},
    usage::{Meter, NaturalKey, UsageRecord, Window},
};
use rustix::fs::FallocateFlags;
use uuid::Uuid;

/// First bytes of every counter file, the layout's version among them.
const MAGIC: &[u8; 8] = b"SLCOUNT1";
/// Magic, node, boot, window index, opened at, slots.
const HEADER: usize = 64;
/// Environment (16), key (16), meter (4), state (4), value (8).
const SLOT: usize = 48;
const STATE_AT: usize = 36;
const VALUE_AT: usize = 40;
/// A slot whose key has been written completely.
const READY: u32 = 1;

/// What a counter counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CounterKey {
    /// Whose usage it is.
    pub environment: EnvironmentId,
    /// The access key that caused it: 15 digits.
    pub access_key: Option<String>,
    /// What is counted.
    pub meter: Meter,
}

/// One counter file.
struct Table {
    path: PathBuf,
    map: MmapMut,
    slots: usize,
    used: Mutex<usize>,
    index: RwLock<HashMap<CounterKey, usize>>,
}

impl Table {
    fn create(path: PathBuf, place: &Place, window: i64, opened_at: DateTime<Utc>, slots: usize) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        // The blocks are taken now: a hole in a mapped file on a full disk would end the process at the first delivery.
        let length = (HEADER + slots * SLOT) as u64;
        if let Err(error) = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, length) {
            std::fs::remove_file(&path)?;
            return Err(error.into());
        }
        // SAFETY: the file was just made by this process in its own locked folder; nobody else maps or shortens it.
        let mut map = unsafe { MmapMut::map_mut(&file)? };
        map[8..24].copy_from_slice(place.node.0.as_bytes());
        map[24..40].copy_from_slice(place.boot.0.as_bytes());
        map[40..48].copy_from_slice(&window.to_le_bytes());
        map[48..56].copy_from_slice(&opened_at.timestamp_micros().to_le_bytes());
        map[56..64].copy_from_slice(&(slots as u64).to_le_bytes());
        // The magic is written last: a file without it was not finished and holds nothing.
        map[..8].copy_from_slice(MAGIC);
        Ok(Self { path, map, slots, used: Mutex::new(0), index: RwLock::default() })
    }

    fn value(&self, slot: usize) -> &AtomicI64 {
        let at = HEADER + slot * SLOT + VALUE_AT;
        // SAFETY: `slot` is below `self.slots`, so the eight bytes lie inside the map; HEADER, SLOT and VALUE_AT are multiples of
        // eight and the map begins on a page, so they are aligned; from its creation on they are only touched as an atomic.
        unsafe { AtomicI64::from_ptr(self.map.as_ptr().add(at).cast_mut().cast()) }
    }

    fn state(&self, slot: usize) -> &AtomicU32 {
        let at = HEADER + slot * SLOT + STATE_AT;
        // SAFETY: as in `value`, with four bytes and an alignment of four.
        unsafe { AtomicU32::from_ptr(self.map.as_ptr().add(at).cast_mut().cast()) }
    }

    /// Adds to a counter. False when the table has no room for a new one.
    fn add(&self, key: &CounterKey, quantity: i64) -> bool {
        let known = self.index.read().ok().and_then(|index| index.get(key).copied());
        let Some(slot) = known.or_else(|| self.take_slot(key)) else {
            return false;
        };
        self.value(slot).fetch_add(quantity, Ordering::Relaxed);
        true
    }

    fn take_slot(&self, key: &CounterKey) -> Option<usize> {
        let mut used = self.used.lock().ok()?;
        let mut index = self.index.write().ok()?;
        if let Some(slot) = index.get(key) {
            return Some(*slot);
        }
        if *used == self.slots {
            return None;
        }
        let slot = *used;
        *used += 1;
        let at = HEADER + slot * SLOT;
        let mut text = [0_u8; 16];
        let access_key = key.access_key.as_deref().unwrap_or_default().as_bytes();
        let length = access_key.len().min(16);
        text[..length].copy_from_slice(&access_key[..length]);
        let mut head = [0_u8; STATE_AT];
        head[..16].copy_from_slice(key.environment.0.as_bytes());
        head[16..32].copy_from_slice(&text);
        head[32..36].copy_from_slice(&key.meter.code().to_le_bytes());
        // SAFETY: the slot lies inside the map and belongs to nobody yet: `used` is held, and readers look only at READY slots.
        unsafe {
            std::ptr::copy_nonoverlapping(head.as_ptr(), self.map.as_ptr().add(at).cast_mut(), head.len());
        }
        self.state(slot).store(READY, Ordering::Release);
        index.insert(key.clone(), slot);
        Some(slot)
    }

    fn is_empty(&self) -> bool {
        self.used.lock().is_ok_and(|used| *used == 0)
    }
}

/// Whose windows these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The node, the same through all its runs.
    pub node: NodeId,
    /// This run.
    pub boot: BootId,
}

/// The tables of one window.
struct Generation {
    index: i64,
    opened_at: DateTime<Utc>,
    tables: RwLock<Vec<Arc<Table>>>,
}

/// The counters of a running node.
pub struct Counters {
    folder: PathBuf,
    slots: usize,
    place: Place,
    current: ArcSwap<Generation>,
    rotating: Mutex<()>,
}

/// A closed window with its sums.
#[derive(Debug, Clone)]
pub struct ClosedWindow {
    /// The window.
    pub window: Window,
    /// Its sums, one record a counter.
    pub records: Vec<UsageRecord>,
    files: Vec<PathBuf>,
}

impl ClosedWindow {
    /// Removes the files, once their sums are safe in the outbox.
    pub fn remove_files(&self) -> io::Result<()> {
        for file in &self.files {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Counters {
    /// Opens the counters of a new run in `folder`, which this process alone uses, and returns what earlier runs left there.
    pub fn open(folder: &Path, slots: u32, now: DateTime<Utc>) -> io::Result<(Self, Vec<ClosedWindow>)> {
        std::fs::create_dir_all(folder)?;
        let left = collect_left(folder, now)?;
        let place = Place { node: node_id(folder, now)?, boot: BootId::generate(now) };
        let generation = Generation { index: 0, opened_at: now, tables: RwLock::default() };
        let counters = Self {
            folder: folder.to_owned(),
            slots: slots as usize,
            place,
            current: ArcSwap::from_pointee(generation),
            rotating: Mutex::new(()),
        };
        counters.add_table(&counters.current.load())?;
        Ok((counters, left))
    }

    /// This node and run.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Adds to a counter of the present window.
    pub fn add(&self, key: &CounterKey, quantity: i64) {
        let generation = self.current.load_full();
        loop {
            if let Ok(tables) = generation.tables.read()
                && tables.last().is_some_and(|table| table.add(key, quantity))
            {
                return;
            }
            if let Err(error) = self.add_table(&generation) {
                tracing::error!(%error, ?key, quantity, "usage could not be counted: no further counter file");
                return;
            }
        }
    }

    /// Adds a file to a window whose last file is full. A counter may then stand in both; their sums are added.
    fn add_table(&self, generation: &Generation) -> io::Result<()> {
        let Ok(mut tables) = generation.tables.write() else {
            return Err(io::Error::other("the counter tables are poisoned"));
        };
        if tables.last().is_some_and(|last| last.used.lock().is_ok_and(|used| *used < last.slots)) {
            return Ok(());
        }
        let name = format!("{}-{:012}-{:04}.counters", self.place.boot, generation.index, tables.len());
        let path = self.folder.join(name);
        let table = Table::create(path, &self.place, generation.index, generation.opened_at, self.slots)?;
        tables.push(Arc::new(table));
        Ok(())
    }

    /// Whether the present window has counted nothing yet.
    pub fn is_idle(&self) -> bool {
        let generation = self.current.load();
        generation.tables.read().is_ok_and(|tables| tables.iter().all(|table| table.is_empty()))
    }

    /// Closes the present window at `now` and opens the next. `is_last` ends the run.
    pub async fn rotate(&self, now: DateTime<Utc>, is_last: bool) -> io::Result<ClosedWindow> {
        let old = {
            let _one_at_a_time = self.rotating.lock().map_err(|_| io::Error::other("the counters are poisoned"))?;
            let index = self.current.load().index + 1;
            let next = Generation { index, opened_at: now, tables: RwLock::default() };
            self.add_table(&next)?;
            self.current.swap(Arc::new(next))
        };
        // Whoever took the old generation just before the swap is still adding; he holds it for an instant only.
        while Arc::strong_count(&old) > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        // The count is read without order; this makes what the others added before they let go visible here.
        std::sync::atomic::fence(Ordering::Acquire);
        let window = Window {
            node: self.place.node,
            boot: self.place.boot,
            index: old.index,
            opened_at: old.opened_at,
            closed_at: now,
            is_last,
        };
        let mut sums = HashMap::new();
        let mut files = Vec::new();
        if let Ok(tables) = old.tables.read() {
            for table in tables.iter() {
                read_slots(&table.map, &mut sums);
                files.push(table.path.clone());
            }
        }
        let records = records(&window, sums);
        Ok(ClosedWindow { window, records, files })
    }

    /// Writes the counters through to the disk, so that a power cut loses no more than since the last call.
    pub fn sync(&self) -> io::Result<()> {
        let generation = self.current.load_full();
        let tables = match generation.tables.read() {
            Ok(tables) => tables.clone(),
            Err(_) => return Ok(()),
        };
        for table in tables.iter().filter(|table| !table.is_empty()) {
            table.map.flush()?;
        }
        Ok(())
    }

    /// Removes the empty files of the window that [`rotate`](Self::rotate) opened after the last one.
    pub fn discard(&self) {
        if let Ok(tables) = self.current.load().tables.read() {
            for table in tables.iter().filter(|table| table.is_empty()) {
                std::fs::remove_file(&table.path).ok();
            }
        }
    }
}

/// The node's own id, made at its first start.
fn node_id(folder: &Path, now: DateTime<Utc>) -> io::Result<NodeId> {
    let path = folder.join("node");
    if let Ok(text) = std::fs::read_to_string(&path)
        && let Ok(id) = text.trim().parse()
    {
        return Ok(id);
    }
    let id = NodeId::generate(now);
    std::fs::write(path, id.to_string())?;
    Ok(id)
}

/// Reads every counter file in the folder, grouped by run and window. The last window of a run ends the run.
fn collect_left(folder: &Path, now: DateTime<Utc>) -> io::Result<Vec<ClosedWindow>> {
    type Found = (Place, i64, DateTime<Utc>, HashMap<CounterKey, i64>, Vec<PathBuf>);
    let mut found: Vec<Found> = Vec::new();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "counters"))
        .collect();
    paths.sort();
    for path in paths {
        let Some((place, index, opened_at, sums)) = read_file(&path)? else {
            // Not finished being made: it never counted anything.
            std::fs::remove_file(&path)?;
            continue;
        };
        match found.last_mut() {
            Some(last) if last.0 == place && last.1 == index => {
                for (key, quantity) in sums {
                    *last.3.entry(key).or_default() += quantity;
                }
                last.4.push(path);
            }
            _ => found.push((place, index, opened_at, sums, vec![path])),
        }
    }
    let mut closed = Vec::new();
    for (at, (place, index, opened_at, sums, files)) in found.iter().enumerate() {
        let next = found.get(at + 1).filter(|next| next.0 == *place);
        let window = Window {
            node: place.node,
            boot: place.boot,
            index: *index,
            opened_at: *opened_at,
            closed_at: next.map_or_else(|| last_change(files, *opened_at, now), |next| next.2),
            is_last: next.is_none(),
        };
        let records = records(&window, sums.clone());
        closed.push(ClosedWindow { window, records, files: files.clone() });
    }
    Ok(closed)
}

/// When files were last written to the disk, which happens every second that they count; that is when their window really ended.
fn last_change(files: &[PathBuf], opened_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    let times = files.iter().filter_map(|file| std::fs::metadata(file).and_then(|file| file.modified()).ok());
    let micros = |time: std::time::SystemTime| DateTime::<Utc>::from(time).timestamp_micros();
    let last = times.map(micros).max().and_then(DateTime::from_timestamp_micros);
    last.unwrap_or(now).clamp(opened_at, now.max(opened_at))
}

type Header = (Place, i64, DateTime<Utc>, HashMap<CounterKey, i64>);

fn read_file(path: &Path) -> io::Result<Option<Header>> {
    let bytes = {
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut File::open(path)?, &mut bytes)?;
        bytes
    };
    if bytes.len() < HEADER || &bytes[..8] != MAGIC {
        return Ok(None);
    }
    let uuid = |at: usize| Uuid::from_slice(&bytes[at..at + 16]).unwrap_or_default();
    let number = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
    let place = Place { node: NodeId(uuid(8)), boot: BootId(uuid(24)) };
    let opened_at = DateTime::from_timestamp_micros(number(48)).unwrap_or_default();
    let mut sums = HashMap::new();
    read_slots(&bytes, &mut sums);
    Ok(Some((place, number(40), opened_at, sums)))
}

fn read_slots(bytes: &[u8], sums: &mut HashMap<CounterKey, i64>) {
    for slot in bytes[HEADER..].chunks_exact(SLOT) {
        let word = |at: usize| u32::from_le_bytes(slot[at..at + 4].try_into().unwrap_or_default());
        if word(STATE_AT) != READY {
            continue;
        }
        let Some(meter) = Meter::from_code(word(32)) else {
            continue;
        };
        let text = slot[16..32].split(|b| *b == 0).next().unwrap_or_default();
        let access_key = (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned());
        let environment = EnvironmentId(Uuid::from_slice(&slot[..16]).unwrap_or_default());
        let value = i64::from_le_bytes(slot[VALUE_AT..].try_into().unwrap_or_default());
        *sums.entry(CounterKey { environment, access_key, meter }).or_default() += value;
    }
}

fn records(window: &Window, sums: HashMap<CounterKey, i64>) -> Vec<UsageRecord> {
    sums.into_iter()
        .filter(|(_, quantity)| *quantity != 0)
        .map(|(counter, quantity)| UsageRecord {
            key: NaturalKey::Window { node: window.node, boot: window.boot, index: window.index },
            environment: counter.environment,
            access_key: counter.access_key,
            meter: counter.meter,
            quantity,
            at: window.closed_at,
            reason: "window".into(),
            facts: serde_json::Value::Null,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u128, meter: Meter) -> CounterKey {
        CounterKey { environment: EnvironmentId(Uuid::from_u128(n)), access_key: None, meter }
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn total(windows: &[ClosedWindow], key: &CounterKey) -> i64 {
        let records = windows.iter().flat_map(|window| &window.records);
        records.filter(|r| r.environment == key.environment && r.meter == key.meter).map(|r| r.quantity).sum()
    }

    #[tokio::test]
    async fn windows_are_contiguous_and_hold_what_was_added() {
        let folder = tempfile::tempdir().unwrap();
        let (counters, left) = Counters::open(folder.path(), 16, at(0)).unwrap();
        assert!(left.is_empty() && counters.is_idle());
        let bytes = key(1, Meter::DeliveredBytes);
        counters.add(&bytes, 10);
        counters.add(&bytes, 5);
        assert!(!counters.is_idle());
        let first = counters.rotate(at(10), false).await.unwrap();
        counters.add(&bytes, 7);
        let second = counters.rotate(at(20), true).await.unwrap();
        assert_eq!((first.window.index, second.window.index), (0, 1));
        assert_eq!(first.window.closed_at, second.window.opened_at);
        assert_eq!(total(&[first], &bytes), 15);
        assert_eq!(total(&[second], &bytes), 7);
    }

    #[test]
    fn what_a_killed_run_counted_is_found_and_ends_its_run() {
        let folder = tempfile::tempdir().unwrap();
        let (counters, _) = Counters::open(folder.path(), 16, at(0)).unwrap();
        let mut counter = key(1, Meter::DeliveredBytes);
        counter.access_key = Some("123456789012345".into());
        counters.add(&counter, 42);
        let place = counters.place();
        // A killed process runs no destructors.
        std::mem::forget(counters);
        let (again, left) = Counters::open(folder.path(), 16, at(100)).unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].window.boot, left[0].window.is_last), (place.boot, true));
        assert_eq!(left[0].records[0].access_key.as_deref(), Some("123456789012345"));
        assert_eq!(total(&left, &counter), 42);
        assert_eq!(again.place().node, place.node);
        assert_ne!(again.place().boot, place.boot);
    }

    #[tokio::test]
    async fn a_full_file_is_followed_by_another_and_nothing_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let (counters, _) = Counters::open(folder.path(), 16, at(0)).unwrap();
        for n in 0..100 {
            counters.add(&key(n, Meter::DeliveryRequests), 1);
            counters.add(&key(0, Meter::DeliveredBytes), 2);
        }
        let closed = counters.rotate(at(10), false).await.unwrap();
        assert!(closed.files.len() > 1);
        for n in 0..100 {
            assert_eq!(total(std::slice::from_ref(&closed), &key(n, Meter::DeliveryRequests)), 1);
        }
        assert_eq!(total(std::slice::from_ref(&closed), &key(0, Meter::DeliveredBytes)), 200);
        closed.remove_files().unwrap();
        assert!(closed.files.iter().all(|file| !file.exists()));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn adding_while_windows_change_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (counters, _) = Counters::open(folder.path(), 64, at(0)).unwrap();
        let counters = Arc::new(counters);
        let adders: Vec<_> = (0..4)
            .map(|_| {
                let counters = Arc::clone(&counters);
                std::thread::spawn(move || {
                    for n in 0..20_000_u128 {
                        counters.add(&key(n % 50, Meter::DeliveredBytes), 1);
                    }
                })
            })
            .collect();
        let mut closed = Vec::new();
        for second in 1..40 {
            closed.push(counters.rotate(at(second), false).await.unwrap());
        }
        for adder in adders {
            adder.join().unwrap();
        }
        closed.push(counters.rotate(at(100), true).await.unwrap());
        let sum: i64 = closed.iter().flat_map(|window| &window.records).map(|record| record.quantity).sum();
        assert_eq!(sum, 80_000);
    }
}
