"""limbfix: the anatomy gate after the render. Finds wrong hands and limbs in generated pictures, and says why.

    import limbfix
    inspection = limbfix.inspect("render.png")
    inspection.verdict, inspection.reason

Names are resolved on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbfix.discovery import find_pictures
    from limbfix.errors import AnatomyRejected, LimbfixError
    from limbfix.findings import DefectCode, Finding, Severity
    from limbfix.gate import Gate, inspect
    from limbfix.images import Picture, open_picture
    from limbfix.inspections import Inspection
    from limbfix.policies import Policy, load_policy
    from limbfix.records import record_schema
    from limbfix.repair import Repaired, RepairOptions, repair_picture
    from limbfix.wrapping import EarlyStop, wrap
    from limbfix.wrapping.capability import capabilities
    from limbfix.wrapping.checker import AnatomyChecker
    from limbfix.wrapping.gate_reports import GateReport

__version__ = "0.1.0"

_HOMES = {
    "AnatomyChecker": "wrapping.checker",
    "AnatomyRejected": "errors",
    "DefectCode": "findings",
    "EarlyStop": "wrapping",
    "Finding": "findings",
    "Gate": "gate",
    "GateReport": "wrapping.gate_reports",
    "Inspection": "inspections",
    "LimbfixError": "errors",
    "Picture": "images",
    "Policy": "policies",
    "RepairOptions": "repair",
    "Repaired": "repair",
    "Severity": "findings",
    "capabilities": "wrapping.capability",
    "find_pictures": "discovery",
    "inspect": "gate",
    "load_policy": "policies",
    "open_picture": "images",
    "record_schema": "records",
    "repair_picture": "repair",
    "wrap": "wrapping",
}

__all__ = [
    "AnatomyChecker",
    "AnatomyRejected",
    "DefectCode",
    "EarlyStop",
    "Finding",
    "Gate",
    "GateReport",
    "Inspection",
    "LimbfixError",
    "Picture",
    "Policy",
    "RepairOptions",
    "Repaired",
    "Severity",
    "__version__",
    "capabilities",
    "find_pictures",
    "inspect",
    "load_policy",
    "open_picture",
    "record_schema",
    "repair_picture",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'limbfix' has no attribute {name!r}")
    value = getattr(import_module(f"limbfix.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
