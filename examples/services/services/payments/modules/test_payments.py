import uuid

import pytest


@pytest.fixture
def path():
    return f"/payments/{uuid.uuid4()}"


def test_pays_once(api, path):
    payments = api("payments")
    first = payments.request("PUT", path, {"amount": 300})
    assert first[0] == 200
    assert payments.request("PUT", path, {"amount": 300}) == first
    assert [payment for payment in payments.request("GET", "/payments")[1] if path.endswith(payment["key"])] == [first[1]]


def test_refuses_another_amount(api, path):
    payments = api("payments")
    payments.request("PUT", path, {"amount": 300})
    assert payments.request("PUT", path, {"amount": 400})[0] == 409


@pytest.mark.parametrize("amount", [0, -1, "300", None])
def test_refuses_what_is_no_amount(api, path, amount):
    assert api("payments").request("PUT", path, {"amount": amount})[0] == 400
