"""The YOLO adapter on models that are built here: small, honest ones that find squares of one colour.

Each model averages the picture over cells of 8 x 8 px and scores a colour's class where 3 x 3 cells are full of it, so
a wrong channel order, letterbox or scale shows up as a wrong class, box, point or mask.
"""

import hashlib
import importlib.util
import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from limbfix.detectors import ultralytics_yolo
from limbfix.detectors.ultralytics_yolo import UltralyticsYolo
from limbfix.errors import DetectorError, MissingExtra, ModelError, UsageError
from limbfix.images import Picture
from limbfix.parts import PartKind

needs_ultralytics = pytest.mark.skipif(
    importlib.util.find_spec("ultralytics") is None, reason='ultralytics is not installed: pip install "limbfix[yolo]"'
)

RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)
NAMES = {0: "Person", 1: "hand", 2: "face", 3: "car"}
"""Class by colour, in the order red, green, blue, yellow."""

HEADS = {"detect": "Detect, [nc]", "pose": "Pose, [nc, kpt_shape]", "segment": "Segment, [nc, 4, 8]"}


@pytest.fixture(autouse=True)
def no_network(socket_disabled):
    """Every test here runs without sockets."""


def build(
    path: Path, task: str = "detect", points: int = 17, dims: int = 3, names: dict[int, str] | None = None, change=None
):
    """Saves a model that finds squares of 3 x 3 cells, 24 px of the letterboxed picture."""
    import torch

    yolo = ultralytics_yolo._import_yolo()
    plan = path.with_suffix(".yaml")
    plan.write_text(
        f"nc: 4\nkpt_shape: [{points}, {dims}]\n"
        f"backbone:\n  - [-1, 1, nn.AvgPool2d, [8]]\nhead:\n  - [[0], 1, {HEADS[task]}]\n"
    )
    model = yolo(str(plan), task=task)
    head = model.model.model[-1]
    with torch.no_grad():
        for module in head.modules():
            if hasattr(module, "act"):
                module.act = torch.nn.Identity()
            if isinstance(module, torch.nn.Conv2d):
                module.weight.zero_()
        _score_colours(head.cv3[0])
        head.dfl.conv.weight[0, :, 0, 0] = torch.arange(16)
        head.cv2[0][-1].bias.copy_(
            torch.tensor([20.0 if bin_ in (1, 2) else -20.0 for bin_ in range(16)] * 4)
        )  # 1.5 cells
        if task == "pose":
            head.cv4[0][-1].bias.copy_(torch.from_numpy(_point_biases(points, dims)))
        if task == "segment":
            _mask_redness(head)
    model.model.names = dict(names or NAMES)
    if change is not None:
        change(model)
    model.save(path)
    return path


def _score_colours(branch):
    spread, same, last = branch
    spread.conv.weight.copy_(_rows([1, -1, -1], [-1, 1, -1], [-1, -1, 1], [0.5, 0.5, -1])[..., None, None] / 9)
    same.conv.weight[:, :, 1, 1] = _rows([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1])
    last.weight[:, :, 0, 0] = 60 * same.conv.weight[:, :, 1, 1]
    last.bias.fill_(-60 * 0.95)


def _rows(*rows):
    import torch

    return torch.tensor(rows, dtype=torch.float32)


def _offsets(points: int) -> np.ndarray:
    """Where the pose models put each point, in cells from the middle of the square: the first far to the left."""
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    offsets = np.stack([1.4 * np.cos(turn), 1.2 * np.sin(turn)], axis=1)
    offsets[0] = (-4, 0)
    return offsets


def _visibilities(points: int) -> np.ndarray:
    return np.linspace(0.05, 0.95, points)


def _point_biases(points: int, dims: int) -> np.ndarray:
    shown = _visibilities(points)
    xy = (0.5 + _offsets(points)) / 2
    return np.concatenate([xy, np.log(shown / (1 - shown))[:, None]], axis=1)[:, :dims].astype(np.float32).ravel()


