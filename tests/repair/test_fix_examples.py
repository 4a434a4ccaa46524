"""The real eyes on real pixels: what the embedded filling can do with the example pictures, and that it harms no clean one."""

from __future__ import annotations

import numpy as np
import pytest

from limbfix.geometry import Box
from limbfix.repair import repair_picture

pytestmark = pytest.mark.models


def test_the_third_arm_is_taken_away_and_the_picture_passes(real_gate, pictures):
    before = real_gate.inspect(str(pictures / "third_arm.jpg"))
    assert before.verdict == "reject" and len(before.record["hands"]) == 3
    repaired = repair_picture(before, real_gate)
    assert repaired.is_changed, [attempt.reason for attempt in repaired.attempts]
    assert repaired.after.verdict == "pass" and repaired.after.defect_score < before.defect_score
    (extra,) = (one for one in before.record["findings"] if one["code"] == "person.extra_hand")
    gone = Box(*before.record["hands"][extra["hand_index"]]["box_xyxy"])
    assert all(Box(*hand["box_xyxy"]).iou(gone) < 0.1 for hand in repaired.after.record["hands"])
    (focus,) = repaired.kept
    alpha = np.zeros((768, 768), np.float32)
    alpha[focus.window] = focus.alpha
    differs = (repaired.picture.pixels != before.picture.pixels).any(axis=2)
    assert not differs[alpha == 0].any()
    assert differs.sum() < 0.06 * differs.size  # an arm, and not the man
    floor = repaired.picture.pixels[540:560, 545:575].reshape(-1, 3).astype(int)
    wall = before.picture.pixels[540:560, 640:670].reshape(-1, 3).astype(int)
    assert np.abs(floor.mean(axis=0) - wall.mean(axis=0)).max() < 15  # where the hand was is floor


@pytest.mark.parametrize("name", ["clean_hand_peace.webp", "clean_person_standing.jpg"])
def test_a_clean_example_is_left_alone(real_gate, pictures, name):
    before = real_gate.inspect(str(pictures / name))
    repaired = repair_picture(before, real_gate)
    assert not repaired.is_changed and repaired.plan == ()
