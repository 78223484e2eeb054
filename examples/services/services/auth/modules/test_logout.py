def test_ends_a_session(api, account):
    auth = api("auth")
    _, session = auth.request("POST", "/sessions", account)
    path = f"/sessions/{session['token']}"
    assert auth.request("DELETE", path) == (200, {"ended": True})
    assert auth.request("GET", path)[0] == 401
    assert auth.request("DELETE", path) == (200, {"ended": False})
