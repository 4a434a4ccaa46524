"""Which pipelines are served by which inpainter? The table of docs/inpainters.md, read off the installed diffusers.

python -m limbfix.inpainters.choice_table > docs/inpainters.md
"""

from __future__ import annotations

from limbfix.inpainters.calls import BATCHED, custom_of, needs_hint, parameters_of, takes_hint
from limbfix.inpainters.choices import Choice, all_choices, inpaint_class

HEAD = """# Which pipelines are repaired by which inpainter

Written by `python -m limbfix.inpainters.choice_table > docs/inpainters.md` from diffusers {version}; a test holds it to that.

`limbfix.wrap(pipe)` repairs with the inpainter in the second column: it shares the pipeline's weights, nothing is downloaded and the
pipeline is not edited. *Found by* says whose table names it: diffusers' `AutoPipelineForInpainting`, or limbfix's for what that one
lacks. *Batch*: candidates are painted side by side, and each is what its seed gives alone; elsewhere one by one. *Hint*: takes a pose
or depth hint of a plausible hand. *needs*: FLUX Depth and Canny want the depth map or the edges of each region, which limbfix does not
draw; they paint requests of your own that carry them, `limbfix fix --model` refuses them, and their wrapped pictures are made again or
repaired with the embedded filling. Steps and guidance are what limbfix says where you say nothing.

Tested with real classes and random weights: `StableDiffusionInpaintPipeline` (4 and 9 channels), `StableDiffusionXLInpaintPipeline`,
`StableDiffusionControlNetInpaintPipeline`, `FluxFillPipeline`. For all others only the arguments are checked against the signature.
"""


def table() -> str:
    """Returns the whole page as Markdown."""
    from diffusers import __version__

    choices = all_choices()
    served = [choice for choice in choices if choice.inpainter is not None]
    rest = [choice for choice in choices if choice.inpainter is None]
    lines = [
        HEAD.format(version=__version__),
        "| pipeline | inpainter | found by | strength | hint | batch | steps | guidance |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(choice, choice.inpainter) for choice in served if choice.inpainter),
        "",
        f"## Not repaired with their own weights ({len(rest)})",
        "",
        "limbfix makes the picture again, or repairs with the embedded filling or a model that you name.",
        "",
        ", ".join(f"`{choice.pipeline}`" for choice in rest),
    ]
    return "\n".join(lines) + "\n"


def _row(choice: Choice, inpainter: str) -> str:
    kind, custom = inpaint_class(inpainter), custom_of(inpainter)
    hint = "needs" if needs_hint(kind) else takes_hint(kind)
    marks = ("strength" in parameters_of(kind), hint, inpainter in BATCHED)
    shown = " | ".join(mark if isinstance(mark, str) else "yes" if mark else "-" for mark in marks)
    return f"| `{choice.pipeline}` | `{inpainter}` | {choice.source} | {shown} | {custom.steps} | {custom.guidance:g} |"


if __name__ == "__main__":
    print(table(), end="")
