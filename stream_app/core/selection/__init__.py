"""Why a call deserves review: facts from evidence, conditions on facts, and the eight reasons of the taxonomy."""

from stream_app.core.selection.facts import Facts, facts_of
from stream_app.core.selection.plans import plan_of
from stream_app.core.selection.reasons import Hit, reasons_of, required_kinds

__all__ = ["Facts", "Hit", "facts_of", "plan_of", "reasons_of", "required_kinds"]
