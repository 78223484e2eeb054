"""A worker in Python. Run it where a broker is, three at a time:

npx ephemeral-broker start -- sh -c 'for n in 1 2 3; do python3 example.py & done; wait'
"""

import os

from ephemeral_broker import BrokerError, Client

worker = f"worker-{os.getpid()}"

with Client(name=worker) as client:
    # Each worker gets a number of its own; when it ends, even by kill -9, the next one may have it.
    account = client.lease("accounts", worker)
    print(f"{worker} works as test-user-{account}")

    # A value that all workers share, those in Node too. ttl is in milliseconds.
    try:
        token = client.get("auth-token")
    except BrokerError as error:
        if error.code not in ("not_found", "expired"):
            raise
        token = f"token-of-{worker}"
        client.set("auth-token", token, ttl=60_000)
    print(f"{worker} uses {token}")
