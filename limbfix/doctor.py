"""Is this machine fit to run limbfix, and under which licences does what is installed stand?

Each question is one function that returns rows; printing them is the command line's affair. Nothing heavy is imported
unless the look is `deep`: then torch is asked for its devices and mediapipe opens every model.
"""

import ctypes
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Literal

from packaging.requirements import Requirement

from limbfix import weights
from limbfix.detectors.system_libraries import OPENCV_LIBRARIES, SYSTEM_LIBRARIES
from limbfix.errors import AssetMissing, ModelCorrupt, ModelError
from limbfix.licences import LicencePolicy, is_copyleft, licence_of
from limbfix.shipped import finds_hands, shipped_file, shipped_rows

Status = Literal["ok", "warn", "fail"]

FREE_DISK_WARN_BYTES = 200_000_000
"""Fetching the models takes 60 MB for a moment; a report of some hundred pictures takes the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One row.

    Attributes:
        name: what was looked at.
        status: `ok`; `warn` where limbfix runs but somebody should know; `fail` where it does not run, or where the
            licence policy forbids what is installed.
        message: what was found, in one sentence.
        remedy: what to do, or None where nothing needs doing.
    """

    name: str
    status: Status
    message: str
    remedy: str | None = None


def diagnose(*, deep: bool = False, licence_policy: LicencePolicy = "any") -> list[Diagnosis]:
    """Looks at everything limbfix depends on.

    Args:
        deep: also import torch and mediapipe and open every model; takes some seconds.
        licence_policy: `permissive` turns every package and model under the GPL, the AGPL or a non-commercial licence
            into a `fail`.

    Returns:
        rows in a fixed order: interpreter, packages, OpenCV, system libraries, models, own networks, disk, then
        the deep ones.
    """
    rows = [
        python_version(),
        *packages(licence_policy),
        opencv_owners(),
        *opencv_libraries(),
        *system_libraries(),
        *model_files(licence_policy),
        *own_networks(licence_policy),
        free_disk(),
    ]
    return [*rows, *_deep_rows()] if deep else rows


def worst_status(rows: Iterable[Diagnosis]) -> Status:
    """Names the worst status among the rows; `ok` where there are none."""
    found = {row.status for row in rows}
    return "fail" if "fail" in found else "warn" if "warn" in found else "ok"


def python_version() -> Diagnosis:
    """Tells the interpreter's version and platform; one that is too old could not have installed limbfix."""
    message = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Diagnosis(name="python", status="ok", message=message)


def packages(licence_policy: LicencePolicy = "any") -> list[Diagnosis]:
    """Tells version and licence of limbfix, of every package it needs, and of the optional ones that are installed."""
    own = next(_installed("limbfix"), None)
    if own is None:
        message = "runs from a folder that is not installed, so what it needs is not known"
        return [Diagnosis(name="limbfix", status="warn", message=message, remedy="pip install -e .")]
    rows = [Diagnosis(name="limbfix", status="ok", message=f"{own.version}, {licence_of(own)}")]
    needs = [Requirement(line) for line in own.requires or ()]
    seen: set[str] = set()
    for need in sorted(needs, key=lambda need: (_extra_of(need) or "", need.name)):
        extra = _extra_of(need)
        if need.name in seen or need.name == "limbfix" or extra == "dev":
            continue
        row = _package(need, extra, licence_policy)
        if row is not None:
            seen.add(need.name)
            rows.append(row)
    return rows


def opencv_owners(owners: Sequence[tuple[str, str]] | None = None) -> Diagnosis:
    """Counts the packages that own the folder `cv2/`; two of one version work, two of different versions overwrite
    each other file by file.

    Args:
        owners: (package, version) pairs; None looks them up.
    """
    found = _cv2_owners() if owners is None else sorted(owners)
    listed = ", ".join(f"{name} {version}" for name, version in found)
    again = "pip install --force-reinstall --no-deps opencv-contrib-python"
    if not found:
        return Diagnosis(name="cv2", status="fail", message="no package provides OpenCV", remedy=again)
    spec = PathFinder.find_spec("cv2")  # looks at the disk even where cv2 is imported already
    if owners is None and (spec is None or spec.origin is None):
        message = f"{listed} should provide cv2, but its files are gone, as after removing a second owner"
        return Diagnosis(name="cv2", status="fail", message=message, remedy=again)
    if len({version for _, version in found}) > 1:
        message = f"{len(found)} packages of different versions own cv2: {listed}"
        remedy = "give them the same version, as constraints.txt does"
        return Diagnosis(name="cv2", status="fail", message=message, remedy=remedy)
    if len(found) > 1:
        message = f"{len(found)} packages own cv2: {listed}; removing one of them breaks the other"
        remedy = f"leave both, or after removing one: {again}"
        return Diagnosis(name="cv2", status="warn", message=message, remedy=remedy)
    return Diagnosis(name="cv2", status="ok", message=f"one owner: {listed}")


