"""The program NFs run in, and what one NF knows of another: the file's headers, and where the kernel put things."""

import os
import pathlib
import re
import struct

import pytest
from bed import ONVM, client_address
from platform_under_test import web
from raw_http import Connection

pytestmark = pytest.mark.product

PROGRAM = ONVM.with_name("onvm-nf")

# elf(5).
ET_DYN, PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 3, 1, 2, 3, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
DT_NULL, DT_TEXTREL, DT_FLAGS_1 = 0, 22, 0x6FFFFFFB
DF_1_NOW, DF_1_PIE = 1, 0x08000000
AT_RANDOM = 25


class Program:
    """The headers of an ELF file of 64 bits."""

    def __init__(self, path):
        self.bytes = pathlib.Path(path).read_bytes()
        self.type, = struct.unpack_from("<H", self.bytes, 16)
        self.segments_at, self.sections_at = struct.unpack_from("<QQ", self.bytes, 32)
        self.segment_size, self.segment_count, self.section_size, self.section_count, self.names = \
            struct.unpack_from("<HHHHH", self.bytes, 54)

    def segments(self):
        """(type, flags, offset, address, bytes in the file, bytes in memory)"""
        for index in range(self.segment_count):
            kind, flags, offset, address, _, stored, size, _ = \
                struct.unpack_from("<IIQQQQQQ", self.bytes, self.segments_at + index * self.segment_size)
            yield kind, flags, offset, address, stored, size

    def only(self, wanted):
        return next((segment for segment in self.segments() if segment[0] == wanted), None)

    def sections(self):
        """{name: (address, size)}"""
        headers = [struct.unpack_from("<IIQQQQ", self.bytes, self.sections_at + index * self.section_size)
                   for index in range(self.section_count)]
        names = headers[self.names][4]
        text = lambda at: self.bytes[names + at:self.bytes.index(b"\0", names + at)].decode()
        return {text(name): (address, size) for name, _, _, address, _, size in headers}

    def dynamic(self):
        _, _, offset, _, size, _ = self.only(PT_DYNAMIC)
        entries = struct.iter_unpack("<QQ", self.bytes[offset:offset + size])
        return {tag: value for tag, value in entries if tag != DT_NULL}


@pytest.fixture(scope="module")
def program():
    return Program(PROGRAM)


def test_it_is_position_independent_and_needs_no_loader(program):
    assert program.type == ET_DYN
    assert program.only(PT_INTERP) is None, "in an NF's root there is no dynamic loader"
    assert program.dynamic()[DT_FLAGS_1] & DF_1_PIE
    assert DT_TEXTREL not in program.dynamic()


def test_its_relocations_are_read_only(program):
    """Full RELRO: what the program start filled in cannot be written any more, with the table of called functions."""
    assert program.dynamic()[DT_FLAGS_1] & DF_1_NOW
    _, _, _, start, _, size = program.only(PT_GNU_RELRO)
    sections = program.sections()
    for name in (".got", ".got.plt", ".data.rel.ro", ".dynamic", ".init_array"):
        address, length = sections[name]
        assert start <= address and address + length <= start + size, f"{name} stays writable"


def test_nothing_is_writable_and_executable(program):
    for kind, flags, *_ in program.segments():
        assert kind != PT_LOAD or flags & (PF_W | PF_X) != PF_W | PF_X
    assert not program.only(PT_GNU_STACK)[1] & PF_X


def layout(pid):
    """Where the parts of a process lie: {part: first address}."""
    found = {}
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        address, mode, _, _, _, *name = line.split(maxsplit=5)
        # The program is a deleted or far-away file for its own process; the test sees the path it was started by.
        part = name[0] if name else "anonymous"
        found.setdefault(pathlib.Path(part).name if part.startswith("/") else part, int(address.split("-")[0], 16))
    return found


def random_bytes(pid):
    """What the kernel gave a program for its stack canary and its pointer guard (getauxval(3))."""
    entries = dict(struct.iter_unpack("<QQ", pathlib.Path(f"/proc/{pid}/auxv").read_bytes()))
    with open(f"/proc/{pid}/mem", "rb") as memory:
        memory.seek(entries[AT_RANDOM])
        return memory.read(16)


def test_what_an_nf_knows_of_itself_fits_no_other(platform, documents):
    server = platform.ensure(web(documents.root, idle=8, maximum=64))
    manager = server.status()["manager"]
    pids = [nf["pid"] for nf in server.nfs()] + [manager["zygote_pid"]]
    assert len(pids) >= 8
    layouts = [layout(pid) for pid in pids]
    for part in ("onvm-nf", "[stack]", "[heap]", "[vdso]"):
        # The kernel draws among 2^28 and more places, of the vDSO among at least 2^9: two of nine may coincide there.
        places = {each[part] for each in layouts}
        assert len(places) >= len(pids) - (2 if part == "[vdso]" else 0), f"{part}: {sorted(map(hex, places))}"
    assert len({random_bytes(pid) for pid in pids}) == len(pids)


def test_who_crashed_is_followed_by_one_that_differs(platform, documents):
    """The same client's next NF, too."""
    server = platform.ensure(web(documents.root, idle=2, maximum=4))
    seen = []
    for _ in range(3):
        with Connection() as connection:
            assert connection.fetch("/text.txt").status == 200
            pid = server.nf_of(client_address(1))["pid"]
            seen.append((layout(pid)["onvm-nf"], layout(pid)["[stack]"], random_bytes(pid)))
            os.kill(pid, 11)
        server.wait_until(lambda: (server.nf_of(client_address(1)) or {}).get("pid") != pid, 10, "the NF is gone")
    for values in zip(*seen):
        assert len(set(values)) == 3, seen


def test_its_name_is_not_the_programs(platform, documents):
    """ps(1) and top(1) tell NFs apart."""
    server = platform.ensure()
    for nf in server.nfs():
        name = pathlib.Path(f"/proc/{nf['pid']}/comm").read_text().strip()
        assert re.fullmatch(rf"nf-{nf['slot']}-web", name)
