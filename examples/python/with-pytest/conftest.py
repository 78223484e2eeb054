# conftest.py
import pytest

pytest_plugins = ["pytest_ephemeral_broker"]


@pytest.fixture
def account(broker):
    """An account that no other test has meanwhile, in whatever worker."""
    with broker.acquire("accounts") as lease:
        yield lease.value


@pytest.fixture(scope="session")
def admin(broker):
    """This worker's own, until it ends."""
    return broker.acquire("admins").keep().value


@pytest.fixture(scope="session")
def token(broker):
    """One worker logs in, the others wait for its token."""
    return broker.once("token", lambda: "token-of-a-login")


@pytest.fixture
def schema(broker):
    """While a test has it, no other test has."""
    with broker.lock("schema"):
        yield
