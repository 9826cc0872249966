"""One recording: wires ingest, timeline, segment, mux and store together and keeps the gap ledger."""

from engine.record.announcer import Emit
from engine.record.chronicle import Chronicle
from engine.record.outcome import Outcome
from engine.record.past import Past
from engine.record.recording import Recording
from engine.record.recovery import Revived, revive_all, revive_each
from engine.record.spec import RecordSpec
from engine.record.state import Status

__all__ = [
    "Chronicle",
    "Emit",
    "Outcome",
    "Past",
    "RecordSpec",
    "Recording",
    "Revived",
    "Status",
    "revive_all",
    "revive_each",
]
