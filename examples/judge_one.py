"""Judge one picture, look at what was seen, and try another policy. The cells (# %%) open in most editors as a notebook."""

# %% One picture in, one inspection out. In a notebook, an inspection at the end of a cell shows itself.
import sys

import limbfix

named = [word for word in sys.argv[1:] if word.lower().endswith((".png", ".jpg", ".jpeg", ".webp"))]
path = named[0] if named else "examples/pictures/third_arm.jpg"
gate = limbfix.Gate()
inspection = gate.inspect(path)
print(inspection.verdict, inspection.defect_score)
print(inspection.reason)

# %% What was measured, worst first. A low score says that something normal was measured.
for finding in inspection.findings[:5]:
    print(f"{finding.defect_score:.2f}  {finding.code}  {finding.message}")

# %% The record is plain JSON values: the same that `limbfix check --format jsonl` prints.
for hand in inspection.record["hands"]:
    print(hand["side"], hand["box_xyxy"], hand["digits"]["cannot_tell"])

# %% Skeletons, boxes and codes, drawn on a copy of the picture (a PIL image).
overlay = inspection.draw()
print(overlay.size)

# %% A stricter policy for the same picture. The models are loaded once more; in a loop, keep one gate.
strict = limbfix.Gate(limbfix.Policy(name="strict", flag_at=0.3, reject_at=0.5))
print(strict.inspect(path).verdict)

# %% Free the models.
gate.close()
strict.close()