def opencv_libraries(names: Iterable[str] = OPENCV_LIBRARIES) -> list[Diagnosis]:
    """Tries to load the system libraries that `import cv2` loads, and nothing works without; a headless OpenCV needs none."""
    if all("headless" in owner for owner, _ in _cv2_owners()):
        return []
    return _libraries(names, OPENCV_LIBRARIES, lambda error: ("fail", f"OpenCV needs it: {error}"))


def system_libraries(names: Iterable[str] = SYSTEM_LIBRARIES) -> list[Diagnosis]:
    """Tries to load the system libraries that mediapipe loads."""
    return _libraries(names, SYSTEM_LIBRARIES, lambda error: _without_mediapipe(f"mediapipe needs it: {error}"))


def _libraries(
    names: Iterable[str], packages: Mapping[str, str], weigh: Callable[[OSError], tuple[Status, str]]
) -> list[Diagnosis]:
    """Asks nothing on systems other than Linux."""
    if not sys.platform.startswith("linux"):
        return []
    rows = []
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError as error:
            remedy = f"apt-get install {packages.get(name, 'the package that holds it')}"
            status, message = weigh(error)
            rows.append(Diagnosis(name=name, status=status, message=message, remedy=remedy))
        else:
            rows.append(Diagnosis(name=name, status="ok", message="loads"))
    return rows


def model_files(licence_policy: LicencePolicy = "any") -> list[Diagnosis]:
    """Tells of each model file whether it is there and right, its SHA-256 and its licence."""
    rows = []
    for row in weights.installed_models():
        model = row.model
        status: Status
        stated = f"{model.licence}, commercial use: {model.commercial_use}"
        name = f"model {model.name}"
        if row.state != "ok":
            status, message = "fail", f"{row.path} is {row.state} ({stated})"
            if row.state == "missing":
                status, message = _without_mediapipe(message)
            rows.append(Diagnosis(name=name, status=status, message=message, remedy=weights.PULL_COMMAND))
            continue
        message = f"{row.path}, SHA-256 {row.sha256} ({row.origin}), {stated}"
        forbidden = licence_policy == "permissive" and (model.commercial_use != "yes" or is_copyleft(model.licence))
        status = "fail" if forbidden else "ok"
        remedy = "use another model, or licence policy any" if forbidden else None
        rows.append(Diagnosis(name=name, status=status, message=message, remedy=remedy))
    return rows


def own_networks(licence_policy: LicencePolicy = "any") -> list[Diagnosis]:
    """Tells of each network that comes with limbfix whether it is whole, its SHA-256 and its licence."""
    rows = []
    for name, listed in shipped_rows().items():
        try:
            shipped_file(name)
        except (AssetMissing, ModelCorrupt) as error:
            rows.append(Diagnosis(name=f"network {name}", status="fail", message=str(error), remedy="install it again"))
            continue
        message = (
            f"{listed['bytes'] / 1e6:.1f} MB, SHA-256 {listed['sha256']}, {listed['licence']}, card {listed['card']}"
        )
        forbidden = licence_policy == "permissive" and is_copyleft(listed["licence"])
        rows.append(Diagnosis(name=f"network {name}", status="fail" if forbidden else "ok", message=message))
    return rows


