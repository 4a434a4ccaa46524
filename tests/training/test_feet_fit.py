"""What is fitted on feet: pairs share their box, only feet that are seen are paired, melted ones leave their twin alone, and the model ranks unseen pairs."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from limbfix.feet import FEATURES, LEAST_PX, model_from
from limbfix.findings import DefectCode
from limbfix.synthesis.melting.operators import FOOT_OPERATORS
from limbfix.synthesis.melting.targets import foot_target
from limbfix.synthesis.samples import PART_ID, SURFACE_ID, Defect, Instance, Joint, Sample
from limbfix.synthesis.seeds import rng_for
from limbfix.synthesis.shards import ShardWriter
from limbfix.training import feet
from limbfix.training.appearance import PairFeatures
from limbfix.training.feet import fit, foot_pairs, held_out_numbers, true_feet

SIZE = 256
ANKLE, HEEL, TOES, KNEE = (100.0, 150.0), (88.0, 176.0), (168.0, 178.0), (96.0, 40.0)


class PlainLooker:
    """Cuts squares, and sees three colours of the left and of the right half."""

    side = 64

    def crop(self, pixels: np.ndarray, box) -> np.ndarray:
        half = box.size / 2
        x, y = box.center
        return cv2.warpAffine(
            pixels, np.array([[self.side / (2 * half), 0, (half - x) * self.side / (2 * half)], [0, self.side / (2 * half), (half - y) * self.side / (2 * half)]]),
            (self.side, self.side), borderMode=cv2.BORDER_REPLICATE,
        )  # fmt: skip

    def features(self, crops: np.ndarray) -> np.ndarray:
        halves = [crops[:, :, : self.side // 2], crops[:, :, self.side // 2 :]]
        return np.concatenate([np.concatenate([half.mean((1, 2)), half.std((1, 2))], 1) for half in halves], 1)


def foot_sample(
    role: str = "twin", *, group: str = "g0", seed: int = 0, seen: float = 0.9, defects: tuple[Defect, ...] = ()
) -> Sample:
    """A shin and a foot in profile before a mottled ground."""
    rng = np.random.default_rng(seed)
    pixels = cv2.resize(rng.uniform(40, 110, (8, 8, 3)).astype(np.float32), (SIZE, SIZE))
    ids = np.zeros((SIZE, SIZE), np.uint8)
    cv2.line(ids, tuple(map(int, KNEE)), tuple(map(int, ANKLE)), 2, 36)
    cv2.fillPoly(ids, [np.array([(82, 150), (120, 148), (172, 168), (172, 184), (84, 184)], np.int32)], 3)
    skin = np.array([205, 160, 140]) + rng.normal(0, 5, (SIZE, SIZE, 3))
    for x in range(92, 168, 12):
        skin[152:182, x : x + 4] = (120, 90, 80)
    pixels = np.where(ids[..., None] > 0, skin, pixels).clip(0, 255).astype(np.uint8)
    parts = np.zeros_like(ids)
    parts[ids == 2], parts[ids == 3] = PART_ID["shin"], PART_ID["foot"]
    surfaces = np.where(ids > 0, SURFACE_ID["skin"], 0).astype(np.uint8)

    def joint(name: str, xy: tuple[float, float]) -> Joint:
        return Joint(name=name, xy=xy, visible=True)

    instances = (
        Instance(id=1, kind="person", name="person", side=None, owner=None),
        Instance(
            id=2, kind="leg", name="leg", side="left", owner=1, visible_px=int((ids == 2).sum()), visible_fraction=0.9,
            joints=(joint("hip", (96.0, -60.0)), joint("knee", KNEE), joint("ankle", ANKLE)),
        ),
        Instance(
            id=3, kind="foot", name="foot", side="left", owner=2, visible_px=int((ids == 3).sum()), visible_fraction=seen,
            joints=(joint("ankle", ANKLE), joint("heel", HEEL), joint("toe_tip", TOES)),
        ),
    )  # fmt: skip
    return Sample(
        key=f"{group}-{role}", group=group, stream="bodies", role=role, pixels=pixels, instance_map=ids.astype(np.uint16), part_map=parts,
        surface_map=surfaces, instances=instances, defects=defects, operator="feet.wide_foot", order=int(role == "defect"),
    )  # fmt: skip


def wrong_foot(group: str, seed: int, *, visible: bool = True) -> Sample:
    defect = Defect(code=DefectCode.FOOT_MALFORMED, operator="feet.wide_foot", instances=(3,), visible=visible)
    made = foot_sample("defect", group=group, seed=seed, defects=(defect,))
    pixels = made.pixels.copy()
    cv2.circle(pixels, (166, 160), 20, (205, 160, 140), -1)
    return replace(made, pixels=pixels)


def shard_of(folder, *samples: Sample):
    folder.mkdir(exist_ok=True)
    writer = ShardWriter(folder / "bodies-000000.tar")
    for sample in samples:
        writer.write(sample)
    writer.close()
    return folder


def test_a_foot_is_boxed_by_ankle_and_toes_and_hidden_ones_are_left_out():
    ((foot, box),) = true_feet(foot_sample())
    assert foot.id == 3
    assert box.size >= LEAST_PX
    assert box.center == pytest.approx((134, 164))
    assert true_feet(foot_sample(seen=0.1)) == []


def test_a_target_is_one_normal_foot_with_the_unit_of_its_body():
    target = foot_target(foot_sample(), 3)
    assert target is not None
    assert target.view.unit_px == pytest.approx(2 * np.hypot(80, 2), rel=0.01)
    assert [chain for chain in target.chains if chain] == [(3,)]
    faulty = replace(
        foot_sample(), instances=tuple(replace(item, faults=("malformed",)) for item in foot_sample().instances)
    )
    assert foot_target(faulty, 3) is None


@pytest.mark.parametrize("name", sorted(FOOT_OPERATORS))
def test_every_operator_on_feet_finds_a_place_and_harms_only_the_foot(name):
    operator, _ = FOOT_OPERATORS[name]
    sample = foot_sample()
    target = foot_target(sample, 3)
    assert target is not None
    made = [melt for draw in range(12) if (melt := operator(target.view, rng_for(5, name, draw), False)) is not None]
    assert made
    for melt in made:
        assert melt.code in (DefectCode.FOOT_MALFORMED, DefectCode.PERSON_EXTRA_FOOT)
        changed = np.abs(melt.pixels.astype(int) - sample.pixels).max(2) > 0
        assert not (changed & ~melt.region).any()


def test_pairs_share_their_box_and_a_defect_that_is_not_seen_is_no_pair(tmp_path):
    folder = shard_of(tmp_path / "seen", foot_sample(), wrong_foot("g0", 0))
    (pair,) = foot_pairs([folder], PlainLooker(), 0, 7)
    assert (pair.how, pair.group) == ("feet.wide_foot", "g0")
    changed = np.abs(pair.worse.astype(int) - pair.better).max(2) > 20
    assert 0 < changed.mean() < 0.3
    hidden = shard_of(tmp_path / "hidden", foot_sample(), wrong_foot("g0", 0, visible=False))
    assert list(foot_pairs([hidden], PlainLooker(), 0, 7)) == []


def test_normal_feet_are_melted_as_often_as_asked_and_the_same_seed_makes_the_same_pairs(tmp_path):
    folder = shard_of(tmp_path / "plain", *(foot_sample(group=f"g{k}", seed=k) for k in range(3)))
    first, again = (list(foot_pairs([folder], PlainLooker(), 2, 7)) for _ in range(2))
    assert 3 <= len(first) <= 6
    assert all(pair.how.startswith("limbs.") for pair in first)
    assert [pair.how for pair in first] == [pair.how for pair in again]
    assert all((a.worse == b.worse).all() for a, b in zip(first, again, strict=True))
    assert all((pair.worse != pair.better).any() for pair in first)


def test_the_fit_ranks_pairs_that_were_left_out_and_is_read_again(monkeypatch):
    rng = np.random.default_rng(1)
    better = rng.normal(0, 1, (200, len(FEATURES))).astype(np.float32)
    worse = better + rng.normal(0, 0.3, better.shape).astype(np.float32)
    worse[:, 3] += 1.0
    found = PairFeatures([worse], [better], [1.0] * 200)
    groups = [f"g{k // 2}" for k in range(200)]
    facts = held_out_numbers(found, groups, ["a"] * 100 + ["b"] * 100)
    assert facts["ranked"] > 0.85
    assert facts["ranked_by_operator"]["b"][1] == 100
    model = model_from(fit(found))
    assert np.std(model.logits(better)) == pytest.approx(1, rel=0.1)
    assert (model.logits(worse) > model.logits(better)).mean() > 0.9


def test_the_command_writes_a_model_with_its_facts(tmp_path, monkeypatch):
    folder = shard_of(
        tmp_path / "made",
        *(one for k in range(6) for one in (foot_sample(group=f"g{k}", seed=k), wrong_foot(f"g{k}", k))),
    )
    monkeypatch.setattr(feet.FootLooker, "shipped", classmethod(lambda cls, **options: PlainLooker()))
    monkeypatch.setattr(feet, "FEATURES", tuple(f"colour_{k}" for k in range(12)))
    assert feet.main(["--shards", str(folder), "--out", str(tmp_path / "out"), "--rounds", "1"]) == 0
    written = (tmp_path / "out" / feet.FILE).read_text(encoding="utf-8")
    assert '"ranked"' in written
    assert '"share_beyond_2"' in written
