"""How were the example pictures made? This draws them again: `python examples/make_pictures.py FOLDER`.

Needs the extra `synthesis` and `python -m limbfix.synthesis fetch`. A row fixes a picture for one version of the engine only: a later
version draws other scenes from the same seeds. The pictures' README names the version of those that are here, and the pictures that an
earlier prototype drew, which are not in this table.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from limbfix.synthesis.samples import Role
from limbfix.synthesis.streams import StreamOptions, make_stream

SIZE_PX = 768
QUALITY = 90


class Row(NamedTuple):
    """One picture: the one of a role in a group of a stream, and what its `parameters` chunk says, if it has one (PNG only)."""

    file: str
    stream: str
    seed: int
    index: int
    role: Role
    prompt: str = ""


ROWS = (
    Row("clean_hand_dorsal.jpg", "hands", 7, 166, "plain"),
    Row("missing_finger.jpg", "hands", 7, 96, "defect"),
    Row("six_fingers.png", "hands", 7, 414, "defect", "a raised hand before a wall, rendered by limbfix.synthesis"),
    Row("two_hands_one_wrist.jpg", "hands", 7, 366, "defect"),
)


def save(row: Row, pixels: Image.Image, folder: Path) -> None:
    """Writes a picture in the format of its name; a prompt goes where A1111 puts it."""
    chunks = PngInfo()
    if row.prompt:
        made = f"Seed: {row.seed}, Size: {pixels.width}x{pixels.height}, Model: limbfix-synthesis"
        chunks.add_text("parameters", f"{row.prompt}\n{made}")
    more = {"pnginfo": chunks, "optimize": True} if row.file.endswith(".png") else {"quality": QUALITY}
    pixels.save(folder / row.file, **more)


def main(folder: Path) -> None:
    """Draws all rows. Backgrounds are painted, and nothing is degraded: no photograph takes part."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed in sorted({(row.stream, row.seed) for row in ROWS}):
        stream = make_stream(name, StreamOptions(seed=seed, size_px=SIZE_PX, degrade=False))
        for row in ROWS:
            if (row.stream, row.seed) == (name, seed):
                (sample,) = (one for one in stream.group(row.index) if one.role == row.role)
                save(row, Image.fromarray(sample.pixels), folder)
                print(row.file)
        stream.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
