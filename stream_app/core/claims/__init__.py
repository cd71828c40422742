"""What the transcript says was done, and what the tool calls show: rules, the detector, and the comparison."""

from stream_app.core.claims.compared import Compared, compare
from stream_app.core.claims.detector import Claim, Heard, Said, hear

__all__ = ["Claim", "Compared", "Heard", "Said", "compare", "hear"]
