//! Names to addresses, for connections of ours: a name is resolved once for a connection, every address that it has is looked at,
//! and the connection goes to these addresses and no others. A name that leads anywhere it must not is refused whole: who mixes
//! public and private addresses is up to something (DNS rebinding).
//!
//! Limits: [`LOOKUPS_MAX`] at a time, which hold their place until the system's resolver has returned, be it long after the
//! request was given up; [`ADDRESSES_MAX`] addresses of a name are tried.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::Semaphore;

use super::address::{Reach, reach};
use super::fault::Fault;

const LOOKUPS_MAX: usize = 16;
const ADDRESSES_MAX: usize = 16;

/// Who knows the addresses of names.
pub(super) trait Lookup: Send + Sync {
    fn lookup(&self, name: &str) -> Looking;
}

pub(super) type Looking = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The system's resolver: getaddrinfo, on threads that may block.
pub(super) struct System {
    lookups: Arc<Semaphore>,
}

impl System {
    pub(super) fn new() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Lookup for System {
    fn lookup(&self, name: &str) -> Looking {
        let (lookups, name) = (Arc::clone(&self.lookups), name.to_owned());
        Box::pin(async move {
            let place = lookups.acquire_owned().await.map_err(io::Error::other)?;
            let work = move || {
                let found =
                    (name.as_str(), 0).to_socket_addrs().map(|found| found.map(|found| found.ip()).collect());
                drop(place);
                found
            };
            tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
        })
    }
}

/// See the file's head.
#[derive(Clone)]
pub(super) struct Guard {
    pub(super) lookup: Arc<dyn Lookup>,
    pub(super) allow_private: bool,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (looking, allow_private) = (self.lookup.lookup(name.as_str()), self.allow_private);
        Box::pin(async move {
            let found = looking.await.map_err(|_| Fault::NameUnknown)?;
            let allowed = allowed(&found, allow_private)?;
            // Port 0 stands for the URL's.
            Ok(Box::new(allowed.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs)
        })
    }
}

fn allowed(found: &[IpAddr], allow_private: bool) -> Result<Vec<IpAddr>, Fault> {
    let is_allowed = |address: &IpAddr| match reach(*address) {
        Reach::Public => true,
        Reach::Private => allow_private,
        Reach::Never => false,
    };
    if found.is_empty() {
        return Err(Fault::NameUnknown);
    }
    if !found.iter().all(is_allowed) {
        return Err(Fault::NotPublic);
    }
    Ok(found.iter().copied().take(ADDRESSES_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(addresses: &[&str], allow_private: bool) -> Result<usize, Fault> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        allowed(&addresses, allow_private).map(|allowed| allowed.len())
    }

    /// One bad address among good ones is what rebinding looks like.
    #[test]
    fn a_name_is_judged_by_all_its_addresses() {
        assert_eq!(of(&["8.8.8.8", "2606:4700::1"], false), Ok(2));
        assert_eq!(of(&["8.8.8.8", "127.0.0.1"], false), Err(Fault::NotPublic));
        assert_eq!(of(&["8.8.8.8", "127.0.0.1"], true), Ok(2));
        assert_eq!(of(&["10.0.0.1", "169.254.169.254"], true), Err(Fault::NotPublic));
        assert_eq!(of(&["::ffff:10.0.0.1"], true), Err(Fault::NotPublic));
        assert_eq!(of(&[], true), Err(Fault::NameUnknown));
        assert_eq!(of(&["8.8.8.8"; 100], false), Ok(ADDRESSES_MAX));
    }
}
