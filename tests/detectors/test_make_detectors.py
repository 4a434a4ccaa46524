"""The table from words to detectors."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from limbfix.detectors import make_detectors
from limbfix.errors import AssetMissing, MissingExtra, ModelMissing, UsageError


def names(specs, search="full"):
    return [detector.name for detector in make_detectors(specs, device="cpu", search=search)]


def test_mediapipe_stands_for_faces_then_pose_then_hands():
    assert names(["mediapipe"]) == ["mediapipe_faces", "mediapipe_pose", "mediapipe_hands"]


def test_a_single_search_looks_at_the_whole_picture_only():
    pose, hands = make_detectors(["mediapipe"], device="cpu", search="single")
    assert (pose.name, pose._crops, pose._masks) == ("mediapipe_pose", False, False)
    assert (hands.name, hands._search) == ("mediapipe_hands", "single")


@pytest.mark.parametrize("name", ["mediapipe_faces", "mediapipe_pose", "mediapipe_hands"])
@pytest.mark.parametrize("search", ["full", "single"])
def test_one_part_can_be_asked_for_alone(name, search):
    assert names([name], search) == [name]


def test_the_order_of_looking_does_not_depend_on_the_order_of_the_words():
    assert names(["mediapipe_hands", "mediapipe_pose"]) == ["mediapipe_pose", "mediapipe_hands"]


@pytest.mark.parametrize("specs", [["mediapipes"], ["yolo"], ["yolo:"], [""], ["MediaPipe"]])
def test_an_unknown_word_says_what_is_known(specs):
    with pytest.raises(
        UsageError,
        match=r"limbfix, mediapipe, mediapipe_faces, mediapipe_pose, limbfix_bodies, limbfix_hands, mediapipe_hands or yolo:PATH",
    ):
        make_detectors(specs, device="cpu", search="full")


@pytest.mark.parametrize("specs", [[], (), "mediapipe"])
def test_no_list_of_words_is_an_error(specs):
    with pytest.raises(UsageError, match="expected a list"):
        make_detectors(specs, device="cpu", search="full")


def test_a_detector_named_twice_is_an_error():
    with pytest.raises(UsageError, match="mediapipe_hands more than once"):
        make_detectors(["mediapipe", "mediapipe_hands"], device="cpu", search="full")


@pytest.fixture
def own_weights(tmp_path, monkeypatch):
    """Seeded weights in the place of those that come with limbfix."""
    pytest.importorskip("onnxruntime")
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from hand_weights import finder_file, parser_file

    from limbfix import shipped
    from limbfix.detectors import limbfix_hands

    monkeypatch.setattr(shipped, "has_hand_networks", lambda: True)
    files = {"hand_finder.safetensors": finder_file(tmp_path), "digit_parser.safetensors": parser_file(tmp_path)}
    monkeypatch.setattr(limbfix_hands, "shipped_file", files.__getitem__)
    for room in (shipped, limbfix_hands):
        monkeypatch.setattr(room, "shipped_rows", lambda: {key: {} for key in files})


def test_limbfix_stands_for_our_hands_and_a_second_opinion(own_weights):
    built = make_detectors(["limbfix"], device="cpu", search="full")
    assert [one.name for one in built] == ["mediapipe_faces", "mediapipe_pose", "limbfix_hands", "mediapipe_hands"]
    assert not built[-1]._second  # it searches by itself; both are joined afterwards
    assert built[2].notes == ()
    alone = make_detectors(["limbfix_hands"], device="cpu", search="single")
    assert [one.name for one in alone] == ["limbfix_hands"]


@pytest.fixture
def own_bodies(own_weights, tmp_path, monkeypatch):
    """Returns what lists a body parser too, with more in its row if wanted."""
    from hand_weights import body_file

    from limbfix import shipped
    from limbfix.detectors import body_sight

    file = body_file(tmp_path)
    monkeypatch.setattr(body_sight, "shipped_file", {"body_parser.safetensors": file}.__getitem__)

    def listed(**more: str) -> None:
        rows = {**shipped.shipped_rows(), "body_parser.safetensors": more}
        monkeypatch.setattr(shipped, "shipped_rows", lambda: rows)

    return listed


def test_hands_and_bodies_look_through_one_body_parser(own_bodies):
    own_bodies()
    built = {one.name: one for one in make_detectors(["limbfix"], device="cpu", search="full")}
    assert "limbfix_bodies" in built
    assert built["limbfix_hands"]._sight is built["limbfix_bodies"]._sight is not None
    again = {one.name: one for one in make_detectors(["limbfix"], device="cpu", search="full")}
    assert again["limbfix_hands"]._sight is not built["limbfix_hands"]._sight


@pytest.mark.parametrize(("search", "mirrored"), [("full", True), ("single", False)])
def test_the_body_parser_searches_as_the_settings_say(own_bodies, search, mirrored):
    own_bodies()
    (bodies,) = make_detectors(["limbfix_bodies"], device="cpu", search=search)
    assert bodies._sight._mirrored is mirrored


def test_hands_alone_look_through_the_body_parser_in_a_full_search_only(own_bodies):
    own_bodies()
    (full,) = make_detectors(["limbfix_hands"], device="cpu", search="full")
    (quick,) = make_detectors(["limbfix_hands"], device="cpu", search="single")
    assert full._sight is not None
    assert quick._sight is None


def test_a_body_parser_that_does_not_read_helps_to_find_hands_and_judges_nobody(own_bodies):
    own_bodies(reads="no")
    built = {one.name: one for one in make_detectors(["limbfix"], device="cpu", search="full")}
    assert "limbfix_bodies" not in built
    assert "body_parser.safetensors" in built["limbfix_hands"].model_hashes()
    (asked,) = make_detectors(["limbfix_bodies"], device="cpu", search="full")
    assert asked.name == "limbfix_bodies"  # who asks for it by name gets it


def test_without_a_body_parser_hands_are_found_without_and_bodies_are_an_error(own_weights):
    (hands,) = make_detectors(["limbfix_hands"], device="cpu", search="full")
    assert hands._sight is None
    with pytest.raises(AssetMissing, match="expected a body parser"):
        make_detectors(["limbfix_bodies"], device="cpu", search="full")


def test_detectors_of_others_load_no_body_parser(own_bodies, monkeypatch):
    from limbfix.detectors import body_sight

    own_bodies()
    monkeypatch.setattr(body_sight, "load_runtime", lambda: pytest.fail("nobody looks through it"))
    assert names(["mediapipe_pose"]) == ["mediapipe_pose"]


def test_limbfix_is_mediapipe_where_no_networks_come_along(monkeypatch):
    from limbfix import shipped

    monkeypatch.setattr(shipped, "shipped_rows", dict)
    assert names(["limbfix"]) == names(["mediapipe"])


def test_without_hand_networks_our_bodies_stand_beside_mediapipe(own_bodies, monkeypatch):
    from limbfix import shipped

    own_bodies()
    monkeypatch.setattr(shipped, "has_hand_networks", lambda: False)
    assert names(["limbfix"]) == ["mediapipe_faces", "mediapipe_pose", "limbfix_bodies", "mediapipe_hands"]


def test_without_a_finder_mediapipe_finds_and_ours_reads(own_weights, monkeypatch):
    from limbfix import shipped
    from limbfix.detectors import limbfix_hands

    for room in (shipped, limbfix_hands):
        monkeypatch.setattr(room, "shipped_rows", lambda: {"digit_parser.safetensors": {}})
    built = make_detectors(["limbfix"], device="cpu", search="full")
    assert [one.name for one in built] == ["mediapipe_faces", "mediapipe_pose", "limbfix_hands", "mediapipe_hands"]
    assert list(built[2].model_hashes()) == ["digit_parser.safetensors"]
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(MissingExtra, match="mediapipe"):
        make_detectors(["limbfix"], device="cpu", search="full")


@pytest.mark.parametrize("missing", ["library", "models"])
def test_without_mediapipe_our_hands_are_enough_and_the_record_says_so(own_weights, monkeypatch, tmp_path, missing):
    if missing == "library":
        monkeypatch.setitem(sys.modules, "mediapipe", None)  # its import now fails
    else:
        monkeypatch.setenv("LIMBFIX_MODELS", str(tmp_path / "empty"))
    (only,) = make_detectors(["limbfix"], device="cpu", search="full")
    assert only.name == "limbfix_hands"
    (note,) = only.notes
    assert "no second opinion" in note and "mediapipe" in note
    if missing == "library":
        with pytest.raises(MissingExtra, match="pip install"):
            make_detectors(["mediapipe"], device="cpu", search="full")
    error, remedy = (MissingExtra, "pip install") if missing == "library" else (ModelMissing, "limbfix models pull")
    with pytest.raises(error, match=remedy):
        make_detectors(["limbfix"], device="cpu", search="full", require_models=True)
    (chosen,) = make_detectors(["limbfix_hands"], device="cpu", search="full", require_models=True)
    assert chosen.name == "limbfix_hands"  # whoever names detectors misses no others


def test_two_models_of_one_name_are_an_error_since_records_could_not_tell_them_apart(tmp_path):
    if importlib.util.find_spec("ultralytics") is None:
        pytest.skip('ultralytics is not installed: pip install "limbfix[yolo]"')
    from limbfix.detectors import ultralytics_yolo

    paths = [tmp_path / folder / "best.pt" for folder in ("a", "b")]
    model = ultralytics_yolo._import_yolo()("yolo11n.yaml")
    model.model.names = {**model.model.names, 0: "person"}
    for path in paths:
        path.parent.mkdir()
        model.save(path)
    with pytest.raises(UsageError, match="yolo:best more than once"):
        make_detectors([f"yolo:{path}" for path in paths], device="cpu", search="full")
    built = make_detectors([f"yolo:{paths[0]}", "mediapipe_hands"], device="auto", search="full")
    assert [detector.name for detector in built] == ["mediapipe_hands", "yolo:best"]


@pytest.mark.parametrize(("device", "search"), [("tpu", "full"), ("cuda:x", "full"), ("cpu", "deep")])
def test_an_unknown_device_or_search_is_an_error(device, search):
    with pytest.raises(UsageError, match="expected"):
        make_detectors(["mediapipe"], device=device, search=search)


def test_a_yolo_path_that_is_missing_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"missing\.pt"):
        make_detectors([f"yolo:{tmp_path}/missing.pt"], device="cpu", search="full")


def test_the_table_and_the_mediapipe_detectors_need_no_torch_and_no_ultralytics():
    script = (
        "import sys\nfrom limbfix.detectors import make_detectors\n"
        "assert not {'numpy', 'cv2', 'torch', 'mediapipe', 'ultralytics'} & set(sys.modules), 'at import'\n"
        "make_detectors(['mediapipe'], device='auto', search='full')\n"
        "assert not {'torch', 'ultralytics'} & set(sys.modules), 'when built'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2], timeout=60)


def test_an_opencv_that_does_not_load_is_named_with_the_command_that_mends_it(tmp_path: Path):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from limbfix.detectors import make_detectors\n"
        "from limbfix.errors import MissingExtra\n"
        "try:\n    make_detectors(['limbfix'], device='cpu', search='full')\n"
        "except MissingExtra as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "libGL.so.1" in done.stdout and "apt-get install libgl1" in done.stdout, done.stderr
