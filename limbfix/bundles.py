"""How do the files of the mediapipe 0.10.21 wheel become models that the Tasks API of mediapipe 1.x accepts?

A `.task` bundle is an uncompressed ZIP file of TFLite networks. One network in the wheel lacks the metadata in which
the Tasks API looks up the normalisation of its input; it is added here. The networks themselves stay as they are.
Every step is deterministic, so that a bundle built anywhere has the SHA-256 that the manifest lists.
"""

import io
import struct
import zipfile
from collections.abc import Mapping

from limbfix import flat_tables as flat

MEMBER_ALIGNMENT = 64
"""Bytes. mediapipe maps the bundle into memory and reads the networks in place; they want at least 4, weights 16."""

_BUNDLE_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that ZIP can hold; a real date would change the bytes each time
_ALIGNMENT_EXTRA = 0xD935  # registered id of a ZIP extra field that only pads

# Slots of the TFLite schema's Model, Metadata and Buffer tables.
_MODEL_BUFFERS, _MODEL_METADATA = 4, 6
_MODEL_VERSION = 0

# Values of the TFLite metadata schema's enumerations.
_IMAGE_PROPERTIES, _NORMALISATION_OPTIONS, _RGB = 2, 1, 1


def pack_bundle(members: Mapping[str, bytes]) -> bytes:
    """Packs networks into a `.task` bundle.

    Args:
        members: name in the bundle -> TFLite file.

    Returns:
        the bundle; the same bytes for the same members in any order, on any machine.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as bundle:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, _BUNDLE_DATE)
            entry.create_system = 3  # always Unix, or the bytes would differ on Windows
            entry.external_attr = 0o644 << 16
            header = 30 + len(name.encode()) + 4
            padding = -(out.tell() + header) % MEMBER_ALIGNMENT
            entry.extra = struct.pack("<HH", _ALIGNMENT_EXTRA, padding) + bytes(padding)
            bundle.writestr(entry, members[name])
    return out.getvalue()


def with_normalisation(model: bytes, *, mean: float, std: float) -> bytes:
    """Adds the metadata in which the Tasks API looks up the normalisation of the input picture.

    Args:
        model: a TFLite file whose only input is an RGB picture and which carries no TFLITE_METADATA.
        mean: subtracted from each value, which runs from 0 to 255.
        std: what the difference is divided by.

    Returns:
        the TFLite file: a new root table with the metadata, then `model` as it was.

    Raises:
        ValueError: `model` is no TFLite file.
    """
    if model[4:8] != b"TFL3":
        raise ValueError(f"expected a TFLite file (bytes 4 to 8 are TFL3), got {model[4:8]!r}")
    places = flat.root_fields(model)
    buffers = flat.vector_items(model, places[_MODEL_BUFFERS])
    entries = flat.vector_items(model, places[_MODEL_METADATA]) if _MODEL_METADATA in places else []
    metadata = _normalisation_metadata(mean, std)
    entry = flat.Table(fields={0: flat.text("TFLITE_METADATA"), 1: flat.Scalar(code="I", value=len(buffers))})
    buffer = flat.Table(fields={0: flat.Packed(data=metadata, count=len(metadata), alignment=16)})
    fields: dict[int, flat.Scalar | flat.Node] = {
        slot: flat.follow(model, place) for slot, place in places.items() if slot != _MODEL_VERSION
    }
    fields[_MODEL_VERSION] = flat.Scalar(code="I", value=struct.unpack_from("<I", model, places[_MODEL_VERSION])[0])
    fields[_MODEL_BUFFERS] = flat.Vector(items=[*buffers, buffer])
    fields[_MODEL_METADATA] = flat.Vector(items=[*entries, entry])
    return flat.lay_out(flat.Table(fields=dict(sorted(fields.items()))), identifier=b"TFL3", old=model)


def _normalisation_metadata(mean: float, std: float) -> bytes:
    """Writes a TFLite metadata file that says of one RGB input: value = (pixel - mean) / std."""
    options = flat.Table(fields={0: flat.floats(mean), 1: flat.floats(std)})
    unit = flat.Table(fields={0: flat.Scalar(code="B", value=_NORMALISATION_OPTIONS), 1: options})
    properties = flat.Table(fields={0: flat.Scalar(code="b", value=_RGB)})
    content = flat.Table(fields={0: flat.Scalar(code="B", value=_IMAGE_PROPERTIES), 1: properties})
    tensor = flat.Table(fields={0: flat.text("image"), 3: content, 4: flat.Vector(items=[unit])})
    subgraph = flat.Table(fields={2: flat.Vector(items=[tensor])})
    return flat.lay_out(flat.Table(fields={3: flat.Vector(items=[subgraph])}), identifier=b"M001")
