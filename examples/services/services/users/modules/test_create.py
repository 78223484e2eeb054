import json
import os
from pathlib import Path


def test_keeps_a_user(api, email):
    users = api("users")
    status, user = users.request("POST", "/users", {"email": email})
    assert status == 200
    assert users.request("GET", f"/users/{user['id']}") == (200, user)
    assert user in json.loads(Path(os.environ["DATA_DIR"], "users.json").read_text())


def test_refuses_what_is_no_address(api):
    assert api("users").request("POST", "/users", {"email": "nobody"})[0] == 400
