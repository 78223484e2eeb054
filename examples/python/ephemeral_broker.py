"""A client of ephemeral-broker, written from PROTOCOL.md with Python's standard library alone.

    from ephemeral_broker import Client

    with Client() as client:  # finds the broker in EPHEMERAL_PIPE
        account = client.lease("accounts", "worker-3")
        client.set("token", {"user": account}, ttl=60_000)

Durations are milliseconds, as everywhere in ephemeral-broker. Copy this file into your project: it needs Python 3.8 or newer.
"""

import base64
import hashlib
import hmac
import io
import json
import os
import secrets
import socket
import threading
import zlib

# With the pid, which a fork changes, this tells our process from all others.
_PROCESS = secrets.token_hex(8)


class BrokerError(Exception):
    """Every failure. `code` is stable and for programs; the message begins with it and is for people."""

    def __init__(self, code, message=None):
        super().__init__(message or code)
        self.code = code


class Client:
    """A worker's connection: what it leases is its own until it is closed or the process ends, however that happens.

    Threads may share a client: their requests take turns. A forked process must make its own.
    """

    def __init__(self, pipe=None, *, secret=None, timeout=5000, name=None):
        pipe = pipe or os.environ.get("EPHEMERAL_PIPE")
        if not pipe:
            raise BrokerError("no_pipe", "no_pipe: EPHEMERAL_PIPE is not set; was the broker started?")
        self._lock = threading.Lock()
        self._last_id = 0
        try:
            self._stream = _connect(pipe, timeout)
        except OSError as error:
            raise BrokerError("broker_unreachable", f"broker_unreachable: {pipe}: {error}") from error
        try:
            self._max_value_size = self._hello(secret or os.environ.get("EPHEMERAL_SECRET"), name)
        except BaseException:
            self._hang_up()
            raise

    # The actions

    def get(self, key):
        """The value of `key`. Raises BrokerError with code `not_found` or `expired`."""
        reply = self._request("get", key=key)
        return self._inflate(reply["value"]) if reply.get("compressed") else reply["value"]

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
        return self._request("lease", key=key, workerId=worker_id, ttl=ttl, detached=detached)["value"]

    def release(self, worker_id, key=None):
        """Gives back all that `worker_id` holds, or its lease on `key` alone. Whether there was anything to give back."""
        return self._request("release", workerId=worker_id, key=key)["released"]

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

    def _hello(self, secret, name):
        nonce = secrets.token_hex(16)
        me = {"pid": os.getpid(), "process": f"{_PROCESS}-{os.getpid()}", "name": name or f"python-{os.getpid()}"}
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
            self._last_id += 1
            request = {"id": self._last_id, "action": action}
            request.update((name, value) for name, value in members.items() if value is not None or name == "value")
            line = json.dumps(request, ensure_ascii=False, allow_nan=False).encode() + b"\n"
            try:
                self._stream.write(line)
                self._stream.flush()
                line = self._stream.readline()
            except OSError as error:
                # The reply may still come; after it nothing would fit together any more.
                self._hang_up()
                code = "timeout" if isinstance(error, socket.timeout) else "connection_closed"
                raise BrokerError(code, f"{code}: {action}: {error}") from error
            if not line.endswith(b"\n"):
                self._hang_up()
                raise BrokerError("connection_closed", f"connection_closed: the broker hung up during {action}")
        reply = json.loads(line)
        if not reply.pop("ok"):
            raise BrokerError(reply["error"], reply.get("message"))
        if reply.pop("id", None) != request["id"]:
            raise BrokerError("protocol_error", "protocol_error: the reply belongs to another request")
        return reply

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

    def _hang_up(self):
        stream, self._stream = self._stream, None
        if stream:
            try:
                stream.close()
            except OSError:
                pass  # It was broken before.


def _connect(pipe, timeout):
    if os.name == "nt":
        # A named pipe opens like a file. (Without a time limit: Python's files know none.)
        file = open(pipe, "r+b", buffering=0)
        return io.BufferedRWPair(file, file)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout / 1000)
        connection.connect(pipe)
        return connection.makefile("rwb")
    finally:
        # The stream keeps the connection open for as long as it needs it.
        connection.close()
