"""A client of ephemeral-broker, written from PROTOCOL.md with Python's standard library alone.

    from ephemeral_broker import Client

    with Client() as client:  # finds the broker in EPHEMERAL_PIPE
        account = client.lease("accounts", "worker-3")
        client.set("token", {"user": account}, ttl=60_000)

Durations are milliseconds, as everywhere in ephemeral-broker. Copy this file into your project: it needs Python 3.8 or newer.
"""

import base64
import contextlib
import hashlib
import hmac
import io
import json
import os
import secrets
import socket
import threading
import zlib

# How long to wait for a turn, in ms, unless told otherwise.
WAIT = 60_000

# The longest text that says what a worker does, in bytes.
_MAX_TEXT = 1024

# With the pid, which a fork changes, this tells our process from all others.
_PROCESS = secrets.token_hex(8)


class BrokerError(Exception):
    """Every failure. `code` is stable and for programs; the message begins with it and is for people."""

    def __init__(self, code, message=None):
        super().__init__(message or code)
        self.code = code


class Held:
    """Something that is held until it is released, or its client's connection ends. `with` releases it."""

    def __init__(self, client, token):
        self._client = client
        self.token = token
        client._taken.add(token)

    def release(self):
        """Whether it was still held."""
        self._client._taken.discard(self.token)
        return self._client._request("release", token=self.token)["released"]

    def keep(self):
        """It is held on purpose until the client is closed: no leak of the test in which it was taken. Itself."""
        self._client._keep(self.token)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()


class Lease(Held):
    """A value of a pool, held by nobody else."""

    def __init__(self, client, grant):
        super().__init__(client, grant["token"])
        self.value = grant["value"]
        self.number = grant["number"]

    def discard(self, reason=None):
        """Gives it back as unusable: it is not handed out again."""
        self._client._taken.discard(self.token)
        return self._client._request("discard", token=self.token, reason=reason)["discarded"]


