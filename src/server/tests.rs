//! The broker over its real socket, without Node.

use super::*;
use crate::client::{Link, Threaded};
use std::sync::{Arc, Mutex};

type Heard = Arc<Mutex<Vec<Notice>>>;

fn start(options: Options) -> (Broker, Heard) {
    let heard = Heard::default();
    let ears = heard.clone();
    let notify = Box::new(move |notice| ears.lock().unwrap().push(notice));
    (Broker::start(&endpoint::path(None).unwrap(), options, notify).unwrap(), heard)
}

fn links(broker: &Broker) -> Vec<Link> {
    let threaded = Link::Threaded(Threaded::connect(broker.pipe(), Box::new(|| {})).unwrap());
    #[cfg(unix)]
    return vec![threaded, Link::Polled(crate::client::Polled::connect(broker.pipe()).unwrap())];
    #[cfg(windows)]
    vec![threaded]
}

fn ask(link: &mut Link, line: &str) -> String {
    link.send(format!("{line}\n").as_bytes()).unwrap();
    let batch = link.receive_within(Duration::from_secs(10)).unwrap().expect("a reply");
    String::from_utf8(batch.as_bytes().to_vec()).unwrap()
}

#[test]
fn a_request_goes_there_and_back() {
    let (broker, _) = start(Options::default());
    for mut link in links(&broker) {
        let reply = ask(&mut link, r#"{"id":"x","action":"set","key":"k","value":[1, "ü"],"ttl":60000}"#);
        assert_eq!(reply, r#"[{"id":"x","ok":true}]"#);
        assert_eq!(ask(&mut link, r#"{"action":"get","key":"k"}"#), r#"[{"ok":true,"value":[1, "ü"]}]"#);
    }
}

#[test]
fn a_link_hears_that_the_broker_is_gone() {
    let (broker, heard) = start(Options::default());
    let links = links(&broker);
    let pipe = broker.pipe().to_owned();
    drop(broker);
    for mut link in links {
        assert!(link.receive_within(Duration::from_secs(10)).is_err());
    }
    assert_eq!(*heard.lock().unwrap(), [Notice::Stopped(StopReason::Asked, crate::engine::Report::default())]);
    assert!(!pipe.exists());
}

#[test]
fn a_live_broker_is_not_displaced() {
    let (broker, _) = start(Options::default());
    let second = Broker::start(broker.pipe(), Options::default(), Box::new(|_| {}));
    assert_eq!(second.unwrap_err().code(), "pipe_in_use");
    assert!(!endpoint::remove_stale(broker.pipe()));
    for mut link in links(&broker) {
        assert!(ask(&mut link, r#"{"action":"ping"}"#).contains("\"ok\":true"));
    }
}

#[test]
fn ids_are_checked() {
    for id in ["", ".", "..", "a/b", "a\\b", "ü", "a\0", &"x".repeat(33)] {
        assert_eq!(endpoint::path(Some(id)).unwrap_err().code(), "invalid_option", "{id:?}");
    }
    assert_eq!(endpoint::path(Some("run-1")).unwrap(), endpoint::path(Some("run-1")).unwrap());
    assert_ne!(endpoint::path(None).unwrap(), endpoint::path(None).unwrap());
}
