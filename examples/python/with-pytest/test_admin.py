# test_admin.py
def test_locks_an_account(admin, account):
    assert admin["name"] != account["name"]


def test_has_a_port_of_its_own(slot):
    assert 4000 + slot > 4000


def test_forgets_to_release(broker):
    broker.acquire("accounts")