class Client:
    """A worker's connection: what it leases is its own until it is closed or the process ends, however that happens.

    Threads may share a client: their requests take turns, and one that waits keeps the others waiting. A forked process must make its own.
    `wait` is how long to wait for a turn at most; None: for as long as it takes.
    """

    def __init__(self, pipe=None, *, secret=None, timeout=5000, name=None):
        pipe = pipe or os.environ.get("EPHEMERAL_PIPE")
        if not pipe:
            raise BrokerError("no_pipe", "no_pipe: EPHEMERAL_PIPE is not set; was the broker started?")
        self._lock = threading.Lock()
        self._last_id = 0
        # Tokens of what was taken and, as far as is known here, not released.
        self._taken = set()
        self._timeout = timeout
        try:
            self._socket, self._stream = _connect(pipe, timeout)
        except OSError as error:
            raise BrokerError("broker_unreachable", f"broker_unreachable: {pipe}: {error}") from error
        try:
            self._max_value_size = self._hello(secret or os.environ.get("EPHEMERAL_SECRET"), name)
            if os.environ.get("EPHEMERAL_TEST"):
                self.describe(os.environ["EPHEMERAL_TEST"])
        except BaseException:
            self._hang_up()
            raise

    # The actions

    def get(self, key):
        """The value of `key`. Raises BrokerError with code `not_found` or `expired`."""
        return self._value(self._request("get", key=key))

    def set(self, key, value, ttl=None):
        """Keeps `value`, anything that JSON can say."""
        self._request("set", key=key, value=value, ttl=ttl)

    def delete(self, key):
        """Whether it was there."""
        return self._request("del", key=key)["deleted"]

    def has(self, key):
        return self._request("has", key=key)["exists"]

    def list(self):
        """All keys: {key: {"expires": <ms since the epoch or None>, "hasValue": True}}."""
        return self._request("list")["items"]

    def lease(self, key, worker_id, ttl=None, detached=None):
        """The lowest number that nobody holds for `key`. Asking again renews it. `detached` keeps it, until its TTL, when we are gone."""
        lease = self._request("lease", key=key, workerId=worker_id, ttl=ttl, detached=detached)
        self._taken.add(lease["token"])
        return lease["value"]

    def slot(self):
        """A number from 1 on that no other worker has, for as long as this one lives. Who takes its place has its number."""
        lease = self._request("lease", key="ephemeral-broker/slots", workerId=_process())
        self._keep(lease["token"])
        return lease["value"]

    def release(self, worker_id, key=None):
        """Gives back all that `worker_id` holds, or its lease on `key` alone. Whether there was anything to give back."""
        return self._request("release", workerId=worker_id, key=key)["released"]

    def define_pool(self, name, values):
        """Makes a pool of values, or of so many numbers, unless it is there: all workers may do it, alike. Its size."""
        contents = {"size": values} if isinstance(values, int) else {"values": values}
        return self._request("definePool", pool=name, **contents)["size"]

    def acquire(self, pool, match=None, wait=WAIT):
        """Waits for a value of a pool that nobody else has: a Lease. `match` are members that it must have: {"role": "admin"}."""
        part = {"pool": pool} if match is None else {"pool": pool, "match": match}
        return Lease(self, self._request("acquire", pools=[part], wait=wait)["leases"][0])

    def lock(self, name, shared=None, wait=WAIT):
        """Waits for a lock and takes it: `with client.lock("schema"): ...`."""
        return Held(self, self._request("lock", name=name, shared=shared, wait=wait)["token"])

    def semaphore(self, name, permits, amount=None, wait=WAIT):
        """Waits for permits of a semaphore that has so many in all, and takes them."""
        return Held(self, self._request("semaphore", name=name, permits=permits, amount=amount, wait=wait)["token"])

    def once(self, key, make, ttl=None, wait=WAIT):
        """The value of `key`. One worker makes it, the others wait for it; when that one fails or dies, the next one makes it."""
        reply = self._request("once", key=key, wait=wait)
        if not reply.get("run"):
            return self._value(reply)
        try:
            value = make()
            self._request("fulfil", token=reply["token"], value=value, ttl=ttl)
        except BaseException as error:
            reason = {"name": type(error).__name__, "message": str(error)}
            # Where the broker has refused the value, or is gone, others have the turn already.
            with contextlib.suppress(BrokerError):
                self._request("fail", token=reply["token"], reason=reason)
            raise
        return value

    def wait_for(self, key, wait=WAIT):
        """The value of `key`, as soon as it has one."""
        return self._value(self._request("waitFor", key=key, wait=wait))

    def incr(self, key, by=1):
        """Adds to a number, which begins at 0. No two workers ever get the same result."""
        return self._request("incr", key=key, by=by)["value"]

    def append(self, list, *items):
        """Appends to a list that the host collects. The list's length."""
        return self._request("append", list=list, items=items)["length"]

    def throttle(self, name, cost=1, wait=WAIT):
        """Waits until it is within a limit that was declared; how long that was, in ms."""
        return self._request("throttle", name=name, cost=cost, wait=wait)["waited"]

    def barrier(self, name, parties, wait=WAIT):
        """Waits until so many have come. How many came before: one of them gets 0."""
        return self._request("barrier", name=name, parties=parties, wait=wait)["index"]

    def describe(self, text):
        """Says what this worker does now, a test's title, for messages about what it holds; None: nothing."""
        self._request("describe", text=text and text.encode()[:_MAX_TEXT].decode(errors="ignore"))

    @contextlib.contextmanager
    def test(self, title):
        """A test runs. What it took and did not release when it is over is given back, and the broker notes it as a leak of `title`.

        Gives a list, which has those leaks when the test is over: {"kind", "name", "number", "worker", "pid", "test", "heldFor"}.
        """
        before, leaks = set(self._taken), []
        self.describe(title)
        try:
            yield leaks
        finally:
            for token in sorted(self._taken - before):
                self._taken.discard(token)
                leak = self._request("leak", token=token)["leak"]
                if leak is not None:  # Else it was released by its worker's name, or its time had run out.
                    leaks.append(leak)
            self.describe(None)

    def ping(self):
        """The broker's clock, ms since the epoch."""
        return self._request("ping")["pong"]

    def stats(self):
        return self._request("stats")["stats"]

    def health(self):
        return self._request("health")

    def metrics(self):
        """Counters in Prometheus' text format."""
        return self._request("metrics")["metrics"]

    def close(self):
        """Gives everything back and disconnects. Closing twice is harmless."""
        try:
            self._request("bye")
        except BrokerError:
            pass  # It is gone, or stopping: then it has given everything back itself.
        self._hang_up()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # A session, and a request in it

    def _keep(self, token):
        self._taken.discard(token)
        self._request("keep", token=token)

    def _hello(self, secret, name):
        nonce = secrets.token_hex(16)
        me = {"pid": os.getpid(), "process": _process(), "name": name or f"python-{os.getpid()}"}
        reply = self._request("hello", protocol=1, nonce=nonce, **me)
        if "auth" in reply:

            def proof(of):
                text = f"ephemeral-broker/1 {of} {nonce} {reply['auth']['nonce']}"
                return hmac.new((secret or "").encode(), text.encode(), hashlib.sha256).hexdigest()

            # First the broker's proof: a program that only took the pipe's name learns nothing from us.
            if not secret or not hmac.compare_digest(proof("broker"), reply["auth"]["proof"]):
                raise BrokerError("auth_failed", f"auth_failed: {'the broker has another' if secret else 'the broker asks for a'} secret")
            reply = self._request("auth", proof=proof("client"))
        return reply["limits"]["maxValueSize"]

    def _request(self, action, **members):
        with self._lock:
            if self._stream is None:
                raise BrokerError("closed", "closed: this client was closed")
            request = {"id": self._next_id(), "action": action}
            request.update((name, value) for name, value in members.items() if value is not None or name in ("value", "text"))
            # Without spaces, the id first: so the broker finds it in a line that is too large to be read.
            line = json.dumps(request, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
            try:
                self._send(line, members.get("wait", 0))
                reply = self._reply_to(request["id"])
            except OSError as error:
                # The reply may still come; after it nothing would fit together any more.
                self._hang_up()
                code = "timeout" if isinstance(error, socket.timeout) else "connection_closed"
                raise BrokerError(code, f"{code}: {action}: {error}") from error
            except Exception:
                self._hang_up()
                raise
            except BaseException:
                # Not the broker's doing: somebody has lost patience (Ctrl-C, a test's time limit).
                self._withdraw(request["id"])
                raise
        if not reply.pop("ok"):
            raise BrokerError(reply["error"], reply.get("message"))
        return reply

    def _next_id(self):
        self._last_id += 1
        return self._last_id

    def _send(self, line, wait):
        self._limit_time(wait)
        self._stream.write(line)
        self._stream.flush()

    def _reply_to(self, request):
        reply = self._read()
        if reply.get("id") != request:
            raise BrokerError("protocol_error", "protocol_error: the reply belongs to another request")
        return reply

    def _withdraw(self, request):
        """Ends a wait. What was granted all the same is given back, and the connection goes on."""
        try:
            cancel = self._next_id()
            self._send(b'{"id":%d,"action":"cancel","request":%d}\n' % (cancel, request), 0)
            granted = []
            reply = self._read()
            while reply.get("id") != cancel:
                granted += [lease["token"] for lease in reply.get("leases", [reply]) if "token" in lease]
                reply = self._read()
            for token in granted:
                release = self._next_id()
                self._send(b'{"id":%d,"action":"release","token":%d}\n' % (release, token), 0)
                self._reply_to(release)
        except Exception:
            self._hang_up()  # Which gives back everything.

    def _read(self):
        """The next line that is no event: those are for clients that listen all the time."""
        while True:
            line = self._stream.readline()
            if not line.endswith(b"\n"):
                raise ConnectionError("the broker hung up")
            reply = json.loads(line)
            if "event" not in reply:
                return reply

    def _value(self, reply):
        return self._inflate(reply["value"]) if reply.get("compressed") else reply["value"]

    def _inflate(self, text):
        """A value that its setter compressed. A small one must not blow up: no more is inflated than a value may have."""
        gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            data = gzip.decompress(base64.b64decode(text, validate=True), self._max_value_size + 1)
        except (ValueError, zlib.error) as error:
            raise BrokerError("invalid_value", f"invalid_value: not gzip in base64: {error}") from error
        if len(data) > self._max_value_size:
            raise BrokerError("too_large", f"too_large: the value inflates to more than {self._max_value_size} bytes")
        if not gzip.eof:
            raise BrokerError("invalid_value", "invalid_value: the compressed value is cut off")
        return json.loads(data)

    def _limit_time(self, wait):
        # The broker ends a wait that takes too long; this is for a broker that does not answer.
        if self._socket:
            self._socket.settimeout(None if wait is None else (self._timeout + wait) / 1000)

    def _hang_up(self):
        parts, self._stream, self._socket = [self._stream, self._socket], None, None
        for part in filter(None, parts):
            try:
                part.close()
            except OSError:
                pass  # It was broken before.


def _process():
    return f"{_PROCESS}-{os.getpid()}"


def _connect(pipe, timeout):
    if os.name == "nt":
        # A named pipe opens like a file. (Without a time limit: Python's files know none.)
        file = open(pipe, "r+b", buffering=0)
        return None, io.BufferedRWPair(file, file)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout / 1000)
        connection.connect(pipe)
        return connection, connection.makefile("rwb")
    except BaseException:
        connection.close()
        raise
