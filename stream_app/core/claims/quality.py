"""The only place for the measured quality of the findings that a transcript takes part in, as packets state it.

The figures are those of `python -m bench.findings`; a test measures them again and fails where they differ.
"""

from __future__ import annotations

PRECISION = 0.856
"""Of what was found in calls whose sentences were not looked at when the rules were written, the share that is so."""
RECALL = 0.95
"""Of what was to be found there, the share that was found."""
MEASURED_ON = "200 made-up English calls in sentences that the rules were not written on, 200 clean ones beside them"
