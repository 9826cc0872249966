"""One recording: wires ingest, timeline, segment, mux and store together and keeps the gap ledger."""

from engine.record.recording import Outcome, Recording, Status
from engine.record.spec import RecordSpec

__all__ = ["Outcome", "RecordSpec", "Recording", "Status"]