def _mask_redness(head):
    head.proto.cv1.conv.weight[0, 0, 1, 1] = 1
    head.proto.upsample.weight.zero_()
    head.proto.upsample.weight[0, 0] = 1
    head.proto.upsample.bias.zero_()
    head.proto.cv2.conv.weight[0, 0, 1, 1] = 1
    head.proto.cv3.conv.weight[0, 0, 0, 0] = 1
    head.proto.cv3.bn.bias[1] = 1
    head.cv4[0][-1].bias.copy_(_rows(10, -5, 0, 0))


def picture_of(pixels: np.ndarray) -> Picture:
    return Picture(pixels=pixels, sha256="0" * 64)


def square_at(size_wh: tuple[int, int], column: int, row: int, colour, pixels=None) -> tuple[np.ndarray, list[float]]:
    """Draws a square that fills 3 x 3 cells once the picture is letterboxed; returns pixels and its box."""
    width, height = size_wh
    gain = min(640 / width, 640 / height)
    pads = [(-round(side * gain) % 32) // 2 for side in (width, height)]
    box = [(8 * cell - pad) / gain for cell, pad in zip((column, row, column + 3, row + 3), pads * 2, strict=True)]
    pixels = np.zeros((height, width, 3), np.uint8) if pixels is None else pixels
    x_min, y_min, x_max, y_max = (round(value) for value in box)
    pixels[y_min:y_max, x_min:x_max] = colour
    return pixels, box


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("yolo")


@pytest.fixture(scope="module")
def detect_model(folder):
    return build(folder / "squares.pt")


@needs_ultralytics
@pytest.mark.parametrize("size_wh", [(1280, 720), (510, 1000), (640, 640), (320, 180), (4000, 3000)])
def test_boxes_lie_where_the_squares_are_in_the_original(detect_model, size_wh):
    detector = UltralyticsYolo(detect_model)
    pixels, box = square_at(size_wh, 20, 12, RED)
    (part,) = detector.detect(picture_of(pixels), ())
    tolerance = 1 + 1.5 * max(size_wh) / 640
    assert part.box.xyxy == pytest.approx(box, abs=tolerance)
    assert part.detector == detector.name == "yolo:squares"


@needs_ultralytics
def test_classes_are_taken_by_name_and_colours_are_not_swapped(detect_model):
    pixels, red = square_at((1280, 720), 10, 10, RED)
    _, green = square_at((1280, 720), 20, 20, GREEN, pixels)
    _, blue = square_at((1280, 720), 30, 30, BLUE, pixels)
    square_at((1280, 720), 40, 10, YELLOW, pixels)
    parts = UltralyticsYolo(detect_model).detect(picture_of(pixels), ())
    found = {part.kind: part.box.xyxy for part in parts}
    assert len(parts) == 3, "the car is none of ours"
    for kind, box in ((PartKind.PERSON, red), (PartKind.HAND, green), (PartKind.FACE, blue)):
        assert found[kind] == pytest.approx(box, abs=2), kind


@needs_ultralytics
def test_an_empty_picture_gives_no_parts_and_the_score_limit_is_kept(detect_model):
    detector = UltralyticsYolo(detect_model)
    assert detector.detect(picture_of(np.zeros((300, 500, 3), np.uint8)), ()) == ()
    pixels, _ = square_at((640, 640), 20, 20, RED)
    (part,) = detector.detect(picture_of(pixels), ())
    assert part.detection_score == pytest.approx(0.95, abs=0.01)
    assert UltralyticsYolo(detect_model, min_score=0.99).detect(picture_of(pixels), ()) == ()
    with pytest.raises(UsageError, match="min_score"):
        UltralyticsYolo(detect_model, min_score=25)


@needs_ultralytics
@pytest.mark.parametrize("shape_hw", [(1, 1), (5, 2000), (2000, 5)])
def test_odd_pictures_are_no_failure(detect_model, shape_hw):
    assert UltralyticsYolo(detect_model).detect(picture_of(np.zeros((*shape_hw, 3), np.uint8)), ()) == ()


@needs_ultralytics
def test_the_picture_is_untouched_and_a_second_look_gives_the_same(detect_model):
    pixels, _ = square_at((1280, 720), 10, 10, RED)
    picture = picture_of(pixels)
    before = picture.pixels.copy()
    detector = UltralyticsYolo(detect_model)
    first, second = detector.detect(picture, ()), detector.detect(picture, ())
    assert [part.box for part in first] == [part.box for part in second]
    assert [part.detection_score for part in first] == [part.detection_score for part in second]
    assert (picture.pixels == before).all()


@needs_ultralytics
@pytest.mark.parametrize(
    ("points", "colour", "layout"), [(17, RED, "coco17"), (21, GREEN, "hand21"), (5, RED, None), (17, GREEN, None)]
)
def test_keypoints_stand_in_the_original_frame(folder, points, colour, layout):
    model = build(folder / f"pose{points}.pt", "pose", points)
    pixels, box = square_at((1280, 720), 30, 20, colour)
    (part,) = UltralyticsYolo(model).detect(picture_of(pixels), ())
    assert part.box.xyxy == pytest.approx(box, abs=2)
    if layout is None:
        assert part.keypoints is None, "points of an unknown layout must not be named"
        return
    center = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    assert part.keypoints.layout.name == layout
    np.testing.assert_allclose(part.keypoints.xy, center + _offsets(points) * 8 * 2, atol=1)
    np.testing.assert_allclose(part.keypoints.score, _visibilities(points), atol=0.01)


@needs_ultralytics
def test_a_point_outside_the_picture_is_absent_and_not_on_its_edge(folder):
    model = build(folder / "edge.pt", "pose")
    pixels, _ = square_at((640, 640), 0, 20, RED)
    (part,) = UltralyticsYolo(model).detect(picture_of(pixels), ())
    assert np.isnan(part.keypoints.xy[0]).all()
    assert np.isnan(part.keypoints.score[0])
    assert np.isfinite(part.keypoints.xy[1:]).all()


@needs_ultralytics
def test_points_without_visibility_get_no_made_up_one(folder):
    model = build(folder / "flat.pt", "pose", dims=2)
    pixels, _ = square_at((640, 640), 20, 20, RED)
    (part,) = UltralyticsYolo(model).detect(picture_of(pixels), ())
    assert np.isfinite(part.keypoints.xy).all()
    assert np.isnan(part.keypoints.score).all()


@needs_ultralytics
@pytest.mark.parametrize("size_wh", [(1280, 720), (510, 1000)])
def test_masks_cover_the_square_in_the_original_frame(folder, size_wh):
    model = build(folder / "mask.pt", "segment")
    pixels, _ = square_at(size_wh, 20, 12, RED)
    (part,) = UltralyticsYolo(model).detect(picture_of(pixels), ())
    drawn = pixels[:, :, 0] > 127
    assert part.mask.dtype == bool
    assert part.mask.shape == drawn.shape
    assert (part.mask & drawn).sum() / (part.mask | drawn).sum() > 0.75


@needs_ultralytics
@pytest.mark.parametrize("plan", [f"yolo{family}n{task}" for family in ("11", "26") for task in ("", "-pose", "-seg")])
def test_the_published_architectures_load_safely_and_run(folder, plan):
    import torch

    torch.manual_seed(7)
    model = ultralytics_yolo._import_yolo()(f"{plan}.yaml")
    model.model.names = {**model.model.names, 0: "person"}
    with torch.no_grad():  # random weights believe in nothing; lift the first class
        for name, tensor in model.model.named_parameters():
            if ".cv3." in name and name.endswith("2.bias") and tensor.shape == (80,):
                tensor[0] = 2
            if ".cv4." in name and name.endswith("2.bias") and tensor.shape == (32,):
                tensor[:] = 1  # ultralytics drops what has an empty mask
    path = folder / f"{plan}.pt"
    model.save(path)
    pixels = np.random.default_rng(7).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    parts = UltralyticsYolo(path).detect(picture_of(pixels), ())
    assert 0 < len(parts) <= ultralytics_yolo.MAX_PARTS
    for part in parts:
        assert part.kind is PartKind.PERSON
        assert 0 <= part.box.x_min <= part.box.x_max <= 500
        assert 0 <= part.box.y_min <= part.box.y_max <= 300
        assert (part.keypoints is not None) == plan.endswith("pose")
        assert (part.mask is not None) == plan.endswith("seg")


@needs_ultralytics
def test_the_hash_is_of_the_file_and_is_taken_once(folder):
    path = build(folder / "hashed.pt")
    expected = hashlib.sha256(path.read_bytes()).hexdigest()
    detector = UltralyticsYolo(path)
    path.write_bytes(b"replaced after loading")
    assert detector.model_hashes() == {"hashed.pt": expected}


@needs_ultralytics
def test_a_path_with_quotes_and_spaces_and_capitals_loads(folder):
    odd = folder / "o'brien's model "
    odd.mkdir()
    path = odd / "yolov5n it's.PT"
    path.write_bytes(build(folder / "plain.pt").read_bytes())
    assert UltralyticsYolo(path).name == "yolo:yolov5n it's"


@needs_ultralytics
def test_a_model_without_our_classes_says_which_it_has(folder):
    path = build(folder / "cars.pt", names={0: "car", 1: "dog\x1b[31m", 2: "personal", 3: "left hand"})
    with pytest.raises(UsageError, match=r"yolo:cars.*person, hand, face.*'car', 'dog") as caught:
        UltralyticsYolo(path)
    assert "\x1b" not in str(caught.value)


@needs_ultralytics
def test_a_model_for_another_task_is_refused(folder):
    model = ultralytics_yolo._import_yolo()("yolo11n-cls.yaml")
    model.save(folder / "classify.pt")
    with pytest.raises(UsageError, match="classify"):
        UltralyticsYolo(folder / "classify.pt")


@needs_ultralytics
def test_a_model_that_fails_is_an_error_and_not_an_empty_result(folder):
    def change(model):
        model.model.model[0].kernel_size = 10_000

    detector = UltralyticsYolo(build(folder / "broken.pt", change=change))
    with pytest.raises(DetectorError, match="yolo:broken"):
        detector.detect(picture_of(np.zeros((64, 64, 3), np.uint8)), ())


@needs_ultralytics
def test_weights_that_are_no_numbers_are_refused(folder):
    def change(model):
        model.model.model[-1].cv3[0][-1].bias.data[0] = math.nan

    with pytest.raises(ModelError, match="no numbers"):
        UltralyticsYolo(build(folder / "nan.pt", change=change))


@needs_ultralytics
def test_a_closed_detector_says_so(detect_model):
    detector = UltralyticsYolo(detect_model)
    detector.close()
    with pytest.raises(DetectorError, match="closed"):
        detector.detect(picture_of(np.zeros((64, 64, 3), np.uint8)), ())


@pytest.mark.parametrize("name", ["yolo11n.pt", "yolo26n", "https://example.org/yolo11n.pt", "ul://a/b/c", "."])
def test_a_model_that_is_not_here_is_never_fetched(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="downloads no YOLO models"):
        UltralyticsYolo(name)
    assert list(tmp_path.iterdir()) == []


def test_other_formats_than_checkpoints_are_refused(tmp_path):
    (tmp_path / "best.onnx").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"expected a \.pt checkpoint"):
        UltralyticsYolo(tmp_path / "best.onnx")


