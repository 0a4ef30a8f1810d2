"""Runs a program for which the kernel refuses some system calls: as if it did not have them, or did not permit them.

    python3 refused_calls.py ERRNO NUMBER[,NUMBER...] PROGRAM [ARGUMENT...]

A layer of the sandbox that a host lacks is taken away like this, with nothing in the product that could.
"""

import ctypes
import errno
import os
import struct
import sys

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
RET_ALLOW, RET_ERRNO = 0x7FFF0000, 0x00050000
LOAD_NUMBER, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
# System call numbers of x86-64.
LANDLOCK = (444, 445, 446)
CALLS = {
    "setgroups": 116, "setresuid": 117, "setresgid": 119, "capset": 126, "pivot_root": 155, "unshare": 272,
    "seccomp": 317, "execveat": 322, "landlock_restrict_self": 446,
}


def command(error, numbers):
    """The words to put before a program's own."""
    return [sys.executable, os.path.abspath(__file__), error, ",".join(map(str, numbers))]


def refuse(error, numbers):
    """For this process and all that it becomes. Needs CAP_SYS_ADMIN: no_new_privs would change what is tested."""
    code = [(LOAD_NUMBER, 0, 0, 0)]
    for number in numbers:
        code += [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, RET_ERRNO | error)]
    code.append((RETURN, 0, 0, RET_ALLOW))
    filters = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *instruction) for instruction in code))
    program = struct.pack("@HP", len(code), ctypes.addressof(filters))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_char_p(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl PR_SET_SECCOMP")


if __name__ == "__main__":
    refuse(getattr(errno, sys.argv[1]), [int(number) for number in sys.argv[2].split(",")])
    os.execv(sys.argv[3], sys.argv[3:])
