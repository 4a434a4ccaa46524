"""The wiring: picture -> parts -> scene -> findings -> verdict -> record, each arrow one function."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from limbfix.assembly import assemble
from limbfix.bodies import BodyReading, ReadsBodies
from limbfix.checks import check
from limbfix.detectors import make_detectors
from limbfix.errors import DetectorError, LimbfixError, PictureError
from limbfix.images import MAX_PIXELS, MEMORY_PATH, Picture, PictureSource, open_picture
from limbfix.inspections import Inspection, keypoints_for_drawing
from limbfix.mirroring import looks_mirrored, mirrored_bodies, mirrored_parts, mirrored_picture
from limbfix.parts import Completing, Detector, Part
from limbfix.policies import Policy, load_policy
from limbfix.records import make_error_record, make_record
from limbfix.verdicts import judge

Seen = TypeVar("Seen")

LOG = logging.getLogger("limbfix.gate")
"""Told once for each gate what it lacks."""


def detect(picture: Picture, detectors: Iterable[Detector]) -> tuple[Part, ...]:
    """Returns the parts that all detectors saw; each one is told what those before it saw, and may complete what all saw.

    Raises:
        DetectorError: a detector failed; it is never read as "nothing found".
    """
    parts: tuple[Part, ...] = ()
    chosen = tuple(detectors)
    for detector in chosen:
        parts += _guarded(detector, lambda one=detector, known=parts: tuple(one.detect(picture, known)))
    for detector in chosen:
        if isinstance(detector, Completing):
            parts = _guarded(detector, lambda one=detector, known=parts: one.complete(picture, known))
    return parts


def read_bodies(picture: Picture, detectors: Iterable[Detector]) -> BodyReading | None:
    """Returns what the first detector that reads bodies says of a picture, or None where none does.

    Raises:
        DetectorError: it failed; it is never read as "nobody there".
    """
    reader = next((one for one in detectors if isinstance(one, ReadsBodies)), None)
    return None if reader is None else _guarded(reader, lambda: reader.read_bodies(picture))


def look(picture: Picture, detectors: Sequence[Detector]) -> tuple[tuple[Part, ...], BodyReading | None]:
    """Returns what `detect` and `read_bodies` say, the same of a picture and of its mirror image; see `limbfix.mirroring`."""
    if not looks_mirrored(picture):
        return _look_as_it_is(picture, detectors)
    turned = mirrored_picture(picture)
    parts, read = _look_as_it_is(turned, detectors)
    return mirrored_parts(parts, picture.width), None if read is None else mirrored_bodies(read, picture.width)


def _look_as_it_is(picture: Picture, detectors: Sequence[Detector]) -> tuple[tuple[Part, ...], BodyReading | None]:
    """The same without a mirror: somebody's own detector may know a picture by its file."""
    return detect(picture, detectors), read_bodies(picture, detectors)


def _guarded(detector: Detector | Completing | ReadsBodies, call: Callable[[], Seen]) -> Seen:
    try:
        return call()
    except LimbfixError:
        raise
    except Exception as error:
        raise DetectorError(
            f"detector {detector.name}: expected parts, got {type(error).__name__}: {error}. "
            "Run `limbfix doctor`; if it is clean, report this with the picture."
        ) from error


