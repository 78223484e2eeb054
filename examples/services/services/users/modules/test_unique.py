def test_an_address_is_taken_once(api, email):
    users = api("users")
    assert users.request("POST", "/users", {"email": email})[0] == 200
    assert users.request("POST", "/users", {"email": email}) == (409, {"error": f"{email} is taken"})


def test_a_user_that_is_not_there(api):
    assert api("users").request("GET", "/users/1000")[0] == 404