def test_without_ultralytics_the_command_and_the_licence_are_named(tmp_path, monkeypatch):
    (tmp_path / "any.pt").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "ultralytics", None)
    ultralytics_yolo._import_yolo.cache_clear()
    with pytest.raises(MissingExtra, match=r'pip install "limbfix\[yolo\]".*AGPL-3\.0'):
        UltralyticsYolo(tmp_path / "any.pt")


@needs_ultralytics
def test_a_device_that_is_not_here_is_refused(detect_model):
    with pytest.raises(UsageError, match="cuda:99"):
        UltralyticsYolo(detect_model, device="cuda:99")


# --- what a file must not be able to do ---


class Call:
    """Pickles as a call, the way an attack does."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def _touch(path: Path) -> Call:
    return Call(os.system, f"touch '{path}'")


def _save(thing, path: Path, form: str):
    import torch

    if form == "pickle":
        path.write_bytes(pickle.dumps(thing))
    else:
        torch.save(thing, path, _use_new_zipfile_serialization=form == "zip")


@needs_ultralytics
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch on the form `pickle`, before it refuses it
@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("place", ["itself", "model", "train_args", "beside a sound model"])
def test_the_payload_of_a_checkpoint_never_runs(tmp_path, form, place, detect_model):
    import torch

    ran = tmp_path / "ran"
    sound = torch.load(detect_model, weights_only=False)
    things = {
        "itself": _touch(ran),
        "model": {"model": _touch(ran)},
        "train_args": {**sound, "train_args": _touch(ran)},
        "beside a sound model": {**sound, "extra": [_touch(ran)]},
    }
    path = tmp_path / "canary.pt"
    _save(things[place], path, form)
    with pytest.raises(ModelError, match="yolo:canary"):
        UltralyticsYolo(path)
    assert not ran.exists()


@needs_ultralytics
@pytest.mark.parametrize("function", [eval, exec])
def test_no_builtin_runs_either(tmp_path, function):
    ran = tmp_path / "ran"
    _save({"model": Call(function, f"open({str(ran)!r}, 'w')")}, tmp_path / "canary.pt", "zip")
    with pytest.raises(ModelError):
        UltralyticsYolo(tmp_path / "canary.pt")
    assert not ran.exists()


def test_the_canary_can_sing(tmp_path):
    import torch

    ran = tmp_path / "ran"
    _save({"model": _touch(ran)}, tmp_path / "canary.pt", "zip")
    torch.load(tmp_path / "canary.pt", weights_only=False)
    assert ran.exists(), "without safe loading the payload must run, or the tests above prove nothing"


@needs_ultralytics
def test_an_allowed_class_cannot_be_made_to_download(tmp_path, monkeypatch):
    from ultralytics.nn.modules.block import TorchVision

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    _save({"model": Call(TorchVision, "resnet18")}, tmp_path / "caller.pt", "zip")
    with pytest.raises(ModelError, match="yolo:caller: expected no network"):
        UltralyticsYolo(tmp_path / "caller.pt")
    assert not [path for path in (tmp_path / "torch").rglob("*") if path.is_file()]


@needs_ultralytics
def test_nothing_is_installed_for_a_checkpoint_that_asks_for_it(tmp_path, detect_model, monkeypatch):
    import torch

    started = []
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **_: started.append(arguments))
    missing = type("Thing", (), {"__module__": "limbfix_no_such_package", "__qualname__": "Thing"})
    module = type(sys)("limbfix_no_such_package")
    module.Thing = missing
    monkeypatch.setitem(sys.modules, "limbfix_no_such_package", module)
    _save({"model": missing()}, tmp_path / "foreign.pt", "zip")
    monkeypatch.delitem(sys.modules, "limbfix_no_such_package")
    quantised = {**torch.load(detect_model, weights_only=False), "modelopt": {"modelopt": {}, "ranges": {}}}
    _save(quantised, tmp_path / "quantised.pt", "zip")
    for name in ("foreign.pt", "quantised.pt"):
        with pytest.raises(ModelError):
            UltralyticsYolo(tmp_path / name)
    assert started == []


@needs_ultralytics
def test_a_cut_file_is_a_damaged_model_at_every_length(tmp_path, detect_model):
    whole = detect_model.read_bytes()
    path = tmp_path / "cut.pt"
    for step in range(20):
        path.write_bytes(whole[: len(whole) * step // 20])
        with pytest.raises(ModelError, match="yolo:cut"):
            UltralyticsYolo(path)


# --- what it must not do to the process, seen in a fresh one, since ultralytics sends nothing while pytest runs ---

FRESH = """
import json, os, sys
import cv2, numpy as np, torch
from PIL import Image
from limbfix.images import Picture
calls = []
sys.addaudithook(lambda event, _: calls.append(event) if event.split(".")[0] in {"socket", "subprocess", "urllib"}
                 or event in {"os.system", "os.fork", "os.exec", "os.posix_spawn"} else None)