class Gate:
    """Judges pictures under one policy with one set of detectors.

    Args:
        policy: a Policy, the path of a policy file, or None for the default.
        search: `full` (tiles and close windows) or `single` (one MediaPipe pass).
        device: `auto`, `cpu`, `gpu`, or a torch device for YOLO.
        detectors: words for `limbfix.detectors.make_detectors`, or detectors of your own. Beside one of your own all of them look at pictures as
            they are; without, a picture and its mirror image are looked at one way round and get the same verdict (`limbfix.mirroring`), so
            scores may differ a little between the two.
        max_pixels: larger pictures are refused before decoding.
        masks: whether records hold the masks of hands and digits; `Inspection.hands` has them in any case.
        require_models: whether a gate that would lack something (see `notes`), such as MediaPipe's model files, is an error. Otherwise it judges
            with what is there, and says so in the log and in every record. Detectors of your own answer for themselves.

    Raises:
        PolicyError, UsageError, ModelError, MissingExtra: at once, not at the first picture.
    """

    def __init__(
        self,
        policy: Policy | str | Path | None = None,
        *,
        search: str = "full",
        device: str = "auto",
        detectors: Sequence[str | Detector] = ("limbfix",),
        max_pixels: int = MAX_PIXELS,
        masks: bool = False,
        require_models: bool = False,
    ) -> None:
        self.policy = load_policy(policy) if isinstance(policy, str | Path) else policy or Policy()
        words = [detector for detector in detectors if isinstance(detector, str)]
        own = tuple(detector for detector in detectors if not isinstance(detector, str))
        built: tuple[Detector, ...] = ()
        if words or not own:
            built = make_detectors(words, device=device, search=search, require_models=require_models)
        self.detectors: tuple[Detector, ...] = (*built, *own)
        self._look = look if not own else _look_as_it_is
        self.max_pixels, self.masks = max_pixels, masks
        self.notes = tuple(note for one in self.detectors for note in getattr(one, "notes", ()))
        for note in self.notes:
            LOG.warning("%s", note)
        self.models = {name: sha256 for one in self.detectors for name, sha256 in one.model_hashes().items()}

    def inspect(self, image: PictureSource, *, name: str | None = None) -> Inspection:
        """Judges one picture.

        Args:
            image: a path, bytes, a PIL image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4).
            name: what the record calls it; the path by default.

        Raises:
            PictureError: it cannot be read; DetectorError: a detector failed. Neither ever becomes a pass.
        """
        start = time.perf_counter()
        return self._judge(open_picture(image, max_pixels=self.max_pixels, name=name), start)

    def inspect_picture(self, picture: Picture) -> Inspection:
        """Judges pixels that are open already, such as a repaired picture: nothing is read or decoded again.

        Raises:
            DetectorError: a detector failed.
        """
        return self._judge(picture, time.perf_counter())

    def judge_path(self, path: str) -> Inspection:
        """Judges one file; what goes wrong becomes an `unjudged` record with the reason, so that a run goes on."""
        start = time.perf_counter()
        sha256 = None
        try:
            picture = open_picture(path, max_pixels=self.max_pixels)
            sha256 = picture.sha256
            return self._judge(picture, start)
        except (PictureError, DetectorError) as error:
            record = make_error_record(
                path,
                sha256,
                code=error.code,
                message=str(error),
                policy=self.policy.label,
                models=self.models,
                seconds=time.perf_counter() - start,
            )
            return Inspection(record=record)

    def run(self, paths: Iterable[str | Path]) -> Iterator[Inspection]:
        """Judges files one after the other; see `judge_path`. Folders are the business of `limbfix.find_pictures`."""
        for path in paths:
            yield self.judge_path(str(path))

    def close(self) -> None:
        """Frees the models."""
        for detector in self.detectors:
            detector.close()

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _judge(self, picture: Picture, start: float) -> Inspection:
        if added := tuple(note for note in self.notes if note not in picture.notes):
            picture = replace(picture, notes=(*picture.notes, *added))
        parts, read = self._look(picture, self.detectors)
        scene = assemble(parts, picture.width, picture.height, read)
        findings = check(scene)
        effective = self.policy.for_prompt(picture.source.prompt if picture.source else None)
        verdict = judge(findings, scene, effective)
        record = make_record(
            picture,
            scene,
            verdict,
            policy=self.policy.label,
            min_hand_px=self.policy.min_hand_px,
            models=self.models,
            seconds=time.perf_counter() - start,
            with_masks=self.masks,
        )
        ranked = tuple(sorted(findings, key=lambda finding: -finding.defect_score))
        return Inspection(
            record=record, picture=picture, scene=scene, findings=ranked, keypoints=keypoints_for_drawing(scene)
        )


@lru_cache(maxsize=1)
def _default_gate() -> Gate:
    return Gate()


def inspect(image: PictureSource, *, policy: Policy | str | Path | None = None) -> Inspection:
    """Judges one picture with the default detectors.

    Args:
        image: a path, bytes, a PIL image, or a uint8 array (H, W), (H, W, 3) or (H, W, 4).
        policy: a Policy, the path of a policy file, or None for the default. Models load once per process for the
            default policy; keep a `Gate` for another one.

    Returns:
        The inspection: `.verdict`, `.defect_score`, `.record`, `.draw()`.

    Raises:
        PictureError: the picture cannot be read. DetectorError: a detector failed. ModelMissing: run
            `limbfix models pull`.
    """
    if policy is None:
        return _default_gate().inspect(image if not isinstance(image, Path) else str(image), name=_name(image))
    with Gate(policy) as gate:
        return gate.inspect(image, name=_name(image))


def _name(image: PictureSource) -> str | None:
    return None if isinstance(image, str | Path) else MEMORY_PATH
