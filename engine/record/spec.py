"""What to record and how: the options of `reel record`, and the JSON of `--spec`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from engine.errors import UsageError
from engine.media.codecs import Format
from engine.store.naming import DEFAULT, NameTemplate

Seconds = Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False)]


class RecordSpec(BaseModel):
    """One order: some streams, recorded alike, side by side.

    Durations are seconds, `min_free` is MiB. `interval` and `duration` of None mean one file and no end,
    `sync` of None that files are synced when they are final, `min_free` of None a floor that suits the file
    system. `splice_all` keeps files of every format open for the splice time, not only HLS: the next push
    goes on in them when its tracks are the same. With an `id` the recording goes on where a process that
    recorded under it before was ended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: tuple[str, ...] = Field(min_length=1)
    output: Path = Path("recordings")
    format: tuple[Format, ...] = (Format.FLV,)
    type: Literal["video", "audio"] = "video"
    duration: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    interval: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    reconnect: Seconds = 30.0
    name: str = DEFAULT
    splice: Annotated[float, Field(ge=0, le=21600, allow_inf_nan=False)] = 0.0
    splice_all: bool = False
    timestamps: Literal["original", "zero"] = "original"
    jump: Literal["discontinuity", "repair"] = "discontinuity"
    hls_segment: Literal["ts", "fmp4", "auto"] = "ts"
    hls_time: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 6.0
    flv_signalling: Literal["source", "enhanced", "legacy"] = "source"
    headers: dict[str, str] = Field(default_factory=dict)
    insecure: bool = False
    sync: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    min_free: Annotated[float, Field(ge=0, le=10**9, allow_inf_nan=False)] | None = None
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,63}$")] | None = None

    @field_validator("format", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",")]
        return list(dict.fromkeys(value)) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _check(self) -> Self:
        NameTemplate(self.name)
        if self.id is not None and len(self.urls) > 1:
            raise UsageError("id: a recording has one URL")
        if not self.format:
            raise UsageError("format: name at least one of " + ", ".join(Format))
        return self

    @classmethod
    def parse(cls, fields: dict[str, object] | str | bytes) -> RecordSpec:
        """A checked order from options or JSON text.

        Raises:
            UsageError: the first field that is wrong, and why.
        """
        try:
            if isinstance(fields, dict):
                return cls.model_validate(fields)
            return cls.model_validate_json(fields)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(str(part) for part in first["loc"]) or "the specification"
            raise UsageError(f"{place}: {first['msg']}") from None
