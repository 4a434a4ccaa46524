"""Bundles have the same bytes everywhere, and what is added to a network leaves the rest of it alone."""

import hashlib
import io
import subprocess
import sys
import zipfile

import pytest

from limbfix import bundles, flat_tables

NETWORKS = {"b_landmarks.tflite": b"landmarks" * 700, "a_detector.tflite": b"detector"}


def tiny_model(*, weights: list[bytes], metadata: list[str]) -> bytes:
    """Writes a TFLite file with mediapipe's own schema, so that what reads it back owes nothing to our writer."""
    import flatbuffers
    from mediapipe.tasks.metadata import schema_py_generated as schema

    model = schema.ModelT()
    model.version, model.description = 3, "made by a test"
    model.subgraphs = [schema.SubGraphT()]
    model.subgraphs[0].name = "main"
    model.operatorCodes = []
    model.buffers = []
    for data in weights:
        buffer = schema.BufferT()
        buffer.data = bytearray(data)
        model.buffers.append(buffer)
    model.metadata = []
    for name in metadata:
        entry = schema.MetadataT()
        entry.name, entry.buffer = name, 0
        model.metadata.append(entry)
    if not metadata:
        model.metadata = None
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def data_starts(bundle: bytes) -> list[int]:
    """Where each member's bytes start in the bundle."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        entries = archive.infolist()
    starts = []
    for entry in entries:
        header = bundle[entry.header_offset : entry.header_offset + 30]
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        starts.append(entry.header_offset + 30 + lengths)
    return starts


def test_a_bundle_is_the_same_bytes_whatever_the_order_of_its_members() -> None:
    turned = dict(reversed(NETWORKS.items()))

    assert list(turned) != list(NETWORKS)
    assert bundles.pack_bundle(NETWORKS) == bundles.pack_bundle(turned)


def test_a_bundle_has_the_bytes_it_always_had() -> None:
    digest = hashlib.sha256(bundles.pack_bundle(NETWORKS)).hexdigest()

    assert digest == "eb31ab73ccd9e885ba8e682fc4429b8e89b2dd6d000fc918edda4648e4b31db9"


def test_members_are_stored_plain_and_aligned_for_reading_in_place() -> None:
    bundle = bundles.pack_bundle(NETWORKS)

    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == NETWORKS
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    for start, name in zip(data_starts(bundle), sorted(NETWORKS), strict=True):
        assert start % bundles.MEMBER_ALIGNMENT == 0
        assert bundle[start:].startswith(NETWORKS[name])


@pytest.mark.parametrize("metadata", [[], ["min_runtime_version"], ["min_runtime_version", "other"]])
@pytest.mark.parametrize("weights", [[b""], [b"", b"w" * 17], [b"", b"x" * 64, b"y"]])
def test_normalisation_is_added_and_everything_else_stays(weights: list[bytes], metadata: list[str]) -> None:
    from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
    from mediapipe.tasks.metadata import schema_py_generated as schema

    before = tiny_model(weights=weights, metadata=metadata)
    after = bundles.with_normalisation(before, mean=127.5, std=64.0)

    assert after.endswith(before)
    assert (len(after) - len(before)) % flat_tables.OLD_FILE_ALIGNMENT == 0
    model = schema.ModelT.InitFromPackedBuf(after)
    assert (model.version, model.description, len(model.subgraphs)) == (3, b"made by a test", 1)
    assert [bytes(buffer.data) if buffer.data is not None else b"" for buffer in model.buffers[:-1]] == weights
    assert [entry.name for entry in model.metadata] == [*(name.encode() for name in metadata), b"TFLITE_METADATA"]
    assert model.metadata[-1].buffer == len(model.buffers) - 1
    added = bytes(model.buffers[-1].data)
    assert added[4:8] == b"M001"
    tensor = metadata_schema.ModelMetadataT.InitFromPackedBuf(added).subgraphMetadata[0].inputTensorMetadata[0]
    assert tensor.content.contentProperties.colorSpace == metadata_schema.ColorSpaceType.RGB
    assert (list(tensor.processUnits[0].options.mean), list(tensor.processUnits[0].options.std)) == ([127.5], [64.0])


def test_the_added_buffer_is_aligned_as_tflite_demands() -> None:
    from mediapipe.tasks.metadata import schema_py_generated as schema

    after = bundles.with_normalisation(tiny_model(weights=[b"", b"w" * 33], metadata=[]), mean=0, std=255)

    model = schema.Model.GetRootAs(after)
    added = bytes(model.Buffers(model.BuffersLength() - 1).DataAsNumpy())
    assert after.index(added) % 16 == 0


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\0\0\0\0TFLX" + bytes(64), b"PK\x03\x04" + bytes(100)])
def test_bytes_that_are_no_tflite_file_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="expected a TFLite file"):
        bundles.with_normalisation(data, mean=0, std=1)


@pytest.mark.parametrize("root", [b"\xff\xff\xff\xff", b"\x08\0\0\0"])
def test_a_tflite_file_with_a_broken_root_is_refused(root: bytes) -> None:
    with pytest.raises(ValueError, match="expected a FlatBuffers file"):
        bundles.with_normalisation(root + b"TFL3", mean=0, std=1)


def test_building_needs_neither_mediapipe_nor_flatbuffers() -> None:
    program = "import sys, limbfix.bundles; print({'mediapipe', 'flatbuffers', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


@pytest.mark.models
def test_mediapipe_opens_the_models_and_sees_nothing_on_a_grey_picture() -> None:
    import numpy as np

    from limbfix import weights
    from limbfix.errors import ModelMissing

    try:
        paths = {name: str(weights.model_path(name)) for name in weights.models_in_use()}
    except ModelMissing as error:
        pytest.skip(str(error))
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    grey = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.full((256, 256, 3), 114, np.uint8))

    def base(name: str) -> BaseOptions:
        return BaseOptions(model_asset_path=paths[name])

    with vision.HandLandmarker.create_from_options(
        vision.HandLandmarkerOptions(base_options=base("hand_landmarker"))
    ) as hands:
        assert hands.detect(grey).hand_landmarks == []
    with vision.PoseLandmarker.create_from_options(
        vision.PoseLandmarkerOptions(base_options=base("pose_landmarker"))
    ) as poses:
        assert poses.detect(grey).pose_landmarks == []
    with vision.FaceDetector.create_from_options(
        vision.FaceDetectorOptions(base_options=base("face_detector"))
    ) as faces:
        assert faces.detect(grey).detections == []
