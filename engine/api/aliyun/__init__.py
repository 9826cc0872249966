"""Aliyun's live API (2016-11-01): its recording actions."""

from engine.api.aliyun.dialect import aliyun

__all__ = ["aliyun"]
