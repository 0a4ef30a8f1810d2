"""Clients that ask at a steady pace over one connection each and write down whatever goes wrong."""

import hashlib
import threading
import time

from raw_http import Closed, Connection


class SteadyClient(threading.Thread):
    """Fetches one path again and again from one address. After a failure it connects anew, and measures that."""

    def __init__(self, address, path, digest, interval=0.05, family=4, timeout=10):
        super().__init__(daemon=True)
        self.address, self.path, self.digest = address, path, digest
        self.interval, self.family, self.timeout = interval, family, timeout
        self.requests = 0
        self.failures = []  # (when, what)
        self.recoveries = []  # (when, seconds from the SYN to the complete response)
        self._ending = threading.Event()

    def run(self):
        connection = None
        while not self._ending.is_set():
            started = time.monotonic()
            fresh = connection is None
            try:
                if fresh:
                    connection = Connection(self.family, self.address, timeout=self.timeout)
                response = connection.fetch(self.path)
                if response.status != 200 or hashlib.sha256(response.body).hexdigest() != self.digest:
                    raise Closed(f"wrong answer: {response.status}, {len(response.body)} bytes")
                self.requests += 1
                if fresh:
                    self.recoveries.append((started, time.monotonic() - started))
            except (OSError, Closed) as error:
                self.failures.append((started, f"{type(error).__name__}: {error}"))
                if connection is not None:
                    connection.close()
                connection = None
                continue_at = started + (self.interval if fresh else 0)
                self._ending.wait(max(0, continue_at - time.monotonic()))
                continue
            self._ending.wait(max(0, started + self.interval - time.monotonic()))
        if connection is not None:
            connection.close()

    def stop(self):
        self._ending.set()
        self.join(self.timeout + 5)
        assert not self.is_alive(), f"client {self.address} hangs"


class SteadyClients:
    """A group of them for the length of a `with` block."""

    def __init__(self, addresses, path, digest, **options):
        self.clients = {address: SteadyClient(address, path, digest, **options) for address in addresses}

    def __enter__(self):
        for client in self.clients.values():
            client.start()
        return self

    def __exit__(self, *_):
        for client in self.clients.values():
            client._ending.set()
        for client in self.clients.values():
            client.stop()

    def __getitem__(self, address):
        return self.clients[address]

    def wait_until_served(self, seconds=30):
        """Every client has had an answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            waiting = [client for client in self.clients.values() if client.requests == 0]
            if not waiting:
                return
            time.sleep(0.05)
        raise AssertionError(f"not served within {seconds} s: " + ", ".join(
            f"{client.address} {client.failures[-1:]}" for client in waiting))

    def failures(self, addresses=None):
        return {address: client.failures for address, client in self.clients.items()
                if client.failures and (addresses is None or address in addresses)}
