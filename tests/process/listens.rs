use super::support::*;
use ephemeral_broker::process::ports::{self, Owner, Ownership};
use std::collections::HashSet;
use std::net::{IpAddr, TcpListener};

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// A server of any language: this one is python's, for its command is short.
fn server(address: &str, port: u16) -> String {
    format!(
        "python3 -c \"import socket,time; s=socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('{address}', {port})); s.listen(); print('up', flush=True); time.sleep(1000)\""
    )
}

#[test]
fn a_listener_in_the_tree_is_ours_and_a_stranger_is_not() {
    run(async {
        let run = Run::new();
        let port = ports::free(&HashSet::new()).unwrap();
        let idle = run.shell("sleep 1000");
        assert_eq!(idle.owns(LOCAL, port), Ownership::Nobody);
        let process = run.shell(&format!("setsid {} & wait", server("0.0.0.0", port)));
        eventually("it is up", || process.output().text() == "up\n").await;
        assert_eq!(process.owns(LOCAL, port), Ownership::Ours);
        let Owner::Pids(pids) = ports::owner(LOCAL, port, &[]) else { panic!("nobody listens") };
        assert_eq!(idle.owns(LOCAL, port), Ownership::Stranger(Some(pids[0])));
        assert!(!ports::is_free(port));
        process.kill();
        process.close(SETTLE).await;
        eventually("the port is free", || ports::is_free(port)).await;
        idle.kill();
        idle.close(SETTLE).await;
        run.close().await;
    });
}

#[test]
fn a_stranger_on_the_nearer_address_is_seen_before_ours_on_all_addresses() {
    run(async {
        let run = Run::new();
        let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = stranger.local_addr().unwrap().port();
        let line = server("::", port).replace("socket.socket()", "socket.socket(socket.AF_INET6)");
        let line = line.replace("s.bind", "s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1); s.bind");
        let process = run.shell(&line);
        eventually("it is up", || process.output().text() == "up\n").await;
        assert_eq!(process.owns(LOCAL, port), Ownership::Stranger(Some(std::process::id())));
        assert_eq!(process.owns("::1".parse().unwrap(), port), Ownership::Ours);
        process.kill();
        process.close(SETTLE).await;
        run.close().await;
    });
}
