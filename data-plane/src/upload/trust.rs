//! Large files that are staged before their credentials have come: a few at once, few of them from one address, and not for ever.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How long the rest of a call may take once its file has a place.
const LONGEST: Duration = Duration::from_secs(300);

/// The places.
#[derive(Debug, Clone)]
pub struct TrustedFiles {
    places: usize,
    taken: Arc<Mutex<HashMap<Option<IpAddr>, usize>>>,
}

/// A place, which is given back when the credentials were seen or the call is over.
#[derive(Debug)]
pub struct TrustedFile {
    of: TrustedFiles,
    address: Option<IpAddr>,
    /// When the call has to be whole.
    pub until: Instant,
}

impl TrustedFiles {
    /// So many places; one address has at most half of them.
    pub fn new(places: usize) -> Self {
        Self { places, taken: Arc::default() }
    }

    /// Takes a place for a file from an address, if there is one.
    pub fn take(&self, address: Option<IpAddr>) -> Option<TrustedFile> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = taken.values().sum();
        let own = taken.get(&address).copied().unwrap_or(0);
        if all >= self.places || own >= self.places.div_ceil(2) {
            return None;
        }
        taken.insert(address, own + 1);
        Some(TrustedFile { of: self.clone(), address, until: Instant::now() + LONGEST })
    }
}

impl Drop for TrustedFile {
    fn drop(&mut self) {
        let mut taken = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_has_half_of_the_places_and_gives_them_back() {
        let places = TrustedFiles::new(4);
        let address = |last: u8| Some(IpAddr::from([10, 0, 0, last]));
        let (one, two) = (places.take(address(1)).unwrap(), places.take(address(1)).unwrap());
        assert!(places.take(address(1)).is_none());
        let others = (places.take(address(2)).unwrap(), places.take(address(3)).unwrap());
        assert!(places.take(address(4)).is_none(), "all are taken");
        drop((one, others));
        assert!(places.take(address(1)).is_some());
        drop(two);
        assert!(places.taken.lock().unwrap().is_empty());
        assert!(TrustedFiles::new(0).take(None).is_none());
    }
}