def free_disk(folder: Path | None = None) -> Diagnosis:
    """Tells how much room there is where the models lie.

    Args:
        folder: a folder, existing or not; None takes the models'.
    """
    place = folder or weights.model_folder()
    existing = next(parent for parent in (place, *place.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    message = f"{free / 1e9:.1f} GB free at {existing}"
    if free < FREE_DISK_WARN_BYTES:
        remedy = f"make room, or name another folder in {weights.FOLDER_VARIABLE}"
        return Diagnosis(name="disk", status="warn", message=message, remedy=remedy)
    return Diagnosis(name="disk", status="ok", message=message)


def _without_mediapipe(message: str) -> tuple[Status, str]:
    """Weighs something missing that only MediaPipe needs: with a finder of our own limbfix judges hands without it."""
    if not finds_hands():
        return "fail", message
    return "warn", f"{message}; limbfix judges without it, but finds fewer hands and sees no faces"


def _extra_of(need: Requirement) -> str | None:
    """Names the extra that a requirement belongs to, or None for what is always needed."""
    found = re.search(r'extra\s*==\s*"([^"]+)"', str(need.marker)) if need.marker else None
    return found.group(1) if found else None


def _package(need: Requirement, extra: str | None, licence_policy: LicencePolicy) -> Diagnosis | None:
    """Looks at one package; None for an optional one that is not installed."""
    remedy = f"pip install '{need.name}{need.specifier}'"
    status: Status
    distribution = next(_installed(need.name), None)
    if distribution is None:
        if extra is not None:
            return None
        status, message = "fail", f"not installed, expected {need.specifier}"
        if need.name == "mediapipe":
            status, message = _without_mediapipe(message)
        return Diagnosis(name=need.name, status=status, message=message, remedy=remedy)
    licence = licence_of(distribution)
    message = f"{distribution.version}, {licence}" + (f" (extra {extra})" if extra else "")
    if not need.specifier.contains(distribution.version, prereleases=True):
        message = f"{message}; expected {need.specifier}"
        return Diagnosis(name=need.name, status="fail", message=message, remedy=remedy)
    if is_copyleft(licence):
        message += "; limbfix runs without it, and whoever distributes both together should know these terms"
        status = "fail" if licence_policy == "permissive" else "warn"
        return Diagnosis(
            name=need.name, status=status, message=message, remedy=f"to be without it: pip uninstall {need.name}"
        )
    return Diagnosis(name=need.name, status="ok", message=message)


def _cv2_owners() -> list[tuple[str, str]]:
    owners = set()
    for distribution in _installed():
        if "cv2" in (distribution.read_text("top_level.txt") or "").split():
            owners.add((distribution.metadata["Name"].lower(), distribution.version))
    return sorted(owners)


def _installed(name: str | None = None) -> Iterator[metadata.Distribution]:
    """Yields the packages on the path, of one name or all; not what an uninstall left of one, which says neither name nor version."""
    for distribution in metadata.distributions() if name is None else metadata.distributions(name=name):
        if "Name" in distribution.metadata and "Version" in distribution.metadata:
            yield distribution


def _deep_rows() -> list[Diagnosis]:
    return [_torch_device(), *_opened_models()]


def _torch_device() -> Diagnosis:
    try:
        import torch
    except (ImportError, OSError) as error:
        return Diagnosis(name="torch device", status="fail", message=str(error), remedy="pip install torch")
    if torch.cuda.is_available():
        return Diagnosis(name="torch device", status="ok", message=f"cuda: {torch.cuda.get_device_name(0)}")
    if torch.backends.mps.is_available():
        return Diagnosis(name="torch device", status="ok", message="mps")
    return Diagnosis(name="torch device", status="ok", message=f"cpu, {torch.get_num_threads()} threads")


def _opened_models() -> list[Diagnosis]:
    """Lets mediapipe open each model, which proves the library, the system libraries and the files together."""
    try:
        from mediapipe.tasks.python import BaseOptions, vision
    except (ImportError, OSError) as error:
        status, message = _without_mediapipe(str(error))
        return [Diagnosis(name="mediapipe", status=status, message=message, remedy="pip install 'mediapipe>=1.2'")]
    tasks = {
        "hand_landmarker": (vision.HandLandmarker, vision.HandLandmarkerOptions),
        "pose_landmarker": (vision.PoseLandmarker, vision.PoseLandmarkerOptions),
        "face_detector": (vision.FaceDetector, vision.FaceDetectorOptions),
    }
    rows = []
    for name, (task, options) in tasks.items():
        try:
            path = str(weights.model_path(name))
            task.create_from_options(options(base_options=BaseOptions(model_asset_path=path))).close()
        except (ModelError, RuntimeError, ValueError, OSError) as error:
            message = f"mediapipe cannot open it: {error}"
            rows.append(Diagnosis(name=f"open {name}", status="fail", message=message, remedy=weights.PULL_COMMAND))
        else:
            rows.append(Diagnosis(name=f"open {name}", status="ok", message="mediapipe opens it"))
    return rows
