//! A fair queue: whoever waits is served in proportion to what has been done for its tenant, not in order of arrival.
//!
//! This is start-time fair queueing. Every tenant has a lane of its own. The head of a lane carries a virtual start time: the
//! later of "now" and the end of what the tenant had before; its end is its start plus its cost. The head with the earliest
//! start goes next, and its start becomes the virtual "now". A tenant that sends a thousand jobs thus waits behind its own,
//! and one that sends a single job goes nearly first.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// Which tenant a job is for; the bytes of its environment id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantTag(pub [u8; 16]);

impl From<u128> for TenantTag {
    fn from(number: u128) -> Self {
        Self(number.to_be_bytes())
    }
}

/// The queue or the tenant's share of it is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// Something taken from the queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken<T> {
    pub tenant: TenantTag,
    pub cost: u64,
    pub item: T,
}

/// Idle lanes beyond this number are forgotten, whatever they still owe.
const MOST_IDLE_LANES: usize = 4096;

#[derive(Debug)]
pub(super) struct FairQueue<T> {
    lanes: HashMap<TenantTag, Lane<T>>,
    /// The heads of the lanes that have one: virtual start, entry, tenant. Entries break ties in order of arrival.
    heads: BTreeSet<(u64, u64, TenantTag)>,
    now: u64,
    next_entry: u64,
    waiting: usize,
    in_service: usize,
    capacity: usize,
    capacity_per_tenant: usize,
}

#[derive(Debug)]
struct Lane<T> {
    waiting: VecDeque<Entry<T>>,
    /// Virtual end of what was taken last: the earliest start of what is next.
    end: u64,
    /// Virtual start of the head, as it stands in `heads`. Without a head it means nothing.
    start: u64,
}

#[derive(Debug)]
struct Entry<T> {
    number: u64,
    cost: u64,
    item: T,
}

impl<T> FairQueue<T> {
    /// An empty queue for so many entries, and so many of one tenant.
    pub fn new(capacity: usize, capacity_per_tenant: usize) -> Self {
        Self {
            lanes: HashMap::new(),
            heads: BTreeSet::new(),
            now: 0,
            next_entry: 0,
            waiting: 0,
            in_service: 0,
            capacity,
            capacity_per_tenant,
        }
    }

    /// Number of entries that wait.
    pub fn len(&self) -> usize {
        self.waiting
    }

    /// Adds an entry at the end of its tenant's lane and answers its number.
    pub fn push(&mut self, tenant: TenantTag, cost: u64, item: T) -> Result<u64, Full> {
        if self.waiting >= self.capacity {
            return Err(Full);
        }
        if self.waiting == 0 && self.in_service == 0 {
            // Nobody was kept waiting by anybody, so nobody owes anything.
            self.lanes.clear();
            self.now = 0;
        }
        let lane =
            self.lanes.entry(tenant).or_insert_with(|| Lane { waiting: VecDeque::new(), end: self.now, start: 0 });
        if lane.waiting.len() >= self.capacity_per_tenant {
            return Err(Full);
        }
        let number = self.next_entry;
        self.next_entry += 1;
        if lane.waiting.is_empty() {
            lane.start = lane.end.max(self.now);
            self.heads.insert((lane.start, number, tenant));
        }
        lane.waiting.push_back(Entry { number, cost: cost.max(1), item });
        self.waiting += 1;
        Ok(number)
    }

    /// Takes the entry whose turn it is. Every entry taken must be settled.
    pub fn pop(&mut self) -> Option<Taken<T>> {
        let (start, _, tenant) = self.heads.pop_first()?;
        let lane = self.lanes.get_mut(&tenant)?;
        let entry = lane.waiting.pop_front()?;
        self.now = start;
        lane.end = start.saturating_add(entry.cost);
        if let Some(head) = lane.waiting.front() {
            lane.start = lane.end;
            self.heads.insert((lane.start, head.number, tenant));
        }
        self.waiting -= 1;
        self.in_service += 1;
        if self.lanes.len() - self.heads.len() > MOST_IDLE_LANES {
            self.lanes.retain(|_, lane| !lane.waiting.is_empty());
        }
        Some(Taken { tenant, cost: entry.cost, item: entry.item })
    }

    /// Takes an entry out whose owner has left; `None` when it is not in the queue any more.
    pub fn remove(&mut self, tenant: TenantTag, number: u64) -> Option<T> {
        let lane = self.lanes.get_mut(&tenant)?;
        let position = lane.waiting.iter().position(|entry| entry.number == number)?;
        let entry = lane.waiting.remove(position)?;
        if position == 0 {
            self.heads.remove(&(lane.start, number, tenant));
            if let Some(head) = lane.waiting.front() {
                self.heads.insert((lane.start, head.number, tenant));
            }
        }
        self.waiting -= 1;
        Some(entry.item)
    }

    /// Corrects a tenant's account once it is known what an entry really cost.
    pub fn settle(&mut self, tenant: TenantTag, charged: u64, measured: u64) {
        self.in_service = self.in_service.saturating_sub(1);
        let Some(lane) = self.lanes.get_mut(&tenant) else { return };
        let corrected = |time: u64| time.saturating_sub(charged).saturating_add(measured).max(self.now);
        if let Some(head) = lane.waiting.front() {
            self.heads.remove(&(lane.start, head.number, tenant));
            lane.start = corrected(lane.start);
            self.heads.insert((lane.start, head.number, tenant));
        }
        lane.end = corrected(lane.end);
    }

