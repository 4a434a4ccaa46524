"""From the flags of `limbfix fix` to who paints. Backends are loaded only if a flag asks for one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limbfix.errors import InpainterMissing, RepairError, UsageError

if TYPE_CHECKING:
    from limbfix.inpainting import Inpainter, InpaintRequest
    from limbfix.inspections import Inspection
    from limbfix.parts import Side
    from limbfix.repair import RepairOptions, Step
    from limbfix.repair.focus import Enlarge, Focus

AREAS = ("face", "hand", "foot")


@dataclass(frozen=True, slots=True, kw_only=True)
class PainterFlags:
    """What the command line says about painting; see `limbfix fix --help`."""

    out: Path
    model: str | None = None
    steps: int | None = None
    strengths: tuple[float, ...] = (0.75,)
    candidates: int = 4
    prompt: str | None = None
    negative_prompt: str = ""
    seed: int = 0
    controlnet: str | None = None
    embeddings: tuple[str, ...] = ()
    loras: tuple[str, ...] = ()
    upscaler: Path | None = None
    focus: tuple[str, ...] = ()
    keep_jpeg: bool = False

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> PainterFlags:
        """Returns what `limbfix fix` was called with, by name of the flag; other names are left alone."""
        same = (
            "out", "model", "steps", "candidates", "prompt", "negative_prompt", "seed", "controlnet", "upscaler", "keep_jpeg",
        )  # fmt: skip
        return cls(
            **{name: given[name] for name in same},
            strengths=tuple(given["strength"] or (0.75,)),
            embeddings=tuple(given["embedding"] or ()),
            loras=tuple(given["lora"] or ()),
            focus=tuple(given["focus"].replace(",", " ").split()),
        )

    def check(self) -> None:
        """Refuses what cannot go together, before anything is loaded.

        Raises:
            UsageError: the message says what is missing.
        """
        unknown = [area for area in self.focus if area not in AREAS]
        if unknown:
            raise UsageError(f"--focus: expected some of {', '.join(AREAS)}, got {', '.join(map(repr, unknown))}")
        for flag, value in (
            ("--controlnet", self.controlnet),
            ("--embedding", self.embeddings),
            ("--lora", self.loras),
        ):
            if value and self.model is None:
                raise UsageError(f"{flag}: expected a model that it belongs to; add --model NAME_OR_DIR")
        if self.focus and self.model is None and self.upscaler is None:
            raise UsageError(
                "--focus: rendering an area again takes a model; add --model stable-diffusion-v1-5/stable-diffusion-inpainting, "
                "a folder that holds one, or --upscaler FILE"
            )
        if self.upscaler is not None and not self.focus:
            raise UsageError("--upscaler: expected areas to enlarge; add --focus face,hand,foot")
        self.options()

    def options(self) -> RepairOptions:
        """Returns how hard to try.

        Raises:
            UsageError: a number out of range.
        """
        from limbfix.repair import RepairOptions

        if self.steps is not None and self.steps < 1:
            raise UsageError(f"--steps: expected at least 1, got {self.steps}")
        try:
            return RepairOptions(
                candidates=self.candidates,
                strengths=self.strengths,
                steps=self.steps,
                prompt=self.prompt,
                negative_prompt=self.negative_prompt,
                seed=self.seed,
            )
        except ValueError as error:
            raise UsageError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Painters:
    """Who paints, and what helps them.

    Attributes:
        inpainter: None = the embedded filling.
        hints: see `limbfix.repair.candidates.HintMaker`.
        find_areas: of a focus pass, or None.
        enlarge: of a focus pass, or None.
    """

    inpainter: Inpainter | None = None
    hints: Callable[[Inspection, Step, Focus], np.ndarray | None] | None = None
    find_areas: Callable[[Inspection], Sequence[Any]] | None = None
    enlarge: Enlarge | None = None


class EnlargedOnly:
    """Paints an area by what the upscaler or face restorer made of it, and takes away what the embedded filling can.

    Args:
        name: for records.
        enlarge: the upscaler's own `enlarged`.
    """

    native_px: int | None = 1024
    multiple = 1
    purposes = frozenset({"remove", "refine"})
    has_seeds = False

    def __init__(self, name: str, enlarge: Enlarge) -> None:
        from limbfix.repair import ExemplarFill

        self.name = name
        self._enlarge = enlarge
        self._filling = ExemplarFill()
        self._made: np.ndarray | None = None

    def enlarged(self, pixels: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
        """Enlarges an area, and remembers what came of it."""
        self._made = self._enlarge(pixels, size_wh)
        return self._made

    def inpaint(self, request: InpaintRequest) -> Sequence[np.ndarray]:
        """Returns the enlarged pixels as they came, or fillings where something must go.

        Raises:
            RepairError: the area was too large to be enlarged; given back, it would only have lost detail.
        """
        if request.purpose == "remove":
            return self._filling.inpaint(request)
        if request.pixels is not self._made:
            raise RepairError(
                f"{self.name}: the area with its surroundings is {self.native_px} px and more already, so nothing is enlarged"
            )
        return [request.pixels]


def open_painter(flags: PainterFlags, device: str) -> Painters:
    """Opens what the flags name.

    Args:
        flags: checked.
        device: `auto`, `cpu`, `gpu` or a torch device.

    Raises:
        InpainterMissing: this limbfix has no such backend, or the model cannot paint. ModelError: it is not there or not whole.
    """
    device = "cuda" if device == "gpu" else device
    enlarge, inpainter, find_areas = None, None, None
    if flags.upscaler is not None:
        upscaler = _backend("open_upscaler", "--upscaler")(flags.upscaler, device=device)
        inpainter = EnlargedOnly(upscaler.name, upscaler.enlarged)
        enlarge = inpainter.enlarged
    if flags.focus:
        focus_regions = _backend("focus_regions", "--focus")
        find_areas = lambda inspection: focus_regions(inspection, flags.focus)  # noqa: E731
    if flags.model is None:
        return Painters(inpainter=inpainter, find_areas=find_areas, enlarge=enlarge)
    inpainter = _backend("open_inpainter", "--model")(
        flags.model,
        device=device,
        controlnet=flags.controlnet,
        embeddings=flags.embeddings,
        loras=flags.loras,
        steps=flags.steps,
        gives_hints=False,
    )
    hints = hand_hints(flags.controlnet) if flags.controlnet is not None else None
    return Painters(inpainter=inpainter, hints=hints, find_areas=find_areas, enlarge=enlarge)


def _backend(name: str, flag: str) -> Callable[..., Any]:
    try:
        return getattr(import_module("limbfix.inpainters"), name)
    except (ImportError, AttributeError) as error:
        raise InpainterMissing(
            f"{flag}: expected limbfix.inpainters.{name}, got {error}; install limbfix with its diffusers: pip install limbfix"
        ) from error


def hand_hints(controlnet: str) -> Callable[[Inspection, Step, Focus], np.ndarray | None]:
    """Returns what draws plausible hands for a ControlNet: their depth where the net's name says depth, else OpenPose's lines."""
    plausible_hand = _backend("plausible_hand", "--controlnet")
    if "depth" in Path(controlnet).name.lower():
        draw = _depth_of(_backend("depth_hint", "--controlnet"))
    else:
        openpose_hint = _backend("openpose_hint", "--controlnet")
        draw = lambda joints, size_wh, side: openpose_hint(joints, size_wh)  # noqa: E731

    def hint(inspection: Inspection, step: Step, focus: Focus) -> np.ndarray | None:
        if inspection.scene is None or not step.hand_indices or _hands_go(step):
            return None
        scale = np.array(focus.size_wh) / np.array(focus.alpha.shape[::-1])
        drawn = []
        for part in (inspection.scene.hands[index].part for index in step.hand_indices):
            joints = plausible_hand(part.box, keypoints=part.keypoints, reading=part.reading)
            drawn.append(draw((np.asarray(joints) - (focus.left, focus.top)) * scale, focus.size_wh, part.side))
        return np.maximum.reduce(drawn)

    return hint


def _depth_of(depth_hint: Callable[..., np.ndarray]) -> Callable[[np.ndarray, tuple[int, int], Side], np.ndarray]:
    from limbfix.inpainters.posed_depth import shows_palm

    return lambda joints, size_wh, side: depth_hint(joints, size_wh, shows_palm=shows_palm(joints, side))


def _hands_go(step: Step) -> bool:
    """Whether a place's hands are taken away, and not only a digit: a hint of them would ask for what shall go."""
    return step.action == "remove" and any(code.startswith("person.") for code in step.codes)
