"""The body parser's training: labels follow the pixels, nobody's guess is taught, and a training starts, goes on and hands over a file."""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

sys.path.append(str(Path(__file__).parent))

from learning import losses_of
from toy_people import ARMS, LEGS, NECK, SIZE, person

from limbfix.nets.body_maps import BONES, CENTRE_UNIT, ENDS, JOINTS, PARTS, STRIDE
from limbfix.nets.body_parser import BodyParser
from limbfix.nets.efficientnet_lite import normalised
from limbfix.synthesis.photograph_joints import MASK_PX, BodySighting
from limbfix.synthesis.shards import ShardWriter
from limbfix.training import bodies, generator
from limbfix.training.body_drawing import ends_of, seen_targets
from limbfix.training.body_examples import BodyExamples, BodyMixture, BodyShards, BodyStock, plain_view
from limbfix.training.body_losses import body_loss, heat_loss
from limbfix.training.body_photographs import shows_person, store_place, store_sighting
from limbfix.training.body_storage import HIDDEN, NONE, OVER, SEEN, UNSURE
from limbfix.training.body_targets import store_body

PLAIN = np.array([[1.0, 0, 0], [0, 1, 0]])
FRAME = (0.0, 0.0, float(SIZE), float(SIZE))


def targets(fault: str | None = None, view: np.ndarray = PLAIN, shift: int = 0):
    return seen_targets(store_body(person(fault=fault, shift=shift)), view, SIZE, FRAME)


def peaks(heat: np.ndarray) -> int:
    around = torch.nn.functional.max_pool2d(torch.from_numpy(heat)[None], 3, 1, 1)[0].numpy()
    return int(((heat == around) & (heat > 0.5)).sum())


def at(xy) -> tuple[int, int]:
    return round(xy[1] / STRIDE), round(xy[0] / STRIDE)


def test_a_joint_of_a_made_picture_is_kept_where_its_pixel_is():
    """A sample's joints count from the picture's corner, what is stored from the centre of its first pixel."""
    sample = person()
    torso = next(item for item in sample.instances if item.kind == "torso")
    body = store_body(sample)
    neck = body.joints[body.joints[:, 0] == JOINTS.index("neck")][0, 1:3]
    assert neck == pytest.approx(np.array(torso.joints[0].xy) - 0.5)
    seen, pixels = sighting()
    kept = store_sighting(seen, pixels).joints
    shoulder = kept[kept[:, 0] == JOINTS.index("shoulder")][0, 1:3]
    assert shoulder == pytest.approx(seen.keypoints[11, :2] - 0.5)


def test_a_third_leg_is_a_third_peak_of_every_joint():
    normal, wrong = targets(), targets("third_leg")
    for name in ("hip", "knee", "ankle", "foot"):
        assert (peaks(normal.heat[JOINTS.index(name)]), peaks(wrong.heat[JOINTS.index(name)])) == (2, 3), name


def test_bones_point_outwards_and_parts_and_sides_lie_on_their_limbs():
    made = targets()
    y, x = at((84, 38))  # middle of the left upper arm
    row = BONES.index(("shoulder", "elbow"))
    ux, uy = made.fields[2 * row, y, x], made.fields[2 * row + 1, y, x]
    assert np.hypot(ux, uy) == pytest.approx(1, abs=1e-5) and ux > 0.7 and uy > 0.4
    assert made.parts[0, y, x] == PARTS.index("upper_arm")
    assert made.side[0, y, x] == 1 and made.side_weights[0, y, x] == 1
    assert made.covered[0, y, x] == 0 and made.covered_weights[0, y, x] == 1
    y, x = at((54, 80))  # right thigh
    assert (made.side[0, y, x], made.side_weights[0, y, x], made.covered[0, y, x]) == (0, 1, 1)
    assert made.centre[0, y, x] * CENTRE_UNIT == pytest.approx(NECK[0] - 54, abs=STRIDE)
    assert made.centre[1, y, x] * CENTRE_UNIT == pytest.approx(NECK[1] - 80, abs=STRIDE)


def test_a_mirrored_view_swaps_the_sides():
    mirrored = targets(view=np.array([[-1.0, 0, SIZE - 1], [0, 1, 0]]))
    y, x = at((SIZE - 1 - 84, 38))
    assert mirrored.side[0, y, x] == 0 and mirrored.side_weights[0, y, x] == 1


@pytest.mark.parametrize(
    ("fault", "shift", "name", "place"),
    [
        ("missing_forearm", 0, "stump", ARMS["left"][1]),
        (None, 30, "outside", (ARMS["left"][1][0] + 30, ARMS["left"][1][1])),
        ("detached_hand", 0, "stump", ARMS["left"][2]),
    ],
)
def test_a_limb_that_stops_says_why(fault, shift, name, place):
    ends = targets(fault, shift=shift).ends
    y, x = at(place)
    assert ends[ENDS.index(name), y - 1 : y + 2, x - 1 : x + 2].max() > 0.7
    assert not targets().ends.any()


