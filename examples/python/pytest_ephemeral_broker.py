"""What tests in pytest need of a broker, with pytest-xdist or without. Copy it, with ephemeral_broker.py, beside your conftest.py, and say there

    pytest_plugins = ["pytest_ephemeral_broker"]
"""

import os

import pytest
from ephemeral_broker import Client


@pytest.fixture(scope="session")
def ephemeral_broker():
    """This worker's client. What is taken in a test is the test's; what a fixture of a wider scope takes is that fixture's."""
    if not os.environ.get("EPHEMERAL_PIPE"):
        pytest.fail(
            "this pytest worker finds no broker, because EPHEMERAL_PIPE is not set: "
            "run the tests with 'npx ephemeral-broker start -- pytest'",
            pytrace=False,
        )
    with Client(name=f"pytest-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}") as client:
        yield client


@pytest.fixture(scope="session")
def broker(ephemeral_broker):
    """The same, by a name that your own fixtures may have too: then it is theirs."""
    return ephemeral_broker


@pytest.fixture(scope="session")
def slot(ephemeral_broker):
    """This worker's number, from 1 on: no two workers have the same at a time, and one that takes another's place has its number."""
    return ephemeral_broker.slot()


# As a fixture that all tests have, it begins before the test's own and ends after them: what they give back is no leak.
@pytest.fixture(autouse=True)
def _ephemeral_broker_test(request):
    if "ephemeral_broker" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("ephemeral_broker").test(request.node.nodeid) as leaks:
        yield
    if leaks and os.environ.get("EPHEMERAL_LEAKS") == "fail":
        names = ", ".join(f"{leak['name']} {leak['number'] or ''}".strip() for leak in leaks)
        pytest.fail(f"not released: {names}. Release it in the test, or take it with 'with'", pytrace=False)