from limbfix.detectors.ultralytics_yolo import UltralyticsYolo
def state():
    threads = [cv2.getNumThreads(), torch.get_num_threads()]
    return [dict(os.environ), threads, np.get_printoptions(), torch.save, Image.open]
before = state()
detector = UltralyticsYolo(sys.argv[1])
loaded = state()
picture = Picture(pixels=np.zeros((64, 64, 3), np.uint8), sha256="0" * 64)
for _ in range(3):
    detector.detect(picture, ())
from ultralytics.utils import LOGGER, SETTINGS
from ultralytics.utils.events import events
LOGGER.error("for stderr")
report = {"calls": calls, "changed": [str(a) for a, b in zip(before, loaded) if a != b], "sync": SETTINGS["sync"],
          "telemetry": events.enabled, "queued": len(events.events), "settings": str(SETTINGS.file)}
sys.stderr.write("REPORT" + json.dumps(report))
"""


def _run_fresh(script: str, home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    root = Path(__file__).parents[2]
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("YOLO_", "ULTRALYTICS_", "PYTEST"))
    }
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=home,
        env=kept | {"HOME": str(home), "PYTHONPATH": str(root)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, detect_model):
    home = tmp_path_factory.mktemp("home")
    done = _run_fresh(FRESH, home, str(detect_model))
    assert done.returncode == 0, done.stderr
    return done, json.loads(done.stderr.split("REPORT")[1]), home


@needs_ultralytics
def test_a_fresh_process_opens_no_socket_and_starts_no_program(fresh):
    _, report, _ = fresh
    assert report["calls"] == []
    assert (report["sync"], report["telemetry"], report["queued"]) == (False, False, 0)


@needs_ultralytics
def test_a_fresh_process_keeps_stdout_for_records(fresh):
    assert fresh[0].stdout == ""


@needs_ultralytics
def test_the_users_settings_and_folder_stay_as_they_were(fresh):
    _, report, home = fresh
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert not Path(report["settings"]).exists(), "our own settings folder must go with the process"


@needs_ultralytics
def test_the_rest_of_the_process_is_as_before(fresh):
    assert fresh[1]["changed"] == []


@needs_ultralytics
def test_an_ultralytics_imported_without_safe_loading_is_refused(tmp_path, detect_model):
    script = (
        "import sys, ultralytics; from limbfix.detectors.ultralytics_yolo import UltralyticsYolo as Y; Y(sys.argv[1])"
    )
    done = _run_fresh(script, tmp_path, str(detect_model), YOLO_OFFLINE="true", YOLO_CONFIG_DIR=str(tmp_path))
    assert "UsageError: yolo: expected ultralytics with safe loading, no automatic installation" in done.stderr
    assert "ULTRALYTICS_SAFE_LOAD=true" in done.stderr
