"""How is MediaPipe kept from calling home? Its 1.x library uploads usage statistics through a curl of its own.

There is no switch for it (google-ai-edge/mediapipe issue 6291), and Python's audit hooks do not see C code. So the
library's own entry for `getaddrinfo` is pointed at a function that fails: it can resolve no name, nothing else in the
process is touched. Linux with glibc only (ELF, 64 bit); elsewhere `silence` returns
False, and closing under a dead proxy (limbfix.detectors.mediapipe_tasks) is all that is done.
"""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys
from functools import cache

import numpy as np

LIBRARY = "libmediapipe.so"
_PT_DYNAMIC = 2
_STRTAB, _SYMTAB, _RELA, _RELASZ, _PLTRELSZ, _JMPREL = 5, 6, 7, 8, 2, 23


class _Segment(ctypes.Structure):
    """Elf64_Phdr."""

    _fields_ = [
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        *((name, ctypes.c_uint64) for name in ("offset", "vaddr", "paddr", "filesz", "memsz", "align")),
    ]


class _Library(ctypes.Structure):
    """The head of dl_phdr_info."""

    _fields_ = [
        ("base", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("segments", ctypes.POINTER(_Segment)),
        ("segment_count", ctypes.c_uint16),
    ]


@cache
def silence() -> bool:
    """Makes every name lookup of the loaded libmediapipe.so fail; call it after mediapipe's library is loaded.

    Returns:
        whether it is done; False on other systems than 64-bit Linux, or where the library is not loaded.
    """
    # Only glibc stores the dynamic table's pointers relocated; elsewhere the walk below would read wild addresses.
    if sys.platform != "linux" or ctypes.sizeof(ctypes.c_void_p) != 8 or platform.libc_ver()[0] != "glibc":
        return False
    process = ctypes.CDLL(None, use_errno=True)
    # getpid takes no argument, has no effect and returns a positive number, which getaddrinfo's callers read as failure.
    refusal = ctypes.cast(process.getpid, ctypes.c_void_p).value
    slots = [slot for base, tables in _libraries(process) for slot in _slots(base, tables, b"getaddrinfo")]
    for slot in slots:
        page = slot & ~(mmap.PAGESIZE - 1)
        if process.mprotect(ctypes.c_void_p(page), ctypes.c_size_t(mmap.PAGESIZE), 3) != 0:
            return False
        ctypes.c_uint64.from_address(slot).value = refusal or 0
    return bool(slots)


def _libraries(process: ctypes.CDLL) -> list[tuple[int, dict[int, int]]]:
    """Returns (load address, dynamic table) of each loaded object that is MediaPipe's library."""
    found: list[tuple[int, dict[int, int]]] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p)
    def visit(library, size, data):
        info = library.contents
        if (info.name or b"").endswith(LIBRARY.encode()):
            for segment in info.segments[: info.segment_count]:
                if segment.type == _PT_DYNAMIC:
                    words = _array(info.base + segment.vaddr, segment.memsz).reshape(-1, 2)
                    found.append((info.base, {int(tag): int(value) for tag, value in words}))
        return 0

    process.dl_iterate_phdr(visit, None)
    return found


def _slots(base: int, table: dict[int, int], symbol: bytes) -> list[int]:
    """Returns the addresses at which a library keeps its pointers to a function of another library."""
    slots = []
    for start, size in ((_JMPREL, _PLTRELSZ), (_RELA, _RELASZ)):
        if start not in table:
            continue
        entries = _array(table[start], table[size]).reshape(-1, 3)  # r_offset, r_info, r_addend
        for offset, info in entries[entries[:, 1] >> 32 != 0][:, :2]:
            name = ctypes.c_uint32.from_address(table[_SYMTAB] + int(info >> 32) * 24).value
            if ctypes.string_at(table[_STRTAB] + name) == symbol:
                slots.append(base + int(offset))
    return slots


def _array(address: int, size: int) -> np.ndarray:
    return np.ctypeslib.as_array((ctypes.c_uint64 * (size // 8)).from_address(address))
