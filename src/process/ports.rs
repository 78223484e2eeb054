//! Ports: which are free, and whose they are.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

#[cfg(not(target_os = "linux"))]
#[path = "ports_elsewhere.rs"]
mod platform;
#[cfg(target_os = "linux")]
#[path = "ports_linux.rs"]
mod platform;

/// How many ports of the system are tried.
const TRIES: usize = 200;
/// Where servers listen.
const ADDRESSES: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    IpAddr::V6(Ipv6Addr::UNSPECIFIED),
];

/// Who would get a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Nobody listens.
    Nobody,
    /// These do: several, where they share the socket or the port.
    Pids(Vec<u32>),
    /// Somebody whom the system does not name to this user.
    Unknown,
}

/// Whether who would get a connection is one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// It is.
    Ours,
    /// Nobody listens.
    Nobody,
    /// It is not; its id, where the system says it.
    Stranger(Option<u32>),
    /// The system does not say.
    Unknown,
}

/// A free port that is not one of these, from the range that the system takes them from. Somebody may take it before it is used.
///
/// # Errors
/// The system has none, or refuses.
pub fn free(exclude: &HashSet<u16>) -> io::Result<u16> {
    // Held until one is found, so that the system does not name the same again.
    let mut held = Vec::new();
    for _ in 0..TRIES {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if !exclude.contains(&port) && may_listen(IpAddr::V6(Ipv6Addr::LOCALHOST), port) {
            return Ok(port);
        }
        held.push(listener);
    }
    Err(io::Error::new(ErrorKind::AddrInUse, format!("of {TRIES} ports that the system named none was free")))
}

/// Whether nobody listens on the port: not on the loopback addresses, and not on all addresses.
pub fn is_free(port: u16) -> bool {
    ADDRESSES.into_iter().all(|address| may_listen(address, port))
}

/// An address that this system does not have is no obstacle.
fn may_listen(address: IpAddr, port: u16) -> bool {
    match TcpListener::bind(SocketAddr::new(address, port)) {
        Ok(_) => true,
        Err(error) => {
            matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported | ErrorKind::Other)
                || is_no_family(&error)
        }
    }
}

#[cfg(unix)]
fn is_no_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EAFNOSUPPORT)
}

#[cfg(windows)]
fn is_no_family(error: &io::Error) -> bool {
    error.raw_os_error() == Some(windows_sys::Win32::Networking::WinSock::WSAEAFNOSUPPORT)
}

/// Who would get a connection to this address. The listener of that address gets it before one of all addresses of its family, and that before one
/// of all IPv6 addresses, which may have those of IPv4 too.
///
/// `likely`: they are looked at first, and if it is theirs nobody else is.
pub fn owner(address: IpAddr, port: u16, likely: &[u32]) -> Owner {
    platform::owner(address, port, likely)
}

pub(super) fn ownership(address: IpAddr, port: u16, family: &[u32]) -> Ownership {
    match owner(address, port, family) {
        Owner::Nobody => Ownership::Nobody,
        Owner::Unknown => platform::UNNAMED,
        Owner::Pids(pids) if pids.iter().any(|pid| family.contains(pid)) => Ownership::Ours,
        Owner::Pids(pids) => Ownership::Stranger(pids.first().copied()),
    }
}

/// How near a listener is to an address; 0 is nearest. `None`: it does not get its connections.
fn distance(listener: IpAddr, address: IpAddr) -> Option<u8> {
    let (listener, address) = (listener.to_canonical(), address.to_canonical());
    match (listener, address) {
        _ if listener == address => Some(0),
        (IpAddr::V4(listener), IpAddr::V4(_)) if listener.is_unspecified() => Some(1),
        (IpAddr::V6(listener), IpAddr::V6(_)) if listener.is_unspecified() => Some(1),
        (IpAddr::V6(listener), IpAddr::V4(_)) if listener.is_unspecified() => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_anywhere_is_not_free() {
        for address in ADDRESSES {
            // Not every system has IPv6.
            let Ok(listener) = TcpListener::bind((address, 0)) else { continue };
            let port = listener.local_addr().unwrap().port();
            assert!(!is_free(port), "{address}");
        }
    }

    #[test]
    fn a_free_port_is_none_of_those_excluded() {
        let mut exclude = HashSet::new();
        for _ in 0..50 {
            let port = free(&exclude).unwrap();
            assert!(exclude.insert(port));
        }
    }

    #[test]
    fn the_nearest_listener_owns_the_port() {
        // Another test's child has our descriptors too, until it runs its program.
        let is_own = |owner: Owner| matches!(owner, Owner::Pids(pids) if pids.contains(&std::process::id()));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_own(owner("127.0.0.1".parse().unwrap(), port, &[])));
        assert!(is_own(owner("::ffff:127.0.0.1".parse().unwrap(), port, &[])));
        assert_eq!(owner("127.0.0.2".parse().unwrap(), port, &[]), Owner::Nobody);
        assert_eq!(owner("::1".parse().unwrap(), port, &[]), Owner::Nobody);
        drop(listener);
        let wildcard = TcpListener::bind(("0.0.0.0", 0)).unwrap();
        let port = wildcard.local_addr().unwrap().port();
        assert!(is_own(owner("127.0.0.1".parse().unwrap(), port, &[])));
        assert!(is_own(owner("127.0.0.1".parse().unwrap(), port, &[std::process::id()])));
        drop(wildcard);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while owner("127.0.0.1".parse().unwrap(), port, &[]) != Owner::Nobody {
            assert!(std::time::Instant::now() < deadline, "somebody listens still");
            std::thread::yield_now();
        }
    }

    #[test]
    fn distances() {
        let near = |listener: &str, address: &str| distance(listener.parse().unwrap(), address.parse().unwrap());
        assert_eq!(near("::", "::1"), Some(1));
        assert_eq!(near("::", "127.0.0.1"), Some(2));
        assert_eq!(near("0.0.0.0", "::1"), None);
        assert_eq!(near("::1", "127.0.0.1"), None);
        assert_eq!(near("::ffff:127.0.0.1", "127.0.0.1"), Some(0));
    }
}