def test_a_chain_ends_where_it_is_covered_and_not_where_nothing_more_belongs_to_it():
    joints = np.array([[0, 0, 0, SEEN], [0, 9, 9, HIDDEN]], np.float32)
    assert ends_of(joints, np.array([[0, 1, OVER, OVER]])) == [("behind", 0)]
    assert ends_of(joints, np.array([[0, NONE, NONE, NONE]])) == [("stump", 0)]
    assert ends_of(joints, np.array([[0, OVER, OVER, OVER]])) == []


def test_what_nobody_knows_has_no_weight():
    body = store_body(person())
    body.joints[body.joints[:, 0] == JOINTS.index("knee"), 3] = UNSURE
    made = seen_targets(body, PLAIN, SIZE, FRAME)
    y, x = at(LEGS["left"][1])
    knee = JOINTS.index("knee")
    assert made.heat[knee].max() == 0 and made.heat_weights[knee, y, x] == 0
    assert made.heat_weights[knee, 0, 0] == 1
    assert made.field_weights[BONES.index(("hip", "knee")), y - 1, x] == 0


def sighting() -> tuple[BodySighting, np.ndarray]:
    points = np.zeros((33, 3), np.float32)
    for rows, xy in (
        ((0,), (64, 18)),
        ((7,), (70, 18)),
        ((8,), (58, 18)),
        ((11,), ARMS["left"][0]),
        ((12,), ARMS["right"][0]),
    ):
        points[list(rows)] = (*xy, 1)
    for number, side in enumerate(("left", "right")):
        for first, xy in zip((13, 15, 17, 19), (*ARMS[side][1:], ARMS[side][3]), strict=True):
            points[first + number] = (*xy, 1)
    points[[23, 24]] = (64, 70, 0.2)
    points[25:] = (64, 300, 0.1)  # below the picture
    points[:, :2] += 0.5  # the middle of a pixel
    sample = person()
    mask = np.zeros((MASK_PX, MASK_PX), bool)
    mask[:] = np.kron(sample.instance_map > 0, np.ones((2, 2), bool))
    return BodySighting(file="a.jpg", sha256="", keypoints=points, mask=mask), sample.pixels


def test_a_photograph_teaches_what_is_sure_and_nothing_else():
    seen, pixels = sighting()
    made = seen_targets(store_sighting(seen, pixels), PLAIN, SIZE, FRAME)
    assert peaks(made.heat[JOINTS.index("wrist")]) == 2
    assert made.heat[JOINTS.index("hip")].max() == 0
    y, x = at((64, 50))  # in the person, where a hip may be
    assert made.heat_weights[JOINTS.index("hip"), y, x] == 0
    assert made.heat_weights[JOINTS.index("hip"), 1, 1] == 1  # nobody is there
    assert made.part_weights[0, y, x] == 0 and made.covered_weights.max() == 0
    y, x = at((84, 38))
    assert made.parts[0, y, x] == PARTS.index("upper_arm") and made.side[0, y, x] == 1


def test_somebody_beside_the_person_of_a_photograph_is_not_taught_to_be_nobody():
    """Only the largest person has labels: whoever stands beside has joints, bones and parts too, and is no background."""
    seen, pixels = sighting()
    alone = seen_targets(store_sighting(seen, pixels), PLAIN, SIZE, FRAME)
    beside = np.s_[180:250, 0:56]  # of the mask, half a px each
    inside = np.s_[:, 24:30, 0:6]  # in cells of four px
    assert not seen.mask[beside].any()
    assert alone.heat_weights[JOINTS.index("wrist")][inside[1:]].all() and alone.part_weights[inside].all()
    seen.others[beside] = True
    made = seen_targets(store_sighting(seen, pixels), PLAIN, SIZE, FRAME)
    for name in ("heat", "field", "centre", "side", "covered", "part", "end"):
        assert not getattr(made, f"{name}_weights")[inside].any(), name
    assert made.heat_weights[JOINTS.index("wrist"), 1, 30] == 1 and made.part_weights[0, 1, 30] == 1  # nobody is there
    assert peaks(made.heat[JOINTS.index("wrist")]) == 2
    y, x = at((84, 38))  # the labelled person's other side
    assert made.parts[0, y, x] == PARTS.index("upper_arm") and made.part_weights[0, y, x] == 1


def test_where_masks_of_two_people_overlap_nothing_is_said():
    seen, pixels = sighting()
    seen.others[:, 150:] = True  # over the left arm
    made = seen_targets(store_sighting(seen, pixels), PLAIN, SIZE, FRAME)
    y, x = at((84, 38))
    assert made.part_weights[0, y, x] == made.side_weights[0, y, x] == 0
    assert not made.heat_weights[:, y, x].any() and not made.field_weights[:, y, x].any()


def test_a_lone_hand_is_no_person():
    seen, pixels = sighting()
    assert shows_person(seen, pixels.shape)
    seen.keypoints[0] = (64, -9, 1)
    assert not shows_person(seen, pixels.shape)


