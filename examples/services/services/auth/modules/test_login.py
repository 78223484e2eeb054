def test_a_password_gets_a_token(api, account):
    auth = api("auth")
    status, session = auth.request("POST", "/sessions", account)
    assert status == 200
    assert auth.request("GET", f"/sessions/{session['token']}") == (200, {"name": account["name"]})


def test_a_wrong_one_gets_none(api, account):
    wrong = {**account, "password": "guess"}
    assert api("auth").request("POST", "/sessions", wrong) == (401, {"error": "wrong name or password"})


def test_nobody_gets_none(api):
    assert api("auth").request("POST", "/sessions", {})[0] == 401
