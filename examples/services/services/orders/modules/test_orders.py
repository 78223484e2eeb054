import pytest


@pytest.fixture
def user(api, email):
    return api("users").request("POST", "/users", {"email": email})[1]["id"]


def test_adds_up_the_items(api, user):
    items = [{"name": "pen", "price": 2}, {"name": "ink", "price": 5}]
    status, order = api("orders").request("POST", "/orders", {"user": user, "items": items})
    assert status == 200
    assert order["total"] == 7
    assert api("orders").request("GET", f"/orders/{order['id']}") == (200, order)


def test_needs_a_user(api):
    order = {"user": 1000, "items": [{"name": "pen", "price": 2}]}
    assert api("orders").request("POST", "/orders", order) == (422, {"error": "no user 1000"})


def test_needs_items(api, user):
    assert api("orders").request("POST", "/orders", {"user": user, "items": []})[0] == 400