def stock() -> BodyStock:
    made = BodyStock()
    for number in range(2):
        made.add([person(key=f"toy-{number}-a"), person(key=f"toy-{number}-b", fault="third_leg", order=1)])
    made.places.append(store_place(np.full((90, 120, 3), 90, np.uint8)))
    return made


def test_the_same_step_draws_the_same_batch_and_a_pair_the_same_view():
    made = stock()
    assert len(made.groups) == 2  # neighbours with one group's name would be four pictures of one
    examples = BodyExamples(made, 64, 5, BodyMixture(pairs=1, photographs=1, places=1, collages=1))
    first, again, other = examples.batch(4), examples.batch(4), examples.batch(5)
    assert first.pixels.shape == (5, 64, 64, 3)
    assert torch.equal(first.pixels, again.pixels) and not torch.equal(first.pixels, other.pixels)
    assert all(torch.equal(first.maps[name], again.maps[name]) for name in first.maps)
    assert torch.equal(
        first.maps["side"][0] * first.maps["side_weights"][1], first.maps["side"][1] * first.maps["side_weights"][0]
    )


def test_the_plain_view_shows_all_of_the_picture():
    body = store_place(np.full((80, 160, 3), 200, np.uint8))
    view = plain_view(body, 64)
    np.testing.assert_allclose(view @ (80, 40, 1), (32, 32), atol=1)
    batch = BodyExamples(stock(), 64, 5, BodyMixture()).plain([body])
    assert (batch.pixels[0, :14] == 127).all() and (batch.pixels[0, 20:44] > 180).all()


def test_heat_that_is_sure_and_wrong_still_learns():
    logits = torch.full((1, 10, 4, 4), -60.0, requires_grad=True)
    truth = torch.zeros(1, 10, 4, 4)
    truth[0, 0, 2, 2] = 1
    heat_loss(logits, truth, torch.ones_like(truth)).backward()
    assert logits.grad is not None and float(logits.grad[0, 0, 2, 2]) < -0.5


def test_the_parser_learns_its_toys():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = BodyParser().train()
    examples = BodyExamples(stock(), 64, 5, BodyMixture(pairs=1, photographs=0, places=0, collages=0))
    batch = examples.plain([body for group in examples.stock.groups for body in group[:1]])
    losses = losses_of(network, lambda _: body_loss(network(normalised(batch.pixels)), batch), 10)
    assert np.isfinite(losses).all() and losses[-1] < 0.8 * losses[0]


def test_a_training_hands_over_weights_that_load_and_goes_on(tmp_path, monkeypatch):
    folder = tmp_path / "shards"
    folder.mkdir()
    with ShardWriter(folder / "toys.tar") as writer:
        for sample in (person(key="toy-a"), person(key="toy-b", fault="third_leg", order=1)):
            writer.write(sample)
    read = BodyStock()
    reader = BodyShards([folder], read, lambda _: None)
    assert (reader.read_new(), reader.read_new(), len(read.groups)) == (1, 0, 1)
    save_file(BodyParser().state_dict(), tmp_path / "start.safetensors")
    ticks = itertools.count()
    clock = SimpleNamespace(monotonic=lambda: float(next(ticks)))  # a second each time it is asked
    monkeypatch.setattr(generator, "time", clock)
    arguments = ["--made", str(folder), "--out", str(tmp_path), "--start", str(tmp_path / "start.safetensors")]
    arguments += [
        "--size",
        "64",
        "--pairs-a-step",
        "1",
        "--photographs-a-step",
        "0",
        "--collages-a-step",
        "0",
        "--threads",
        "1",
    ]
    assert bodies.main([*arguments, "--minutes", "0.1"]) == 0
    facts = json.loads((tmp_path / "body_parser.json").read_text())
    BodyParser().load_state_dict(load_file(tmp_path / "body_parser.safetensors"))
    assert bodies.main([*arguments, "--minutes", "0.2"]) == 0
    assert json.loads((tmp_path / "body_parser.json").read_text())["steps"] > facts["steps"]


def test_held_stages_stay_and_the_rest_learns():
    network = BodyParser()
    bodies.hold_stages(network, 2)
    learning = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    assert not [name for name in learning if name.startswith(("trunk.stem", "trunk.stages.0", "trunk.stages.1"))]
    assert any(name.startswith("trunk.stages.2") for name in learning) and "known.weight" in learning


def test_of_a_published_network_that_is_held_nothing_learns_and_everything_else_does():
    network, settings = BodyParser(), bodies.BodyTraining()
    assert settings.still == bodies.ALL_STILL
    bodies.hold_stages(network, settings.still)
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad != name.startswith(("trunk.", "known.", "guiding.")), name
    (group,) = bodies._phase(network, 1.0, settings).optimiser.param_groups
    assert len(group["params"]) == sum(parameter.requires_grad for parameter in network.parameters()) > 0
    assert group["share"] == 1.0
