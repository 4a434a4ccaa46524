"""What the tests of the data engine stand on: the body data and a renderer where this machine has them, and a toy stream."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from toy_streams import ToyStream

from limbfix.errors import AssetMissing, GraphicsMissing
from limbfix.synthesis import assets
from limbfix.synthesis.samples import Sample
from limbfix.synthesis.streams import StreamOptions

if TYPE_CHECKING:
    from limbfix.synthesis.rendering.renderer import Renderer

SYNTHESIS = assets.synthesis_folder()
"""Where the body data lie for whoever started the suite; read before any test moves the home."""

RENDERER_PX = 192
"""One size for the whole suite: software GL was seen to corrupt memory when sizes changed in one process."""

os.environ.setdefault("LP_NUM_THREADS", "1")  # read once, when software GL starts


@pytest.fixture(autouse=True)
def _body_data_stay(_isolated: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the body data within reach though each test has a home of its own."""
    monkeypatch.setenv(assets.FOLDER_VARIABLE, str(SYNTHESIS))


@pytest.fixture(scope="session")
def body_data() -> Iterator[Path]:
    """The folder of MakeHuman's files, for tests and fixtures of any scope."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(assets.FOLDER_VARIABLE, str(SYNTHESIS))
        try:
            folder = assets.body_data_folder()
        except AssetMissing as error:
            pytest.skip(str(error))
        yield folder


@pytest.fixture(scope="session")
def graphics() -> None:
    """Skips where nothing can be rendered; for tests that open a stream of their own."""
    if importlib.util.find_spec("moderngl") is None:
        pytest.skip("moderngl is not installed; pip install 'limbfix[synthesis]'")
    try:
        assets.require_graphics()
    except GraphicsMissing as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def renderer(body_data: Path, graphics: None) -> Iterator[Renderer]:
    """The suite's one renderer, `RENDERER_PX` wide."""
    from limbfix.synthesis.rendering.renderer import Renderer

    try:
        renderer = Renderer(RENDERER_PX)
    except GraphicsMissing as error:
        pytest.skip(str(error))
    yield renderer
    close = getattr(renderer, "close", None)
    if close is not None:
        close()


@pytest.fixture
def toy_stream() -> ToyStream:
    """Makes drawn samples without OpenGL."""
    return ToyStream(StreamOptions(seed=7, size_px=48))


@pytest.fixture
def toy_samples(toy_stream: ToyStream) -> list[Sample]:
    """The samples of three groups: more digits, fewer digits, and a plain picture beside its twin."""
    return [sample for index in range(3) for sample in toy_stream.group(index)]
