"""The document root that the tests serve, and the digest of every file in it."""

import hashlib
import os
import pathlib
import random
import shutil
import tempfile

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

# The MSS of IPv4 with timestamps at MTU 1500 is 1,448; the sizes around it end a response in every way.
SMALL_SIZES = (0, 1, 1447, 1448, 1449, 64 * KIB)
SIZES = (*SMALL_SIZES, 10 * MIB)


class Documents:
    """Files of known content. `path(size)` is what to ask the server for, `digest(size)` what must come back."""

    def __init__(self):
        # Not under /tmp's private directories: NF processes have uids of their own and must be able to read it.
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="onvm-documents-", dir="/var/tmp"))
        self.base.chmod(0o755)
        self.root = self.base / "site"
        self.root.mkdir(mode=0o755)
        self._digests = {}
        for size in (64, *SIZES):
            self._generate(size)
        self._tree()

    def path(self, size):
        self._generate(size)
        return f"/{self._name(size)}"

    def digest(self, size):
        self._generate(size)
        return self._digests[size]

    def content(self, size):
        self._generate(size)
        return (self.root / self._name(size)).read_bytes()

    def write(self, name, content, mode=0o644):
        """A file of a test's own; returns its path."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        file.chmod(mode)
        return file

    def remove(self):
        shutil.rmtree(self.base)

    @staticmethod
    def _name(size):
        return f"{size}.bin"

    def _generate(self, size):
        """Random bytes that a number in every block makes different from those of any other block and file."""
        if size in self._digests:
            return
        block = random.Random(size).randbytes(min(size, MIB))
        digest = hashlib.sha256()
        with open(self.root / self._name(size), "wb") as file:
            for start in range(0, size, MIB):
                part = start.to_bytes(8, "big") + block[8:] if start else block
                part = part[: size - start]
                file.write(part)
                digest.update(part)
        self._digests[size] = digest.hexdigest()

    def _tree(self):
        """Names, types and obstacles for the HTTP tests."""
        self.write("index.html", b"<!doctype html><title>home</title>\n")
        self.write("page.html", b"<!doctype html><p>a page</p>\n")
        self.write("style.css", b"body { margin: 0 }\n")
        self.write("data.json", b'{"answer": 42}\n')
        self.write("text.txt", b"0123456789abcdefghijklmnopqrstuvwxyz\n")
        self.write("unknown.zzz", b"what is this\n")
        self.write("with space.txt", b"a space in the name\n")
        self.write("ümlaut.txt", "ü\n".encode())
        self.write("directory/index.html", b"<!doctype html><title>directory</title>\n")
        self.write("empty/nothing.txt", b"a directory without an index\n")
        self.write("secret.txt", b"not for everyone\n", mode=0o600)
        self.write(".hidden", b"nobody sees dot files\n")
        (self.base / "outside.txt").write_bytes(b"outside the document root\n")
        os.symlink("text.txt", self.root / "link-inside.txt")
        os.symlink("../outside.txt", self.root / "link-outside.txt")
        os.symlink("/etc/passwd", self.root / "link-absolute.txt")
        os.symlink("..", self.root / "link-parent")
        os.symlink("loop", self.root / "loop")
        os.mkfifo(self.root / "pipe", 0o644)
