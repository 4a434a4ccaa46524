"""Which people, hands and faces does a YOLO model of the user's own see? The one module that imports ultralytics.

ultralytics is AGPL-3.0 and optional: `pip install "limbfix[yolo]"`. A model file is somebody else's data, so it is read
without running code from it (weights only, ultralytics' allow-list of classes), and neither reading nor running it may
reach the network or start a program. Nothing is ever downloaded, also not for the well-known names.

Cannot tell: whether a model's class `person` means what ours does, or whether its keypoints stand in COCO's and
MediaPipe's order; 17 points of a person and 21 of a hand are taken to.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.detectors.confinement import confined, process_restored
from limbfix.detectors.devices import torch_device
from limbfix.errors import DetectorError, LimbfixError, MissingExtra, ModelError, UsageError
from limbfix.geometry import Box
from limbfix.layouts import COCO17, HAND21, Layout
from limbfix.parts import Keypoints, Part, PartKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from limbfix.images import Picture

MIN_SCORE = 0.25
"""ultralytics' own default, at which most published models were tried."""

MAX_PARTS = 100
"""Best-scored parts kept of one picture; a mask of each at 2048 x 2048 px is 420 MB."""

TASKS = ("detect", "pose", "segment")

LAYOUTS: dict[tuple[PartKind, int], Layout] = {(PartKind.PERSON, 17): COCO17, (PartKind.HAND, 21): HAND21}
"""Which layout the keypoints of a pose model have. Other models give boxes alone."""

SAFETY = {"ULTRALYTICS_SAFE_LOAD": "true", "YOLO_AUTOINSTALL": "false", "YOLO_OFFLINE": "true", "YOLO_VERBOSE": "false"}
"""Environment variables that ultralytics reads once, when it is imported."""


class UltralyticsYolo:
    """Finds persons, hands and faces with a detection, pose or segmentation model.

    Classes are matched by name, in any case; those named otherwise than person, hand or face are ignored.

    Args:
        path: a `.pt` checkpoint on this machine.
        device: as `torch_device` reads it.
        min_score: detections below it are dropped, 0-1.

    Raises:
        UsageError: no such file, not a `.pt` file, no such device, a task or classes that are of no use here, or
            ultralytics was imported before without its safety switches.
        ModelError: the file is damaged, or needs code outside ultralytics' allow-list.
        MissingExtra: ultralytics is not installed.
    """

    def __init__(self, path: str | Path, *, device: str = "cpu", min_score: float = MIN_SCORE) -> None:
        self._path = _existing(path)
        self.name = f"yolo:{self._path.stem}"
        if not 0 <= min_score <= 1:
            raise UsageError(f"detector {self.name}: expected min_score in 0-1, got {min_score}")
        self._min_score, self._device = min_score, torch_device(device)
        self._model, self._kinds, self._sha256 = _load(self._path, self.name)

    def model_hashes(self) -> dict[str, str]:
        """Returns the SHA-256 of the bytes that were loaded, by file name."""
        return {self._path.name: self._sha256}

    def detect(self, picture: Picture, known: tuple[Part, ...]) -> tuple[Part, ...]:
        """Returns the parts above `min_score`, best first. See `Detector.detect`."""
        if self._model is None:
            raise DetectorError(f"detector {self.name}: expected an open detector, got one that was closed")
        with _failures_named(self.name, DetectorError, "a result"):
            result = self._model.predict(
                np.ascontiguousarray(picture.pixels[:, :, ::-1]),  # ultralytics takes arrays as BGR, like OpenCV
                conf=self._min_score,
                classes=sorted(self._kinds),
                device=self._device,
                max_det=MAX_PARTS,
                retina_masks=True,  # masks in the picture's own pixels, upsampled a few at a time
                save=False,
                verbose=False,
            )[0]
            return self._parts(result.cpu().numpy(), (picture.height, picture.width))

    def close(self) -> None:
        """Frees the model."""
        self._model = None

    def _parts(self, result: Any, shape_hw: tuple[int, int]) -> tuple[Part, ...]:
        boxes, classes, scores = result.boxes.xyxy, result.boxes.cls.astype(int), result.boxes.conf
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ValueError("boxes or scores that are no numbers")
        masks = None if result.masks is None else np.asarray(result.masks.data, dtype=np.uint8).view(bool)
        if masks is not None and masks.shape != (len(boxes), *shape_hw):
            raise ValueError(f"masks of shape {masks.shape} for {len(boxes)} boxes in a picture of {shape_hw}")
        parts = []
        for index, (box, label, score) in enumerate(zip(boxes, classes, scores, strict=True)):
            kind = self._kinds[int(label)]
            points = None if result.keypoints is None else result.keypoints.data[index]
            parts.append(
                Part(
                    kind=kind,
                    box=Box(*(float(value) for value in box)),
                    detection_score=float(np.clip(score, 0, 1)),
                    detector=self.name,
                    keypoints=None if points is None else _keypoints(points, kind, shape_hw),
                    mask=None if masks is None else masks[index],
                )
            )
        return tuple(parts)


def _keypoints(points: np.ndarray, kind: PartKind, shape_hw: tuple[int, int]) -> Keypoints | None:
    """Returns keypoints of (K, 2) or (K, 3) x, y, visibility, or None for a layout we do not know."""
    layout = LAYOUTS.get((kind, len(points)))
    if layout is None:
        return None
    xy = points[:, :2].astype(np.float32)
    score = points[:, 2].astype(np.float32) if points.shape[1] > 2 else np.full(len(points), np.nan, np.float32)
    # ultralytics moves points outside the picture onto its edge. Where such a joint lies is not known, and a forearm
    # measured to the edge is no measurement.
    height, width = shape_hw
    lost = (xy <= 0).any(axis=1) | (xy >= [width, height]).any(axis=1)
    xy[lost], score[lost] = np.nan, np.nan
    return Keypoints(layout=layout, xy=xy, score=score)


