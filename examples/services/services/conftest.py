"""What the tests of all services share."""

import json
import os
import urllib.error
import urllib.request
import uuid

import pytest
from ephemeral_broker import Client


class Api:
    """A service over HTTP, within the limit that the run sets to all workers together."""

    def __init__(self, url, broker):
        self.url = url
        self._broker = broker

    def request(self, method, path, body=None):
        """The status and the answer."""
        self._broker.throttle("api")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)


@pytest.fixture(scope="session")
def broker():
    """The run's broker; what is held through it ends with this process."""
    with Client(name=f"worker-{os.environ['EPHEMERAL_WORKER']}") as client:
        # Who waits for what this holds is told the test, and so is the report.
        client.describe(os.environ["EPHEMERAL_TEST"])
        yield client


@pytest.fixture
def api(broker):
    """Makes the client of a service that the run started: api("users")."""
    return lambda service: Api(os.environ[f"EPHEMERAL_{service.upper()}_URL"], broker)


@pytest.fixture
def account(broker):
    """An account that no other test has meanwhile, in whatever worker."""
    with broker.acquire("accounts") as lease:
        yield lease.value


@pytest.fixture
def email():
    """An address that no other test uses."""
    return f"user-{uuid.uuid4().hex[:8]}@example.com"
