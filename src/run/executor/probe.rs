//! Whether a server answers.

use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long one answer may take; the next is asked for then.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a server on this machine may listen.
pub(super) const HERE: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    host: String,
    pub(super) port: u16,
    path: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)
    }
}

impl Target {
    /// A path at `port`, or an absolute URL.
    ///
    /// # Errors
    /// It is neither; the text says what is allowed.
    pub(super) fn new(url: &str, port: Option<u16>) -> Result<Self, String> {
        if url.starts_with('/') {
            let port = port.ok_or_else(|| {
                format!("{url} is a path, and the server has no port: give a URL, or the server a port")
            })?;
            return Ok(Self { host: "localhost".into(), port, path: url.into() });
        }
        let allowed = || format!("{url} is neither a path (/health) nor an http: URL");
        let uri: Uri = url.parse().map_err(|_| allowed())?;
        if uri.scheme_str() != Some("http") {
            return Err(allowed());
        }
        let host = uri.host().ok_or_else(allowed)?.trim_matches(['[', ']']).to_string();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_string();
        Ok(Self { host, port: uri.port_u16().unwrap_or(80), path })
    }

    /// Whether it is asked on this machine's loopback.
    pub(super) fn is_here(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Where to connect to, in this order: `localhost` is both of its addresses.
    pub(super) async fn addresses(&self) -> Vec<SocketAddr> {
        if self.host == "localhost" {
            return HERE.map(|address| SocketAddr::new(address, self.port)).to_vec();
        }
        tokio::net::lookup_host((self.host.as_str(), self.port)).await.map(Iterator::collect).unwrap_or_default()
    }

    /// The status of the answer.
    ///
    /// # Errors
    /// Nobody answers, or not in HTTP, or not in time.
    pub(super) async fn get(&self, address: SocketAddr) -> Result<u16, String> {
        match tokio::time::timeout(PATIENCE, self.exchange(address)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    }

    async fn exchange(&self, address: SocketAddr) -> Result<u16, String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let stream = TcpStream::connect(address).await.map_err(|error| text(&error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| text(&error))?;
        let request = Request::get(&self.path)
            .header(HOST, format!("{}:{}", self.host, self.port))
            .body(http_body_util::Empty::<Bytes>::new())
            .map_err(|error| text(&error))?;
        let answer = sender.send_request(request);
        tokio::pin!(connection, answer);
        tokio::select! {
            answer = &mut answer => answer.map(|answer| answer.status().as_u16()).map_err(|error| text(&error)),
            end = &mut connection => match end {
                // The answer may be there, though the connection has ended.
                Ok(()) => answer.await.map(|answer| answer.status().as_u16()).map_err(|error| text(&error)),
                Err(error) => Err(text(&error)),
            },
        }
    }
}

/// Whether somebody accepts connections.
pub(super) async fn listens(address: SocketAddr) -> bool {
    matches!(tokio::time::timeout(PATIENCE, TcpStream::connect(address)).await, Ok(Ok(_)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    #[test]
    fn a_path_needs_a_port_and_a_url_says_all() {
        assert_eq!(Target::new("/health", Some(9000)).unwrap().port, 9000);
        assert!(Target::new("/health", None).unwrap_err().contains("no port"));
        assert_eq!(
            Target::new("http://[::1]:8080/a?b", None).unwrap(),
            Target { host: "::1".into(), port: 8080, path: "/a?b".into() }
        );
        for bad in ["https://x/", "health", "ftp://x", ""] {
            assert!(Target::new(bad, Some(1)).is_err(), "{bad}");
        }
    }

    async fn answer(reply: &'static [u8]) -> Result<u16, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.unwrap();
            stream.write_all(reply).await.unwrap();
            stream.shutdown().await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        let target = Target::new("/health", Some(address.port())).unwrap();
        let (request, status) = tokio::join!(server, target.get(address));
        assert!(request.starts_with("GET /health HTTP/1.1\r\n") && request.contains("host: localhost:"), "{request}");
        status
    }

    #[tokio::test]
    async fn tells_the_status_also_of_a_server_that_hangs_up() {
        assert_eq!(answer(b"HTTP/1.1 204 No Content\r\n\r\n").await, Ok(204));
        assert_eq!(answer(b"HTTP/1.1 503 Busy\r\nConnection: close\r\n\r\nno").await, Ok(503));
        assert!(answer(b"SSH-2.0-x\r\n").await.is_err());
        assert!(answer(b"").await.is_err());
    }
}