def _existing(path: str | Path) -> Path:
    found = Path(path).expanduser().absolute()
    if not found.is_file():
        remedy = "limbfix downloads no YOLO models, so give the path of a .pt file on this machine"
        raise UsageError(f"yolo: expected a model file at {str(found)!r}, found none; {remedy}")
    if found.suffix.lower() != ".pt":
        raise UsageError(f"yolo: expected a .pt checkpoint, got {found.name!r}; other formats cannot be loaded safely")
    return found


def _load(path: Path, name: str) -> tuple[Any, dict[int, PartKind], str]:
    """Returns the model, what its classes are, and the SHA-256 of the very bytes it was built from."""
    yolo = _import_yolo()
    with (
        _failures_named(name, ModelError, f"{path} to be a sound YOLO checkpoint that needs no code of its own"),
        process_restored(),
        tempfile.TemporaryDirectory(prefix="limbfix-yolo-") as folder,
    ):
        # A copy under a plain name: what is hashed is what is loaded, and ultralytics neither drops quotes from the
        # path nor takes the name for one of those that it downloads.
        copy = Path(shutil.copyfile(path, Path(folder) / "model.pt"))
        with copy.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        model = yolo(str(copy))
        if not all(tensor.isfinite().all() for tensor in model.model.state_dict().values()):
            raise ValueError("weights that are no numbers")  # scores of nan pass no threshold: it would see nothing
        return model, _kinds(model, name), sha256


def _kinds(model: Any, name: str) -> dict[int, PartKind]:
    """Returns which of the model's class indices are persons, hands and faces."""
    if model.task not in TASKS:
        raise UsageError(f"detector {name}: expected a model for one of {', '.join(TASKS)}, got one for {model.task!r}")
    names = {int(index): str(label) for index, label in dict(model.names).items()}
    by_label = {kind.value: kind for kind in PartKind}
    kinds = {index: by_label[key] for index, label in names.items() if (key := label.strip().lower()) in by_label}
    if not kinds:
        shown = ", ".join(repr(label[:40]) for label in list(names.values())[:10])
        more = f" and {len(names) - 10} more" if len(names) > 10 else ""
        raise UsageError(f"detector {name}: expected a class named {', '.join(by_label)}; the model has {shown}{more}")
    return kinds


@contextmanager
def _failures_named(name: str, error_type: type[LimbfixError], expected: str) -> Iterator[None]:
    """Confines a model, and turns whatever it raises into an error with the detector's name."""
    try:
        with confined(f"detector {name}"):
            yield
    except LimbfixError:
        raise
    except Exception as error:  # a model file can make ultralytics raise anything; nothing is swallowed here
        reason = " ".join(str(error).split())[:300]
        raise error_type(f"detector {name}: expected {expected}; got {type(error).__name__}: {reason}") from error


@cache
def _import_yolo() -> Any:
    """Imports ultralytics with its safety switches on, makes sure that they are, and returns its YOLO class."""
    import torch  # before ultralytics, which would set OpenMP, and with it torch, to one thread

    folder = _settings_folder()
    with confined("ultralytics"), process_restored():
        os.environ.update(SAFETY, YOLO_CONFIG_DIR=folder.name)
        try:
            import ultralytics
            from ultralytics import YOLO
        except (ImportError, OSError) as error:
            raise MissingExtra(
                f'yolo: expected to import ultralytics, got {error}. Install it with: pip install "limbfix[yolo]". '
                "ultralytics is under AGPL-3.0, limbfix under Apache-2.0: installing it is your decision"
            ) from error
        _require_safety(ultralytics.__version__, torch.__version__)
    logger = logging.getLogger("ultralytics")
    logger.handlers, logger.propagate = [], True  # its own handler writes to stdout, where only our records belong
    return YOLO


@cache
def _settings_folder() -> tempfile.TemporaryDirectory[str]:
    """Returns a folder with settings of our own, without telemetry; it goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="limbfix-ultralytics-")
    settings = Path(folder.name, "Ultralytics", "settings.json")
    settings.parent.mkdir()
    settings.write_text('{"sync": false}', encoding="utf-8")
    return folder


def _require_safety(version: str, torch_version: str) -> None:
    """Raises UsageError unless ultralytics loads safely, installs nothing and sends nothing."""
    # Old versions know no safe loading, an old torch makes it unsafe without an error, and an ultralytics that the
    # program imported before us read its switches without us.
    from ultralytics import utils
    from ultralytics.nn import tasks
    from ultralytics.utils.events import events

    safe_load = getattr(tasks, "_SafeLoad", None)
    holds = {
        "safe loading": getattr(tasks, "SAFE_LOAD", False) is True and getattr(safe_load, "SUPPORTED", False) is True,
        "no automatic installation": getattr(utils, "AUTOINSTALL", True) is False,
        "no network": getattr(utils, "ONLINE", True) is False,
        "no telemetry": events.enabled is False,
    }
    if missing := [fact for fact, is_so in holds.items() if not is_so]:
        switches = " ".join(f"{name}={value}" for name, value in SAFETY.items())
        raise UsageError(
            f"yolo: expected ultralytics with {', '.join(missing)}, got {version} with torch {torch_version} without. "
            f'Set {switches} if the program imports it before limbfix; else pip install -U "limbfix[yolo]"'
        )
