use super::{Owner, Ownership, distance};
use crate::process::linux;
use std::collections::HashSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A listener that no process of ours holds is a stranger's, even if the system does not name that: what we started we may look at.
pub(super) const UNNAMED: Ownership = Ownership::Stranger(None);

/// In `/proc/net/tcp`.
const LISTEN: &str = "0A";

pub(super) fn owner(address: IpAddr, port: u16, likely: &[u32]) -> Owner {
    let mut listeners = listeners(port);
    listeners.retain(|(at, _)| distance(*at, address).is_some());
    let Some(nearest) = listeners.iter().filter_map(|(at, _)| distance(*at, address)).min() else {
        return Owner::Nobody;
    };
    listeners.retain(|(at, _)| distance(*at, address) == Some(nearest));
    let sockets: HashSet<String> = listeners.into_iter().map(|(_, inode)| format!("socket:[{inode}]")).collect();
    let holds = |pid: &u32| linux::descriptors(*pid).any(|target| sockets.contains(&target));
    let mut pids: Vec<u32> = likely.iter().copied().filter(holds).collect();
    if pids.is_empty() {
        pids = linux::all().map(|(pid, _)| pid).filter(holds).collect();
    }
    if pids.is_empty() { Owner::Unknown } else { Owner::Pids(pids) }
}

/// Addresses and inodes of the sockets that listen on the port.
fn listeners(port: u16) -> Vec<(IpAddr, u64)> {
    let mut found = Vec::new();
    for file in ["/proc/self/net/tcp", "/proc/self/net/tcp6"] {
        let text = fs::read_to_string(file).unwrap_or_default();
        found.extend(text.lines().skip(1).filter_map(|line| listener(line, port)));
    }
    found
}

fn listener(line: &str, port: u16) -> Option<(IpAddr, u64)> {
    let mut fields = line.split_ascii_whitespace();
    let (address, at) = fields.nth(1)?.split_once(':')?;
    if u16::from_str_radix(at, 16) != Ok(port) || fields.nth(1)? != LISTEN {
        return None;
    }
    Some((parse(address)?, fields.nth(5)?.parse().ok()?))
}

/// Words of 32 bits, each in the machine's order of bytes.
fn parse(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    if hex.len() == 8 {
        return Some(IpAddr::V4(Ipv4Addr::from(word(0)?)));
    }
    let words = [word(0)?, word(1)?, word(2)?, word(3)?];
    Some(IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(words.concat()).ok()?)))
}
