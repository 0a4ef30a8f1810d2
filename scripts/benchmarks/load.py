"""What the clients do in a case, and the case's name, which says it."""

import dataclasses
import re

from .bed import ROUTED_CLIENTS
from .documents import parse_size, size_name


@dataclasses.dataclass(frozen=True)
class Load:
    """GET requests of one file.

    The name is the load: `64B-c64` is a file of 64 bytes and 64 connections of one client with keep-alive;
    `-k16` spreads them over 16 client addresses, `-close` is one request per connection, `-r1000` 1,000 requests/s at
    fixed times instead of as many as possible, `-mtu9000` the MTU of both devices.
    """

    size: int
    connections: int
    clients: int = 1
    keep_alive: bool = True
    rate: int = 0
    mtu: int = 1500

    _GRAMMAR = re.compile(
        r"(?P<size>\d+(?:B|KiB|MiB))-c(?P<connections>\d+)(?:-k(?P<clients>\d+))?(?P<close>-close)?"
        r"(?:-r(?P<rate>\d+))?(?:-mtu(?P<mtu>\d+))?")

    @classmethod
    def parse(cls, name):
        match = cls._GRAMMAR.fullmatch(name)
        if not match:
            raise ValueError(f"{name}: expected SIZE-cCONNECTIONS[-kCLIENTS][-close][-rRATE][-mtuMTU], as 64B-c64")
        load = cls(
            size=parse_size(match["size"]), connections=int(match["connections"]),
            clients=int(match["clients"] or 1), keep_alive=not match["close"], rate=int(match["rate"] or 0),
            mtu=int(match["mtu"] or 1500))
        if not 1 <= load.clients <= min(ROUTED_CLIENTS, load.connections):
            raise ValueError(f"{name}: clients must be 1 to {ROUTED_CLIENTS} and no more than connections")
        if load.connections % load.clients:
            raise ValueError(f"{name}: every client must get the same number of connections")
        if load.rate and not load.keep_alive:
            raise ValueError(f"{name}: a fixed rate needs keep-alive")
        return load

    @property
    def name(self):
        return "".join((
            f"{size_name(self.size)}-c{self.connections}", f"-k{self.clients}" if self.clients > 1 else "",
            "" if self.keep_alive else "-close", f"-r{self.rate}" if self.rate else "",
            f"-mtu{self.mtu}" if self.mtu != 1500 else ""))

    @property
    def description(self):
        return (
            f"{size_name(self.size)}, {self.connections} connection{'s' * (self.connections > 1)}"
            f" of {self.clients} client{'s' * (self.clients > 1)}, "
            + (f"{self.rate} requests/s at fixed times" if self.rate
               else "keep-alive" if self.keep_alive else "one request per connection")
            + f", MTU {self.mtu}")

    @property
    def is_bulk(self):
        """Bytes say more than requests: few requests end in a sample."""
        return self.size >= 1 << 16
