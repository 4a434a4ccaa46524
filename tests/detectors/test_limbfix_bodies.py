"""Our detector of bodies around its network: letterbox and mirror are exact, a perfect network's maps become the scene's reading."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from drawn_people import Stage, draw_person

from limbfix import shipped
from limbfix.bodies import LimbKind, ReadsBodies
from limbfix.detectors import make_detectors
from limbfix.detectors.body_sight import VIEW_PX, BodySight
from limbfix.detectors.foot_looker import FootLooker
from limbfix.detectors.limb_looker import LimbLooker
from limbfix.detectors.limbfix_bodies import LimbfixBodies
from limbfix.errors import AssetMissing
from limbfix.gate import Gate
from limbfix.images import Picture
from limbfix.nets.limb_maps import JUDGED, PLACES, STRIDE
from limbfix.nets.move_table import POINTS
from limbfix.parts import Side
from limbfix.runtime.body_graph import BODY_OUTPUTS, STAGE_OUTPUTS
from limbfix.shipped import BODY_PARSER, shipped_rows


class WrittenNetwork:
    """Answers with the maps of a stage; mirrored where the picture is: its first column is then brighter than its last."""

    file, sha256 = Path("parser.safetensors"), "0" * 64

    def __init__(self, stage: Stage) -> None:
        self.stage, self.shapes = stage, []

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        self.shapes.append(pixels.shape)
        maps = self.stage.maps()
        if pixels[0, 0, 0, 0] > pixels[0, 0, -1, 0]:
            maps = maps.mirrored()
        logits = {name: np.log(np.clip(getattr(maps, field), 1e-4, 1 - 1e-4) / (1 - np.clip(getattr(maps, field), 1e-4, 1 - 1e-4)))
                  for name, field in (("heatmaps", "heat"), ("ends", "ends"))}  # fmt: skip
        raw = {name: getattr(maps, name) for name in ("fields", "centre", "side", "covered", "parts")}
        shape = maps.heat.shape[1:]
        cold = {
            "points": np.full((POINTS, *shape), -9.0, np.float32),
            "centres": np.full((1, *shape), -9.0, np.float32),
        }
        raw |= {**cold, "reaches": np.zeros((2 * POINTS, *shape), np.float32)}  # MoveNet itself sees nobody
        raw |= {name: np.zeros((1, 1, 1), np.float32) for name in STAGE_OUTPUTS}  # whom only hands ask for
        return {name: (logits | raw)[name][None] for name in BODY_OUTPUTS}

    def close(self) -> None:
        self.closed = True


def detector_of(stage: Stage, search: str = "full") -> LimbfixBodies:
    sight = BodySight.__new__(BodySight)
    sight.network, sight._mirrored, sight._last = WrittenNetwork(stage), search == "full", None
    return LimbfixBodies(sight)


def picture_of(width: int, height: int) -> Picture:
    pixels = np.full((height, width, 3), 100, np.uint8)
    pixels[:, : width // 2] = 50
    return Picture(pixels=pixels, sha256="0" * 64)


def drawn(width: int = 96, height: int = 96, **options) -> Stage:
    stage = Stage(width, height)
    draw_person(stage, **options)
    return stage


@pytest.mark.parametrize("search", ["full", "single"])
def test_a_person_is_read_in_place_and_a_mirrored_look_changes_nothing(search):
    detector = detector_of(drawn(), search)
    (person,) = detector.read_bodies(picture_of(768, 768)).people
    assert len(detector._sight.network.shapes) == (3 if search == "full" else 1)
    assert [len(person.of_kind(kind)) for kind in LimbKind] == [2, 2]
    assert person.neck == pytest.approx(np.array([48.5, 24.5]) * 8, abs=2)
    left = next(limb for limb in person.of_kind(LimbKind.ARM) if limb.side is Side.LEFT)
    assert left.polyline[0][0] > person.neck[0]


def test_a_wide_picture_is_letterboxed_and_its_scale_is_known_along_each_axis():
    detector = detector_of(drawn(96, 48, neck=(48, 8), size=11))
    (person,) = detector.read_bodies(picture_of(1536, 711)).people
    assert detector._sight.network.shapes[0] == (1, 192, VIEW_PX, 3)
    scale_y = round(711 / 4) / 711
    assert person.neck == pytest.approx((48.5 * 4 * 4, 8.5 * 4 / scale_y), abs=4)
    assert person.box.y_max <= 711


def test_it_gives_a_reading_and_no_parts():
    detector = detector_of(drawn())
    assert isinstance(detector, ReadsBodies)
    assert detector.detect(picture_of(64, 64), ()) == ()


def test_a_gate_with_this_detector_alone_judges_limbs():
    from limbfix.verdicts import Outcome

    stage = drawn(arms=[(1, 0, 4), (-1, 0, 4), (1, 75, 4)])
    detector = detector_of(stage)
    detector.model_hashes = lambda: {BODY_PARSER: "a" * 64}
    with Gate(detectors=[detector], masks=True) as gate:
        found = gate.inspect_picture(picture_of(768, 768))
    assert found.verdict in (Outcome.FLAG, Outcome.REJECT)
    (person,) = found.record["people"]
    assert person["limbs"]["arms"] == {"seen": 3, "hidden": 0, "expected": 2}
    assert sum(item["extra"] for item in person["limbs"]["items"]) == 1
    assert found.draw().size == (768, 768)
    assert detector._sight.network.closed


def test_without_its_network_it_is_left_out_of_the_usual_ones_and_says_so_when_asked_for(monkeypatch):
    rows = {name: row for name, row in shipped_rows().items() if name != BODY_PARSER}
    monkeypatch.setattr(shipped, "shipped_rows", lambda: rows)
    assert "limbfix_bodies" not in [one.name for one in make_detectors(["limbfix"], device="cpu", search="full")]
    with pytest.raises(AssetMissing, match="body parser"):
        make_detectors(["limbfix_bodies"], device="cpu", search="full")


def test_a_network_that_nobody_trained_is_read_without_harm(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    from limbfix.nets.body_parser import BodyParser

    torch.manual_seed(3)
    file = tmp_path / BODY_PARSER
    save_file({name: value.contiguous() for name, value in BodyParser().state_dict().items()}, file)
    detector = LimbfixBodies(BodySight(file=file))
    for size in ((1, 1), (3, 200), (130, 90)):
        detector.read_bodies(Picture(pixels=np.zeros((*size, 3), np.uint8), sha256="0" * 64))
    assert set(detector.model_hashes()) == {BODY_PARSER, "limb_lines.json"}
    feet = FootLooker.shipped(mirrored=False)
    assert "foot_looks.json" in LimbfixBodies(BodySight(file=file), feet=feet).model_hashes()


class DarkNetwork:
    """Judges every crop alike."""

    side = 64
    file, sha256 = Path("judge.safetensors"), "1" * 64

    def run(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        cells = self.side // STRIDE
        return {
            "judged": np.full((len(pixels), len(JUDGED)), 1.5, np.float32),
            "places": np.full((len(pixels), len(PLACES), cells, cells), -5.0, np.float32),
        }

    def close(self) -> None:
        self.closed = True


def test_everybody_who_is_read_is_judged_and_the_judge_is_named_beside_the_parser():
    detector = detector_of(drawn())
    judge = DarkNetwork()
    both = LimbfixBodies(detector._sight, limbs=LimbLooker(judge, mirrored=True))
    picture = picture_of(768, 768)
    (plain,), (judged,) = detector.read_bodies(picture).people, both.read_bodies(picture).people
    assert plain.look is None
    assert judged.look.logits == dict.fromkeys(JUDGED, 1.5)
    assert judged.look.box == judged.box == plain.box
    hashes = both.model_hashes()
    assert len(hashes.pop("limb_lines.json")) == 64
    assert hashes == {"parser.safetensors": "0" * 64, "judge.safetensors": "1" * 64}
    both.close()
    assert judge.closed
