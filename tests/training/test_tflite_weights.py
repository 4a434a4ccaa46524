"""Published networks are read layer by layer, and a file that is none says so."""

from __future__ import annotations

import zipfile

import pytest

pytest.importorskip("torch")

from limbfix.errors import ModelCorrupt, ModelMissing
from limbfix.model_files import model_folder
from limbfix.nets.efficientnet_lite import EfficientNetLite, load_convolutions
from limbfix.nets.lite_table import HAND
from limbfix.nets.palm_trunk import PalmTrunk, load_palm
from limbfix.training.tflite_weights import BUNDLE, FINDER, LANDMARKS, read_layers


@pytest.mark.models
def test_the_bundle_fills_both_trunks():
    bundle = model_folder() / BUNDLE
    if not bundle.is_file():
        pytest.skip(f"no {BUNDLE} on this machine: python -m limbfix.weights pull")
    palm, hand = PalmTrunk(), EfficientNetLite(HAND)
    load_palm(palm, [(layer.kind, layer.weight, layer.bias) for layer in read_layers(bundle, FINDER)])
    layers = [(layer.weight, layer.bias) for layer in read_layers(bundle, LANDMARKS) if layer.bias is not None]
    load_convolutions(hand, layers)
    assert hand.stages[5][3].project.weight.abs().sum() > 0
    assert palm.up[1]["blocks"][1].pointwise.bias.abs().sum() > 0


def test_no_file_and_no_network_in_it_are_told(tmp_path):
    with pytest.raises(ModelMissing, match="pull"):
        read_layers(tmp_path / "nothing.task", FINDER)
    with zipfile.ZipFile(tmp_path / "other.task", "w") as archive:
        archive.writestr(LANDMARKS, b"no network at all")
    with pytest.raises(ModelCorrupt, match=FINDER):
        read_layers(tmp_path / "other.task", FINDER)
    with pytest.raises(ModelCorrupt, match=LANDMARKS):
        read_layers(tmp_path / "other.task", LANDMARKS)
