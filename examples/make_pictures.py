"""How were the example pictures made? This draws them again: `python examples/make_pictures.py FOLDER [FILE ...]`.

Needs the extra `synthesis` and `python -m limbfix.synthesis fetch`. A row fixes a picture for one version of the engine only: a later
version draws other scenes from the same seeds. The pictures' README names the version of those that are here.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from limbfix.synthesis.samples import Role
from limbfix.synthesis.streams import StreamOptions, make_stream

HAND_PX, BODY_PX = 768, 1024
"""Sides of the pictures: a whole person's hands need the larger one."""

QUALITY = 90


class Row(NamedTuple):
    """One picture: the one of a role in a group of a stream, and what its `parameters` chunk says, if it has one (PNG only)."""

    file: str
    stream: str
    seed: int
    index: int
    role: Role
    size_px: int = HAND_PX
    prompt: str = ""


WALL = "a raised hand before a wall, rendered by limbfix.synthesis"
PALM = "an open palm, rendered by limbfix.synthesis"
AMPUTEE = "portrait of a woman with both arms raised, amputee, rendered by limbfix.synthesis"

ROWS = (
    Row("clean_hand_dorsal.jpg", "hands", 7, 166, "plain"),
    Row("clean_hand_open_palm.png", "hands", 8, 6, "plain", prompt=PALM),
    Row("clean_hand_peace.webp", "hands", 8, 245, "twin"),
    Row("clean_hand_pointing.jpg", "hands", 101, 533, "twin"),
    Row("extra_thumb.webp", "hands", 8, 258, "defect"),
    Row("fused_fingers.jpg", "hands", 101, 877, "defect"),
    Row("missing_finger.jpg", "hands", 7, 96, "defect"),
    Row("six_fingers.png", "hands", 7, 414, "defect", prompt=WALL),
    Row("two_hands_one_wrist.jpg", "hands", 7, 366, "defect"),
    Row("clean_person_sitting.jpg", "bodies", 301, 99, "plain", HAND_PX),
    Row("clean_person_standing.jpg", "bodies", 8, 5, "twin", HAND_PX),
    Row("clean_person_walking.png", "bodies", 301, 84, "plain", BODY_PX),
    Row("clean_two_people.webp", "bodies", 301, 232, "twin", BODY_PX),
    Row("missing_forearm.png", "bodies", 301, 235, "defect", BODY_PX, prompt=AMPUTEE),
    Row("third_arm.jpg", "bodies", 7, 80, "defect", HAND_PX),
    Row("third_leg.jpg", "bodies", 301, 161, "defect", HAND_PX),
)


def save(row: Row, pixels: Image.Image, folder: Path) -> None:
    """Writes a picture in the format of its name; a prompt goes where A1111 puts it."""
    chunks = PngInfo()
    if row.prompt:
        made = f"Seed: {row.seed}, Size: {pixels.width}x{pixels.height}, Model: limbfix-synthesis"
        chunks.add_text("parameters", f"{row.prompt}\n{made}")
    more = {"pnginfo": chunks, "optimize": True} if row.file.endswith(".png") else {"quality": QUALITY}
    pixels.save(folder / row.file, **more)


def draw(rows: Sequence[Row], folder: Path) -> None:
    """Draws rows of one size. Backgrounds are painted, and nothing is degraded: no photograph takes part."""
    for name, seed in sorted({(row.stream, row.seed) for row in rows}):
        stream = make_stream(name, StreamOptions(seed=seed, size_px=rows[0].size_px, degrade=False))
        for row in rows:
            if (row.stream, row.seed) == (name, seed):
                (sample,) = (one for one in stream.group(row.index) if one.role == row.role)
                save(row, Image.fromarray(sample.pixels), folder)
                print(row.file)
        stream.close()


def main(folder: Path, files: Collection[str] = ()) -> None:
    """Draws the rows of some files, or all. A process draws one size only: see `limbfix.synthesis.rendering.renderer`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for row in ROWS if not files or row.file in files]
    for size_px in sorted({row.size_px for row in rows}):
        with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
            pool.submit(draw, [row for row in rows if row.size_px == size_px], folder).result()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
