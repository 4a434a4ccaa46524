"""The look of a hand at run time: judged in a crop of its own, with the body parser's trunk, for hands that are believed, and for no others."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

sys.path.insert(0, str(Path(__file__).parents[1]))

from hand_weights import body_file, finder_file, moved_file, parser_file  # noqa: E402

from limbfix.detectors.belief_model import DIRECTIONS  # noqa: E402
from limbfix.detectors.body_sight import BodySight  # noqa: E402
from limbfix.detectors.hand_reader import BATCH, MIRROR_GAIN, Belief, HandReader  # noqa: E402
from limbfix.detectors.hand_windows import hand_view  # noqa: E402
from limbfix.detectors.limbfix_hands import LimbfixHands  # noqa: E402
from limbfix.geometry import Box  # noqa: E402
from limbfix.images import Picture  # noqa: E402
from limbfix.nets.hand_maps import FITTING_VIEW, LOOK_VIEW, PARTS, READ_VIEW  # noqa: E402
from limbfix.runtime.sessions import appearance_network, close_network  # noqa: E402
from limbfix.training.hand_score_eyes import GateEyes  # noqa: E402

PIXELS = np.random.default_rng(6).integers(0, 256, (300, 300, 3), dtype=np.uint8)
BOXES = [Box(20 * k, 10 * k, 20 * k + 80 - 4 * k, 10 * k + 90) for k in range(BATCH + 2)]
PROVIDERS = ("CPUExecutionProvider",)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("weights")
    return moved_file(folder), body_file(folder)


class Chosen(Belief):
    """Believes some boxes, and asks for a look at some; remembers what it was shown."""

    def __init__(self, hands=range(99), looked_at=range(99)) -> None:
        self.hands, self.looked_at, self.close = hands, looked_at, {}

    def may_be(self, index, presence):
        return index in self.looked_at

    def is_hand(self, index, presence, close):
        self.close[index] = close
        return index in self.hands


def looks(reader: HandReader, belief: Belief | None = None) -> list[float | None]:
    read = reader.read(PIXELS, BOXES, belief)
    return [None if one is None else one.features["appearance"] for one in read]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_hand_is_looked_at_in_a_tighter_crop_with_the_trunk_and_in_the_mirror_too(files, mirrored):
    parser, bodies = files
    crops = np.stack([hand_view(PIXELS, box, 64, LOOK_VIEW).pixels for box in BOXES])
    for given in (None, bodies):
        found = looks(HandReader(parser, mirrored=mirrored, providers=PROVIDERS, bodies=given))
        network = appearance_network(parser, given)
        wanted = network.run(crops)["appearance"][:, 0]
        if mirrored:
            wanted = (wanted + network.run(np.ascontiguousarray(crops[:, :, ::-1]))["appearance"][:, 0]) / 2
        np.testing.assert_allclose(found, wanted, atol=1e-3)
    assert np.ptp(wanted) > 0.01
    usual = np.stack([hand_view(PIXELS, box, 64).pixels for box in BOXES])
    assert np.abs(network.run(usual)["appearance"][:, 0] - wanted).max() > 0.01


def test_only_boxes_that_may_be_hands_are_looked_at_again(files):
    parser, bodies = files
    reader = HandReader(parser, mirrored=False, providers=PROVIDERS, bodies=bodies)
    every, seen, looked = looks(reader), [], []
    run, look = reader._trunk.run, reader._look.run
    reader._trunk.run = lambda crops: seen.append(len(crops)) or run(crops)
    reader._look.run = lambda crops: looked.append(len(crops)) or look(crops)
    chosen = {0, 2, BATCH + 1}
    belief = Chosen(chosen, chosen)
    some = looks(reader, belief)
    assert (seen, looked) == ([2, 1], [3])
    assert {index for index, close in belief.close.items() if close is not None} == chosen
    assert len(belief.close) == len(BOXES)
    assert [index for index, value in enumerate(some) if value is not None] == sorted(chosen)
    np.testing.assert_allclose([some[k] for k in sorted(chosen)], [every[k] for k in sorted(chosen)], atol=1e-3)
    seen.clear()
    looked.clear()
    assert looks(reader, Chosen((), ())) == [None] * len(BOXES)
    assert (seen, looked) == ([], [])


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_belief_is_told_what_the_trunk_sees_in_its_box(files, mirrored):
    parser, bodies = files
    belief = Chosen(hands={1}, looked_at={1, BATCH})
    looks(HandReader(parser, mirrored=mirrored, providers=PROVIDERS, bodies=bodies), belief)
    network = close_network(parser, bodies)
    for index in (1, BATCH):
        crop = hand_view(PIXELS, BOXES[index], 64).pixels[None]
        wanted = network.run(crop)["close"][0]
        if mirrored:
            wanted = (wanted + network.run(np.ascontiguousarray(crop[:, :, ::-1]))["close"][0]) / 2
        assert wanted.shape == (DIRECTIONS["close"],)
        np.testing.assert_allclose(belief.close[index], wanted, atol=1e-3)
    assert belief.close[0] is None


@pytest.mark.parametrize(("mirrored", "fits"), [(True, True), (True, False), (False, True)])
def test_digits_are_read_in_the_box_that_the_part_map_fits(files, monkeypatch, mirrored, fits):
    parser, _ = files
    reader, own, asked, parsed = (
        HandReader(parser, mirrored=mirrored, providers=PROVIDERS),
        Box(30, 40, 90, 130),
        [],
        [],
    )

    def fitted(parts, view, width, height):
        asked.append((parts.shape[0], view.pixels, width, height))
        return own if fits else None

    maps = reader.maps
    monkeypatch.setattr("limbfix.detectors.hand_reader.fitted_box", fitted)
    monkeypatch.setattr(reader, "maps", lambda crops: parsed.append(crops) or maps(crops))
    reader.read(PIXELS, BOXES[:1])
    if mirrored:
        ((channels, seen, width, height),) = asked
        assert (channels, width, height) == (len(PARTS), 300, 300)
        assert np.array_equal(seen, hand_view(PIXELS, BOXES[0], 64, FITTING_VIEW).pixels)
    else:
        assert not asked  # a quick look reads the finder's box
    box = own if fits and mirrored else BOXES[0]
    assert np.array_equal(parsed[0][0], hand_view(PIXELS, box, 64, READ_VIEW).pixels)


def test_nothing_is_run_for_weights_that_were_fitted_without_it(files, tmp_path):
    old = parser_file(tmp_path)
    reader = HandReader(old, mirrored=False, providers=PROVIDERS, bodies=files[1])
    assert looks(reader) == looks(HandReader(old, mirrored=False, providers=PROVIDERS))
    assert not reader.looks
    reader.close()


def test_the_detector_and_the_fit_of_the_scores_see_the_same_sum(files, tmp_path):
    parser, bodies = files
    finder = finder_file(tmp_path)
    sight = BodySight(file=bodies)
    detector = LimbfixHands(finder_file=finder, parser_file=parser, sight=sight)
    wanted = looks(HandReader(parser, mirrored=True, providers=PROVIDERS, bodies=bodies))
    assert looks(detector._reader) == pytest.approx(wanted, abs=1e-3)
    detector.close()
    assert looks(detector._reader) == pytest.approx(wanted, abs=1e-3)
    eyes = GateEyes(parser=parser, finder=finder, bodies=bodies, opinion=False)
    read = eyes.read(Picture(pixels=PIXELS, sha256="0" * 64), BOXES[:2])
    assert [hand.reading.features["appearance"] for hand in read] == pytest.approx(wanted[:2], abs=1e-3)
    eyes.close()


class Told(Belief):
    """Takes for possible hands what reaches a presence; remembers what it was told."""

    def __init__(self, least: float) -> None:
        self.least, self.told = least, {}

    def may_be(self, index, presence):
        return presence >= self.least

    def is_hand(self, index, presence, close):
        self.told[index] = presence
        return False


def test_only_what_a_mirror_could_make_a_hand_is_seen_in_it(files, monkeypatch):
    parser, _ = files
    reader = HandReader(parser, mirrored=True, providers=PROVIDERS)
    first = iter([np.array([-3.0, 1.0, -0.2, 4.0]), np.array([2.0, 2.0, 2.0]), np.array([-9.0, 0.5]), np.array([-1.0])])
    shown: list[np.ndarray] = []

    def answered(crops):
        shown.append(crops)
        rows = next(first)
        assert len(rows) == len(crops)
        return {"presence": rows[:, None]}

    monkeypatch.setattr(reader._presence, "run", answered)
    belief = Told(least=0.0)
    reader.read(PIXELS, BOXES, belief)
    assert belief.told == {0: -3.0, 1: 1.5, 2: 0.9, 3: 3.0, 4: -9.0, 5: -0.25}
    assert -0.2 + MIRROR_GAIN >= 0.0 > -3.0 + MIRROR_GAIN
    assert (shown[1] == shown[0][1:, :, ::-1]).all()
    assert (shown[3] == shown[2][1:, :, ::-1]).all()
