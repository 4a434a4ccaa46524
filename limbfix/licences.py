"""Under which licence does an installed package stand, and does a policy allow it?

A licence is what the package's own metadata states. That is a fact about its metadata, not legal advice.
"""

import re
from importlib import metadata
from typing import Literal

LicencePolicy = Literal["any", "permissive"]
"""`permissive` forbids the GPL, the AGPL, the SSPL and non-commercial licences; the LGPL it allows."""

_ALLOWED = re.compile(r"\bLGPL|(Lesser|Library) General Public", re.IGNORECASE)
_FORBIDDEN = re.compile(r"\bA?GPL|\bSSPL|General Public|Affero|Non-?Commercial|-NC\b", re.IGNORECASE)


def licence_of(distribution: metadata.Distribution) -> str:
    """Reads a package's licence: its SPDX expression, else its classifiers, else the first line of its free text."""
    facts = distribution.metadata
    if "License-Expression" in facts:
        return facts["License-Expression"]
    classifiers = [line for line in facts.get_all("Classifier") or () if line.startswith("License ::")]
    named = [line.split(" :: ")[-1] for line in classifiers if line != "License :: OSI Approved"]
    if named:
        return " or ".join(named)
    lines = facts["License"].strip().splitlines() if "License" in facts else []
    return lines[0].strip() if lines else "licence not stated"


def is_copyleft(licence: str) -> bool:
    """Tells whether a licence's name is one that the policy `permissive` forbids."""
    return _FORBIDDEN.search(_ALLOWED.sub("", licence)) is not None
