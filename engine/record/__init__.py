"""One recording: wires ingest, timeline, segment, mux and store together and keeps the gap ledger."""

from engine.record.chronicle import Chronicle
from engine.record.recording import Outcome, Recording
from engine.record.recovery import Revived, revive_all
from engine.record.spec import RecordSpec
from engine.record.state import Status

__all__ = ["Chronicle", "Outcome", "RecordSpec", "Recording", "Revived", "Status", "revive_all"]
