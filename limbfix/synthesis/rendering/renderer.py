"""Drawables in, pixels and labels out. OpenGL 3.3 through EGL: software GL on any machine, a GPU where there is one.

One renderer has one picture size for its whole life: software GL was seen to corrupt memory when sizes changed in one process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from limbfix.synthesis.assets import require_graphics
from limbfix.synthesis.figures.rotations import unit
from limbfix.synthesis.rendering.cameras import Camera
from limbfix.synthesis.rendering.drawables import PATTERNS, Drawable
from limbfix.synthesis.rendering.lights import Light
from limbfix.synthesis.rendering.occlusion import occluded_light
from limbfix.synthesis.samples import SURFACE_ID

SHADOW_PX = 512
KEY_SHARE = 0.5
"""Share of the key light in all light, about: in its shadow the surroundings still shine, and occlusion still darkens."""

_LAYOUT = "3f 3f 3f 2f 4f 4f"
_ATTRIBUTES = ("position", "normal", "rest", "uv", "colour", "labels")
_STRIDE = 19 * 4
_SHADOW_VERTEX = (
    "#version 330\nin vec3 position; uniform mat4 camera; invariant gl_Position; "
    "void main() { gl_Position = camera * vec4(position, 1.0); }"
)
_SHADOW_FRAGMENT = "#version 330\nvoid main() {}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rendering:
    """What one look at a scene gives, (s, s) pixels.

    Attributes:
        colour: (s, s, 3) float32 0-255 sRGB, premultiplied by `cover`.
        cover: (s, s) float32 0-1, share of a pixel that something covers.
        instance: (s, s) uint16; part, surface: (s, s) uint8. 0 where nothing is.
        depth: (s, s) float32 decimetres from the camera along its view; inf where nothing is.
        light: (s, s) float32 0-1, what shadow and occlusion leave of the light; 0 where nothing is.
    """

    colour: np.ndarray
    cover: np.ndarray
    instance: np.ndarray
    part: np.ndarray
    surface: np.ndarray
    depth: np.ndarray
    light: np.ndarray

    def over(self, background: np.ndarray) -> np.ndarray:
        """Returns (s, s, 3) float32 0-255: the scene before a background (s, s, 3)."""
        return self.colour + background * (1 - self.cover[..., None])


class Renderer:
    """Draws scenes of one size.

    Args:
        size_px: side of the pictures.
        supersampling: samples per pixel along each axis; 1.5 and more, whole numbers or not.

    Raises:
        MissingExtra: moderngl is not installed.
        GraphicsMissing: no EGL library, or no device.
    """

    def __init__(self, size_px: int, supersampling: float = 2):
        require_graphics()
        import moderngl

        self.size_px, self._side = size_px, round(size_px * supersampling)
        self._gl: Any = moderngl.create_context(standalone=True, backend="egl")  # pyright: ignore[reportArgumentType]
        side = (self._side,) * 2
        self._programs: dict[str, Any] = {}
        self._shadow_program = self._gl.program(vertex_shader=_SHADOW_VERTEX, fragment_shader=_SHADOW_FRAGMENT)
        self._colour, self._labels = self._gl.texture(side, 4, dtype="f1"), self._gl.texture(side, 4, dtype="f2")
        self._depth = self._gl.depth_texture(side)
        self._frame = self._gl.framebuffer([self._colour, self._labels], self._depth)
        self._depth_frame = self._gl.framebuffer([], self._depth)
        self._shadow = self._gl.depth_texture((SHADOW_PX, SHADOW_PX))
        self._shadow.compare_func = "<="
        self._shadow_frame = self._gl.framebuffer([], self._shadow)
        self._textures: dict[str | None, Any] = {}
        self.add_texture(None, np.full((1, 1, 4), [255, 255, 255, 0], np.uint8))
        self._gl.enable(moderngl.DEPTH_TEST)
        self._gl.depth_func = "<="
        self._gl.disable(moderngl.CULL_FACE)

    def _program(self, pattern: str) -> Any:
        """Returns the program that draws one of `PATTERNS`; compiled when it is first needed."""
        if pattern not in self._programs:
            here = Path(__file__).parent
            first, rest = (here / "skin.frag").read_text().split("\n", 1)
            self._programs[pattern] = self._gl.program(
                vertex_shader=(here / "skin.vert").read_text(),
                fragment_shader=f"{first}\n#define PATTERN {PATTERNS.index(pattern)}\n{rest}",
            )
        return self._programs[pattern]

    def add_texture(self, key: str | None, rgba: np.ndarray) -> None:
        """Gives the renderer a texture (h, w, 4) uint8 for `Material.texture`; alpha marks nails."""
        height, width = rgba.shape[:2]
        texture = self._gl.texture((width, height), 4, np.ascontiguousarray(rgba[::-1]).tobytes())
        texture.build_mipmaps()
        self._textures[key] = texture

    def close(self) -> None:
        """Releases the graphics context."""
        self._gl.release()

    def render(
        self, drawables: Sequence[Drawable], camera: Camera, light: Light, *, centre: np.ndarray, radius: float
    ) -> Rendering:
        """Draws a scene.

        Args:
            drawables: what there is to see.
            camera, light: see their classes.
            centre: (3,) and radius: the ball, decimetres, in which shadows matter.
        """
        distance = float(np.linalg.norm(camera.eye - centre))
        near, far = max(0.05, distance * 0.02), distance + 3 * radius + 10
        light_matrix = _light_camera(light, centre, radius)
        drawables = [item for item in drawables if len(item.triangles)]  # all of a garment may be hidden
        buffers = [self._upload(item) for item in drawables]
        try:
            self._shadow_frame.clear(depth=1.0)
            self._draw_depth(self._shadow_frame, buffers, light_matrix)
            self._frame.clear(0, 0, 0, 0, depth=1.0)
            self._draw_depth(self._depth_frame, buffers, camera.matrix(near, far))
            self._draw_scene(drawables, buffers, camera, light, camera.matrix(near, far), light_matrix)
            return self._read(camera, light, near, far)
        finally:
            for row in buffers:
                for resource in row:
                    resource.release()

    def _upload(self, item: Drawable) -> tuple[Any, ...]:
        columns = (item.positions, item.normals, item.rest, item.uv, item.colours, item.labels)
        vertices = self._gl.buffer(np.ascontiguousarray(np.concatenate(columns, 1), np.float32))
        indices = self._gl.buffer(np.ascontiguousarray(item.triangles, np.int32))
        program = self._program(item.material.pattern)
        scene = self._gl.vertex_array(program, [(vertices, _LAYOUT, *_ATTRIBUTES)], indices)
        shadow = self._gl.vertex_array(self._shadow_program, [(vertices, f"3f {_STRIDE - 12}x", "position")], indices)
        return scene, shadow, indices, vertices

    def _draw_depth(self, frame: Any, buffers: list[tuple[Any, ...]], matrix: np.ndarray) -> None:
        """Draws depth alone: for shadows, and before the scene, so that only what is seen is shaded (a third of the time)."""
        self._shadow_program["camera"].write(matrix.T.tobytes())
        frame.use()
        for row in buffers:
            row[1].render()

    def _draw_scene(
        self, drawables: Sequence[Drawable], buffers: list[tuple[Any, ...]], camera: Camera, light: Light,
        matrix: np.ndarray, light_matrix: np.ndarray,
    ) -> None:  # fmt: skip
        self._frame.use()
        for pattern in {item.material.pattern for item in drawables}:
            _light_scene(self._program(pattern), camera, light, matrix, light_matrix)
        self._shadow.use(0)
        for item, row in zip(drawables, buffers, strict=True):
            material, program = item.material, self._program(item.material.pattern)
            self._textures[material.texture].use(1)
            for name in ("bump", "shine", "roughness", "scatter", "seed", "grain"):
                program[name].value = float(getattr(material, name))
            program["nail_tint"].value = tuple(float(x) for x in material.nail_tint)
            if "pattern_colour" in program:
                program["pattern_colour"].value = tuple(float(x) for x in material.pattern_colour)
            if "pattern_scale" in program:
                program["pattern_scale"].value = float(material.pattern_scale)
            row[0].render()

    def _read(self, camera: Camera, light: Light, near: float, far: float) -> Rendering:
        side = self._side
        middle = ((np.arange(self.size_px) + 0.5) * side / self.size_px).astype(int)  # the samples at pixels' centres
        middles = np.ix_(middle, middle)
        rgba = np.frombuffer(self._frame.read(components=4), np.uint8).reshape(side, side, 4)[::-1]
        labels = np.frombuffer(self._frame.read(components=4, attachment=1, dtype="f2"), np.float16)
        labels = labels.reshape(side, side, 4)[::-1][middles].astype(np.float32)
        raw = np.frombuffer(self._depth.read(), np.float32).reshape(side, side)[::-1]
        raw = raw[middles]
        distance = near * far / (far - raw * (far - near))
        depth = np.where(raw < 1, distance, np.inf).astype(np.float32)
        small = cv2.resize(np.ascontiguousarray(rgba), (self.size_px,) * 2, interpolation=cv2.INTER_AREA)
        small = small.astype(np.float32)
        px_per_dm = self.size_px / 2 / np.tan(camera.field / 2)
        open_sky = occluded_light(depth, px_per_dm, light)
        ids = labels[..., :3]  # whole numbers to 2048 are exact in half precision
        return Rendering(
            colour=small[..., :3] * open_sky,
            cover=small[..., 3] / 255,
            instance=ids[..., 0].astype(np.uint16),
            part=ids[..., 1].astype(np.uint8),
            surface=ids[..., 2].astype(np.uint8),
            depth=depth,
            light=np.where(raw < 1, (1 - KEY_SHARE + KEY_SHARE * labels[..., 3]) * open_sky[..., 1], 0).astype(
                np.float32
            ),
        )


def _light_scene(program: Any, camera: Camera, light: Light, matrix: np.ndarray, light_matrix: np.ndarray) -> None:
    """Tells a program what is the same for all meshes of a scene."""
    program["camera"].write(matrix.T.tobytes())
    program["light_camera"].write(light_matrix.T.tobytes())
    program["surroundings"].write(np.asarray(light.surroundings, np.float32).tobytes())
    values = {
        "eye": camera.eye, "key_direction": unit(light.key_direction), "key_colour": light.key_colour,
        "fill_direction": unit(light.fill_direction), "fill_colour": light.fill_colour,
    }  # fmt: skip
    for name, vector in values.items():
        program[name].value = tuple(float(x) for x in vector)
    program["exposure"].value = float(light.exposure)
    program["shadow_strength"].value = 1.0
    program["nail_surface"].value = float(SURFACE_ID["nail"])
    program["shadow_map"].value, program["detail_map"].value = 0, 1


def _light_camera(light: Light, centre: np.ndarray, radius: float) -> np.ndarray:
    direction = unit(light.key_direction)
    up = np.array([0.01, 1, 0.02]) if abs(direction[1]) < 0.95 else np.array([1, 0, 0.02])
    view = Camera(eye=centre + direction * radius * 2, target=centre, up=up, field=1.0).view()
    box = np.eye(4, dtype=np.float32)
    box[0, 0] = box[1, 1] = 1 / radius
    near, far = 0.1 * radius, 4 * radius
    box[2, 2], box[2, 3] = -2 / (far - near), -(far + near) / (far - near)
    return (box @ view).astype(np.float32)
