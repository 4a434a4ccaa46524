"""`limbfix explain CODE`: what a code means, and what is measured for it now."""

from __future__ import annotations

from typing import Annotated

import typer


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="A code such as person.extra_arm, or a family: hand.")],
) -> None:
    """Explains a code or all codes of a family (hand, foot, person)."""
    from limbfix.explanations import explanations_of

    blocks = []
    for one in explanations_of(code):
        lines = [one.code, f"  What it means:     {one.meaning}", f"  Measured now:      {one.measured}"]
        lines += [f"  Often mistaken:    {one.mistaken}", f"  What you can do:   {one.remedy}"]
        blocks.append("\n".join(lines))
    print("\n\n".join(blocks))
