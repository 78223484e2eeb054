# test_orders.py
def test_orders(account, token):
    assert account["name"] and account["password"]
    assert token == "token-of-a-login"


def test_asks_the_api(broker):
    broker.throttle("api")
    # …the request


def test_changes_the_schema(schema):
    pass  # …with nobody beside it
