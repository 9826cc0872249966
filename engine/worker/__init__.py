"""A worker: hosts many recordings in one process."""

from engine.worker.host import Worker

__all__ = ["Worker"]
