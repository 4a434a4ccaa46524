"""How is a diffusers pipeline gated? A stand-in with its signature, its attributes and its outputs, and a judge behind it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

from limbfix.wrapping.attempts import Ledger
from limbfix.wrapping.drivers import drive
from limbfix.wrapping.options import WrapOptions
from limbfix.wrapping.pipeline_calls import PipelineCall, read_pipeline_call
from limbfix.wrapping.pipeline_maker import PipelineMaker
from limbfix.wrapping.pipeline_outputs import merged, with_pixels
from limbfix.wrapping.pipeline_records import call_record, pipeline_record
from limbfix.wrapping.sessions import CallNotes, GateSession

_OWN = "_limbfix_session"


class GatedPipeline:
    """A pipeline whose pictures are judged before its caller sees them.

    Calls take and return what the pipeline's calls do, with `.reports` added; with `return_dict=False` the tuple has them as an
    attribute. Everything else, read or set, is the pipeline's: `.to("cuda")`, `.scheduler = ...`, `.load_lora_weights`.
    `gated.limbfix` is the gate: `.generator` is the pipeline itself, `.last_reports` are those of the last call. The keyword
    `limbfix={"max_attempts": 5}` changes options for one call.
    """

    def __init__(self, session: GateSession) -> None:
        object.__setattr__(self, _OWN, session)

    @property
    def limbfix(self) -> GateSession:
        """The gate behind this pipeline."""
        return object.__getattribute__(self, _OWN)

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        # isinstance, AutoPipeline.from_pipe and the like ask this; type(gated) stays GatedPipeline.
        return type(self.limbfix.generator)

    @property
    def __signature__(self) -> inspect.Signature:
        signature = inspect.signature(self.limbfix.generator.__call__)
        extra = inspect.Parameter("limbfix", inspect.Parameter.KEYWORD_ONLY, default=None)
        named = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        rest = [one for one in signature.parameters.values() if one.kind is inspect.Parameter.VAR_KEYWORD]
        return signature.replace(parameters=[*named, extra, *rest])

    def __call__(self, *arguments: Any, limbfix: Mapping[str, Any] | None = None, **keywords: Any) -> Any:
        """Calls the pipeline, judges what it makes, and goes on with what fails; see `limbfix.wrap`."""
        session = self.limbfix
        options = session.options.with_changes(limbfix)
        call = read_pipeline_call(session.generator, arguments, keywords)
        return gated_call(session, options, call)

    def __getattr__(self, name: str) -> Any:
        if name == _OWN:
            raise AttributeError(name)  # A copy that is not filled yet.
        value = getattr(self.limbfix.generator, name)
        if inspect.ismethod(value) and value.__self__ is self.limbfix.generator:
            return _returning(self, value)
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.limbfix.generator, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self.limbfix.generator, name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(self.limbfix.generator), "limbfix"})

    def __repr__(self) -> str:
        return f"{self.limbfix.generator!r}\ngated by limbfix: {self.limbfix!r}"


def _returning(gated: GatedPipeline, method: Any) -> Any:
    """Returns a method that hands out the gated pipeline where it would hand out the bare one, as `.to()` does."""

    @functools.wraps(method)
    def called(*arguments: Any, **keywords: Any) -> Any:
        value = method(*arguments, **keywords)
        return gated if value is method.__self__ else value

    return called


def gated_call(session: GateSession, options: WrapOptions, call: PipelineCall) -> Any:
    """Makes the images of one call and returns the pipeline's own kind of output.

    Raises:
        AnatomyRejected: an image failed and `on_fail` is `raise`.
    """
    maker = PipelineMaker(session.gate, options, call)
    ledgers = drive(session.rounds(maker.options, base_seed=maker.base_seed, prompt_of=call.prompt_of), maker)
    images = [_kept_image(ledger) for ledger in ledgers]
    record, missing = call_record(call, maker)
    notes = CallNotes(
        generator=pipeline_record(call.pipe),
        call=record,
        not_reproducible_because=lambda ledger: _why_not(ledger, maker, missing),
        notes=maker.notes,
    )
    reports = session.reports(ledgers, notes, options)
    output = merged(maker.first_output, images, [ledger.is_nsfw for ledger in ledgers], reports)
    session.finish(output, reports, options)
    return output


def _kept_image(ledger: Ledger) -> Any:
    if ledger.repaired is None or ledger.picture is None:
        return ledger.native
    return with_pixels(ledger.native, ledger.picture.pixels, ledger.repaired.pixels, ledger.notes)


def _why_not(ledger: Ledger, maker: PipelineMaker, missing: list[str]) -> str:
    if not maker.call.has_seeds:
        return "This pipeline takes no generator, so nobody can make the same pictures again."
    if maker.spoilt_generator:
        return maker.spoilt_generator
    return (
        f"The record cannot hold the arguments {', '.join(missing)}; give them to replay yourself." if missing else ""
    )
