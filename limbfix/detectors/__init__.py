"""Which detectors look at a picture? One explicit table from the words of the settings to detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from limbfix.errors import AssetMissing, MissingExtra, UsageError

if TYPE_CHECKING:
    from limbfix.detectors.body_sight import BodySight
    from limbfix.parts import Detector

YOLO_PREFIX = "yolo:"

SEARCHES = ("full", "single")
"""`full` looks at tiles and crops too; `single` calls each model once on the whole picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a builder may need to know.

    Attributes:
        device: as the settings say it.
        search: one of `SEARCHES`.
        names: all built-in detectors that will look.
        notes: what every record shall say.
        sight: the body parser, which both of our detectors look through; None where this installation brings none.
    """

    device: str
    search: str
    names: frozenset[str]
    notes: tuple[str, ...] = ()
    sight: BodySight | None = None


def _faces(setup: Setup) -> Detector:
    from limbfix.detectors.devices import mediapipe_device
    from limbfix.detectors.mediapipe_faces import MediaPipeFaces

    return MediaPipeFaces(device=mediapipe_device(setup.device))


def _pose(setup: Setup) -> Detector:
    from limbfix.detectors.devices import mediapipe_device
    from limbfix.detectors.mediapipe_pose import MediaPipePose

    full = setup.search == "full"
    return MediaPipePose(device=mediapipe_device(setup.device), crops=full, masks=full)


def _own_hands(setup: Setup) -> Detector:
    from limbfix.detectors.devices import runtime_providers
    from limbfix.detectors.limbfix_hands import LimbfixHands

    providers = runtime_providers(setup.device)
    return LimbfixHands(search=setup.search, providers=providers, sight=setup.sight, notes=setup.notes)


def _own_bodies(setup: Setup) -> Detector:
    from limbfix.detectors.devices import runtime_providers
    from limbfix.detectors.foot_looker import FootLooker
    from limbfix.detectors.limb_looker import LimbLooker
    from limbfix.detectors.limbfix_bodies import LimbfixBodies
    from limbfix.limb_looks import MOST_PEOPLE, QUICK_PEOPLE

    if setup.sight is None:
        raise AssetMissing(
            "limbfix_bodies: expected a body parser in this installation, found none; install limbfix again"
        )
    file, providers = setup.sight.network.file, runtime_providers(setup.device)
    both_ways = setup.search == "full"
    feet = FootLooker.shipped(mirrored=both_ways, bodies=file, providers=providers, judges=True)
    most = MOST_PEOPLE if both_ways else QUICK_PEOPLE
    limbs = LimbLooker.shipped(mirrored=both_ways, most=most, providers=providers)
    return LimbfixBodies(setup.sight, feet=feet, limbs=limbs)


def _sight(names: Sequence[str], *, device: str, search: str) -> BodySight | None:
    from limbfix.detectors.body_sight import BodySight
    from limbfix.detectors.devices import runtime_providers
    from limbfix.shipped import sees_bodies

    # a look costs as much as all hands: in a single search hands alone do without
    askers = {"limbfix_bodies"} if search == "single" else {"limbfix_bodies", "limbfix_hands"}
    if not sees_bodies() or not askers & set(names):
        return None
    return BodySight(search=search, providers=runtime_providers(device))


def _hands(setup: Setup) -> Detector:
    from limbfix.detectors.devices import mediapipe_device
    from limbfix.detectors.mediapipe_hands import MediaPipeHands

    return MediaPipeHands(device=mediapipe_device(setup.device), search=setup.search)


def _yolo(path: str, device: str) -> Detector:
    from limbfix.detectors.devices import torch_device
    from limbfix.detectors.ultralytics_yolo import UltralyticsYolo

    return UltralyticsYolo(path, device=torch_device(device))


BUILDERS: dict[str, Callable[[Setup], Detector]] = {
    "mediapipe_faces": _faces,
    "mediapipe_pose": _pose,
    "limbfix_bodies": _own_bodies,
    "limbfix_hands": _own_hands,
    "mediapipe_hands": _hands,
}
"""The built-in detectors in the order in which they look: faces guide the search for bodies, bodies that for hands, and MediaPipe's
hands are a second opinion on ours."""

GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "mediapipe": {
        "full": ("mediapipe_faces", "mediapipe_pose", "mediapipe_hands"),
        "single": ("mediapipe_pose", "mediapipe_hands"),
    }
}
"""Words that stand for several built-in detectors, by search."""

USUAL = "limbfix"
"""The word for all that is here: our own hands and bodies, if this installation brings their networks, and MediaPipe's bodies, faces and opinion on
hands where MediaPipe is there. A network that should be there and is broken is an error, never left out."""


def make_detectors(
    specs: Sequence[str], *, device: str, search: str, require_models: bool = False
) -> tuple[Detector, ...]:
    """Builds the detectors that the settings name.

    Args:
        specs: words of `BUILDERS` or `GROUPS`, `limbfix` (see `USUAL`), and `yolo:PATH` for a model of the user's own.
        device: `auto`, `cpu`, `gpu`, `mps`, `cuda` or `cuda:<index>`. MediaPipe takes `gpu` as OpenGL and computes on
            the CPU otherwise; YOLO takes `auto` as the first CUDA device, or the CPU where there is none.
        search: one of `SEARCHES`.
        require_models: whether `limbfix` stands for MediaPipe's detectors too where MediaPipe is not there, which is then an error.

    Returns:
        the detectors in the order in which they must look, whatever the order of `specs`: the built-in ones as in
        `BUILDERS`, then YOLO models as given.

    Raises:
        UsageError: no spec, an unknown one, one given twice, an unknown search or device; and as `UltralyticsYolo`.
        MissingExtra: OpenCV or a system library that it loads is missing; and as `UltralyticsYolo`, or as `mediapipe_tasks.require_all` where models are required.
        ModelError: as `UltralyticsYolo`, and likewise.
    """
    if isinstance(specs, str) or not specs:
        raise UsageError(f"detectors: expected a list of {_known()}, got {specs!r}; mediapipe is the usual one")
    if search not in SEARCHES:
        raise UsageError(f"search: expected {' or '.join(SEARCHES)}, got {search!r}")
    builtin: list[str] = []
    yolo_paths: list[str] = []
    notes: list[str] = []
    for spec in specs:
        if spec == USUAL:
            notes += _usual(builtin, search, require_models=require_models)
        elif spec in GROUPS:
            builtin += GROUPS[spec][search]
        elif spec in BUILDERS:
            builtin.append(spec)
        elif spec.startswith(YOLO_PREFIX) and spec != YOLO_PREFIX:
            yolo_paths.append(spec.removeprefix(YOLO_PREFIX))
        else:
            raise UsageError(f"detectors: expected {_known()}, got {spec!r}")
    _require_distinct(builtin)
    _require_opencv()
    sight = _sight(builtin, device=device, search=search)
    setup = Setup(device=device, search=search, names=frozenset(builtin), notes=tuple(notes), sight=sight)
    detectors = [build(setup) for name, build in BUILDERS.items() if name in builtin]
    detectors += [_yolo(path, device) for path in yolo_paths]
    _require_distinct([detector.name for detector in detectors])
    return tuple(detectors)


def _usual(builtin: list[str], search: str, *, require_models: bool) -> list[str]:
    """Adds the detectors that `USUAL` stands for on this machine; returns a note if MediaPipe is not among them."""
    from limbfix.detectors.mediapipe_tasks import require_all, why_absent
    from limbfix.shipped import finds_hands, has_hand_networks, reads_bodies

    if require_models:
        require_all()
    if reads_bodies():
        builtin.append("limbfix_bodies")
    if not has_hand_networks():
        builtin += GROUPS["mediapipe"][search]
        return []
    builtin.append("limbfix_hands")
    why = why_absent() if finds_hands() else None  # without a finder MediaPipe must be there, and says so itself
    if why is not None:
        seen = "no second opinion on bodies" if "limbfix_bodies" in builtin else "no bodies"
        return [f"{seen}, no faces and no second opinion on hands: {why}"]
    builtin += GROUPS["mediapipe"][search]
    return []


def _known() -> str:
    return f"{', '.join((USUAL, *GROUPS, *BUILDERS))} or {YOLO_PREFIX}PATH"


def _require_opencv() -> None:
    """Says what a bare system lacks, before a detector's own import breaks: OpenCV links against libraries that pip cannot bring."""
    from limbfix.detectors.system_libraries import SYSTEM_COMMAND

    try:
        import cv2  # noqa: F401
    except (ImportError, OSError) as error:
        raise MissingExtra(
            f"OpenCV: expected to import, got {error}. On Debian it needs: {SYSTEM_COMMAND}. `limbfix doctor` says what is missing."
        ) from error


def _require_distinct(names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(
            f"detectors: expected each once, got {', '.join(twice)} more than once; leave one out, or rename its file"
        )
