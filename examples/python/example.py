"""A worker in Python. Run it where a broker is, three at a time:

npx ephemeral-broker start -- sh -c 'for n in 1 2 3; do python3 example.py & done; wait'
"""

import os

from ephemeral_broker import Client

worker = f"worker-{os.getpid()}"

with Client(name=worker) as client:
    # All workers may define the pool, alike; the first does it.
    client.define_pool("accounts", [f"test-user-{number}" for number in range(1, 11)])

    # Each worker gets an account of its own; when it ends, even by kill -9, the next one may have it.
    with client.acquire("accounts") as account:
        print(f"{worker} works as {account.value}")

        # A value that one worker makes for all, those in Node too. ttl is in milliseconds.
        token = client.once("auth-token", lambda: f"token-of-{worker}", ttl=60_000)
        print(f"{worker} uses {token}")

    # What cannot run beside others.
    with client.lock("migrations"):
        client.incr("migrations-run")
