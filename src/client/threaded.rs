use super::hung_up;
use super::lines::{Batch, Inbox};
use interprocess::local_socket::tokio::Stream;
#[cfg(windows)]
use interprocess::local_socket::{GenericFilePath, ToFsName, traits::tokio::Stream as _};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

type Wake = Box<dyn Fn() + Send>;

/// A connection that a thread of its own reads and writes. The thread ends when this is dropped, or when the broker hangs up.
#[derive(Debug)]
pub struct Threaded {
    shared: Arc<Shared>,
    outgoing: UnboundedSender<Vec<u8>>,
    /// Dropped, it ends the thread, whatever that waits for.
    running: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    incoming: Mutex<Incoming>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Incoming {
    inbox: Inbox,
    ended: Option<ErrorKind>,
}

impl Threaded {
    /// Connects. `wake` is called on the reading thread when there is something to receive, the end included.
    ///
    /// # Errors
    /// There is no such pipe, or nobody listens.
    pub fn connect(path: &Path, wake: Box<dyn Fn() + Send>) -> io::Result<Self> {
        let (outgoing, orders) = unbounded_channel();
        let (running, stopped) = oneshot::channel();
        let (ready, connected) = mpsc::sync_channel(1);
        let shared = Arc::new(Shared::default());
        let (path, theirs) = (path.to_owned(), shared.clone());
        let thread = std::thread::Builder::new()
            .name("ephemeral-client".into())
            .spawn(move || serve(path, &theirs, orders, stopped, &ready, &wake))?;
        connected.recv().unwrap_or_else(|_| Err(hung_up()))?;
        Ok(Self { shared, outgoing, running: Some(running), thread: Some(thread) })
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.outgoing.send(bytes.to_vec()).map_err(|_| ErrorKind::BrokenPipe.into())
    }

    pub(super) fn receive(&mut self) -> io::Result<Option<Batch>> {
        self.shared.lock().receive()
    }

    pub(super) fn receive_within(&mut self, limit: Duration) -> io::Result<Option<Batch>> {
        let mut batch = Ok(None);
        let nothing = |incoming: &mut Incoming| {
            batch = incoming.receive();
            matches!(batch, Ok(None))
        };
        let waited = self.shared.arrived.wait_timeout_while(self.shared.lock(), limit, nothing);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        batch
    }
}

impl Drop for Threaded {
    /// Waits for the thread, which may be about to call `wake`.
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Incoming> {
        // A thread that failed with the lock held has left whole bytes.
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Incoming {
    fn receive(&mut self) -> io::Result<Option<Batch>> {
        match (self.inbox.take(), self.ended) {
            (Some(batch), _) => Ok(Some(batch)),
            (None, Some(ErrorKind::UnexpectedEof)) => Err(hung_up()),
            (None, Some(kind)) => Err(kind.into()),
            (None, None) => Ok(None),
        }
    }
}

fn serve(
    path: PathBuf,
    shared: &Shared,
    orders: UnboundedReceiver<Vec<u8>>,
    stopped: oneshot::Receiver<()>,
    ready: &mpsc::SyncSender<io::Result<()>>,
    wake: &Wake,
) {
    let connected = tokio::runtime::Builder::new_current_thread().enable_all().build().and_then(|runtime| {
        let stream = runtime.block_on(connect(&path))?;
        Ok((runtime, stream))
    });
    let (runtime, stream) = match connected {
        Ok(connected) => connected,
        Err(error) => return drop(ready.send(Err(error))),
    };
    let _ = ready.send(Ok(()));
    let ended = runtime.block_on(async {
        tokio::select! {
            end = read(&stream, shared, wake) => end,
            end = write(&stream, orders) => end,
            _ = stopped => Ok(()),
        }
    });
    shared.lock().ended = Some(ended.err().map_or(ErrorKind::UnexpectedEof, |error| error.kind()));
    shared.arrived.notify_all();
    wake();
}

/// Never waits for a broker that is too busy to accept: that is `WouldBlock`, and tried again by who asked.
#[cfg(unix)]
async fn connect(path: &Path) -> io::Result<Stream> {
    let stream = tokio::net::UnixStream::from_std(super::polled::open(path)?)?;
    Ok(Stream::UdSocket(stream.into()))
}

#[cfg(windows)]
async fn connect(path: &Path) -> io::Result<Stream> {
    Stream::connect(path.to_fs_name::<GenericFilePath>()?).await
}

async fn read(mut reader: impl AsyncReadExt + Unpin, shared: &Shared, wake: &Wake) -> io::Result<()> {
    let mut chunk = zeroize::Zeroizing::new(vec![0; 64 * 1024]);
    loop {
        let n = reader.read(&mut chunk).await?;
        if n == 0 {
            return Ok(());
        }
        shared.lock().inbox.buffer.extend(&chunk[..n]);
        shared.arrived.notify_all();
        wake();
    }
}

/// Ends when there is nobody any more who could send.
async fn write(mut writer: impl AsyncWriteExt + Unpin, mut orders: UnboundedReceiver<Vec<u8>>) -> io::Result<()> {
    while let Some(bytes) = orders.recv().await {
        writer.write_all(&zeroize::Zeroizing::new(bytes)).await?;
        writer.flush().await?;
    }
    Ok(())
}
