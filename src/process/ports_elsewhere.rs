use super::{Owner, Ownership, distance};
use listeners::{Listener, Protocol, SocketState};
use std::net::IpAddr;

/// What the system does not name may be ours.
pub(super) const UNNAMED: Ownership = Ownership::Unknown;

pub(super) fn owner(address: IpAddr, port: u16, _likely: &[u32]) -> Owner {
    let Ok(all) = listeners::get_all() else { return Owner::Unknown };
    let is_meant = |listener: &&Listener| {
        listener.protocol == Protocol::TCP && listener.state == SocketState::Listen && listener.socket.port() == port
    };
    let near = all
        .iter()
        .filter(is_meant)
        .filter_map(|listener| Some((distance(listener.socket.ip(), address)?, listener.process.pid)));
    let near: Vec<(u8, u32)> = near.collect();
    match near.iter().map(|(distance, _)| *distance).min() {
        // Sockets of other users are left out of the list: a port that cannot be taken is somebody's.
        None if super::may_listen(address, port) => Owner::Nobody,
        None => Owner::Unknown,
        Some(nearest) => {
            Owner::Pids(near.iter().filter(|(distance, _)| *distance == nearest).map(|(_, pid)| *pid).collect())
        }
    }
}