    /// Takes everything out, in no particular order.
    pub fn drain(&mut self) -> Vec<T> {
        self.heads.clear();
        self.waiting = 0;
        self.lanes.drain().flat_map(|(_, lane)| lane.waiting).map(|entry| entry.item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TenantTag = TenantTag([1; 16]);
    const B: TenantTag = TenantTag([2; 16]);
    const C: TenantTag = TenantTag([3; 16]);

    fn take(queue: &mut FairQueue<u32>) -> Option<u32> {
        let taken = queue.pop()?;
        queue.settle(taken.tenant, taken.cost, taken.cost);
        Some(taken.item)
    }

    fn everything(queue: &mut FairQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| take(queue)).collect()
    }

    #[test]
    fn one_tenant_is_served_in_order() {
        let mut queue = FairQueue::new(10, 10);
        for item in 0..5 {
            queue.push(A, 100 - u64::from(item), item).unwrap();
        }
        assert_eq!(everything(&mut queue), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_newcomer_does_not_wait_behind_a_crowd() {
        let mut queue = FairQueue::new(1000, 1000);
        for item in 0..100 {
            queue.push(A, 10, item).unwrap();
        }
        for _ in 0..20 {
            take(&mut queue);
        }
        queue.push(B, 10, 900).unwrap();
        queue.push(B, 10, 901).unwrap();
        let order = everything(&mut queue);
        assert!(order.iter().position(|item| *item == 900).unwrap() <= 1, "{order:?}");
        assert!(order.iter().position(|item| *item == 901).unwrap() <= 3, "{order:?}");
    }

    #[test]
    fn shares_are_of_cost_not_of_number() {
        let mut queue = FairQueue::new(1000, 1000);
        for item in 0..100 {
            queue.push(A, 30, item).unwrap();
            queue.push(B, 10, 1000 + item).unwrap();
        }
        let first: Vec<u32> = (0..40).filter_map(|_| take(&mut queue)).collect();
        let of_a = first.iter().filter(|item| **item < 1000).count();
        assert!((9..=11).contains(&of_a), "{of_a} of 40 were the threefold ones");
    }

    #[test]
    fn what_turned_out_dear_is_charged_afterwards() {
        let mut queue = FairQueue::new(100, 100);
        for item in 0..10 {
            queue.push(A, 10, item).unwrap();
            queue.push(B, 10, 100 + item).unwrap();
        }
        let first = queue.pop().unwrap();
        assert_eq!(first.item, 0);
        queue.settle(A, 10, 50);
        let next: Vec<u32> = (0..5).filter_map(|_| take(&mut queue)).collect();
        assert_eq!(next, [100, 101, 102, 103, 104]);
    }

    #[test]
    fn idleness_earns_no_credit() {
        let mut queue = FairQueue::new(1000, 1000);
        queue.push(B, 10, 500).unwrap();
        for item in 0..50 {
            queue.push(A, 10, item).unwrap();
        }
        for _ in 0..30 {
            take(&mut queue);
        }
        for item in 0..10 {
            queue.push(B, 10, 600 + item).unwrap();
        }
        let next: Vec<u32> = (0..6).filter_map(|_| take(&mut queue)).collect();
        assert_eq!(next.iter().filter(|item| **item >= 600).count(), 3, "{next:?}");
    }

    #[test]
    fn both_bounds_hold() {
        let mut queue = FairQueue::new(3, 2);
        queue.push(A, 1, 0).unwrap();
        queue.push(A, 1, 1).unwrap();
        assert_eq!(queue.push(A, 1, 2), Err(Full));
        queue.push(B, 1, 3).unwrap();
        assert_eq!(queue.push(C, 1, 4), Err(Full));
        take(&mut queue);
        queue.push(C, 1, 5).unwrap();
    }

    #[test]
    fn who_leaves_gives_the_place_up() {
        let mut queue = FairQueue::new(10, 10);
        let numbers: Vec<u64> = (0..4).map(|item| queue.push(A, 10, item).unwrap()).collect();
        queue.push(B, 10, 100).unwrap();
        assert_eq!(queue.remove(A, numbers[0]), Some(0));
        assert_eq!(queue.remove(A, numbers[2]), Some(2));
        assert_eq!(queue.remove(A, numbers[0]), None);
        assert_eq!(queue.remove(C, numbers[1]), None);
        assert_eq!(queue.len(), 3);
        let mut order = everything(&mut queue);
        order.sort_unstable();
        assert_eq!(order, [1, 3, 100]);
        assert_eq!((queue.len(), queue.heads.len()), (0, 0));
    }

    #[test]
    fn a_great_number_of_tenants_is_forgotten() {
        let mut queue = FairQueue::new(10, 10);
        queue.push(A, 1, 0).unwrap();
        queue.pop();
        for tenant in 0..3 * MOST_IDLE_LANES as u128 {
            queue.push(TenantTag::from(tenant), 1000, 1).unwrap();
            take(&mut queue);
        }
        assert!(queue.lanes.len() <= MOST_IDLE_LANES + 1);
    }
}
