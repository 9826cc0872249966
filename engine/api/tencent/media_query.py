"""What SearchMedia and DescribeMediaInfos are asked. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from engine.api.tencent.media_info import NEVER, PARTS, SOURCE, STATUS, STORAGE_CLASS, TYPES, category
from engine.api.tencent.parameters import Members, Parameters
from engine.api.tencent.times import iso_time
from engine.api.values import Integer, Text, at_most, one_of, refused, within
from engine.catalog.files import FileQuery
from engine.media.codecs import Format

MOST = 5000
"""How far Offset and Limit reach, and what TotalCount counts to."""

_NEVER = iso_time(NEVER)


def _code(name: str) -> str:
    return f"InvalidParameterValue.{name}"


def _time(name: str) -> BeforeValidator:
    def read(value: object) -> datetime:
        try:
            return iso_time(value)
        except PydanticCustomError:
            raise refused(_code(name), "must be a time like 2020-12-11T07:25:52Z") from None

    return BeforeValidator(read)


def _texts(name: str, count: int, length: int) -> AfterValidator:
    def check(values: tuple[str, ...]) -> tuple[str, ...]:
        if len(values) > count or any(len(value) > length for value in values):
            raise refused(_code(name), f"may have {count} elements of {length} characters")
        return values

    return AfterValidator(check)


def _length(name: str, length: int) -> AfterValidator:
    def check(value: str) -> str:
        if len(value) > length:
            raise refused(_code(name), f"may have {length} characters")
        return value

    return AfterValidator(check)


def _ceiling(name: str, count: int) -> AfterValidator:
    return at_most(count, _code(name))


class CreateTime(Members):
    """Both ends are included."""

    after: Annotated[datetime, _time("CreateTime")] | None = None
    before: Annotated[datetime, _time("CreateTime")] | None = None


class ExpireTime(Members):
    """Both ends are included."""

    after: Annotated[datetime, _time("ExpireTime")] | None = None
    before: Annotated[datetime, _time("ExpireTime")] | None = None


class Sort(Members):
    """By the time of creation, which is all that can be sorted by."""

    field: Annotated[Text, one_of("CreateTime", code=_code("Sort"))] = "CreateTime"
    order: Annotated[Text, one_of("Asc", "Desc", code=_code("Sort"))] = "Desc"


Filters = Annotated[
    tuple[Annotated[Text, one_of(*PARTS, code=_code("Filters"))], ...], _ceiling("Filters", 20)
]
Category = Annotated[Text, one_of("Video", "Audio", "Image", code=_code("Categories"))]


class SearchMedia(Parameters):
    """A list that is empty or absent lets all through. Sub-applications are not told apart."""

    sub_app_id: Integer = 0
    file_ids: Annotated[tuple[Text, ...], _texts("FileIds", 10, 40)] = ()
    names: Annotated[tuple[Text, ...], _texts("Names", 10, 100)] = ()
    name_prefixes: Annotated[tuple[Text, ...], _texts("NamePrefixes", 10, 100)] = ()
    descriptions: Annotated[tuple[Text, ...], _texts("Descriptions", 10, 100)] = ()
    class_ids: Annotated[tuple[Integer, ...], _ceiling("ClassIds", 10)] = ()
    tags: Annotated[tuple[Text, ...], _texts("Tags", 16, 32)] = ()
    categories: Annotated[tuple[Category, ...], _ceiling("Categories", 10)] = ()
    source_types: Annotated[tuple[Text, ...], _texts("SourceTypes", 10, 64)] = ()
    stream_ids: Annotated[tuple[Text, ...], _texts("StreamIds", 10, 255)] = ()
    create_time: CreateTime = Field(default_factory=CreateTime)
    expire_time: ExpireTime = Field(default_factory=ExpireTime)
    storage_regions: Annotated[tuple[Text, ...], _texts("StorageRegions", 20, 20)] = ()
    storage_classes: Annotated[tuple[Text, ...], _texts("StorageClasses", 10, 20)] = ()
    media_types: Annotated[tuple[Text, ...], _texts("MediaTypes", 10, 16)] = ()
    status: Annotated[tuple[Text, ...], _texts("Status", 10, 20)] = ()
    review_results: Annotated[tuple[Text, ...], _texts("ReviewResults", 10, 20)] = ()
    trtc_sdk_app_ids: Annotated[tuple[Integer, ...], _ceiling("TrtcSdkAppIds", 10)] = ()
    trtc_room_ids: Annotated[tuple[Text, ...], _texts("TrtcRoomIds", 10, 64)] = ()
    filters: Filters = ()
    sort: Sort = Field(default_factory=Sort)
    offset: Annotated[Integer, within(0, MOST, _code("Offset"))] = 0
    limit: Annotated[Integer, within(0, MOST, _code("Limit"))] = 10
    text: Annotated[Text, _length("Text", 64)] = ""
    source_type: Text = ""
    stream_id: Text = ""
    start_time: Annotated[datetime, _time("StartTime")] | None = None
    end_time: Annotated[datetime, _time("EndTime")] | None = None
    vids: tuple[Text, ...] = ()
    vid: Text = ""
    stream_domains: Annotated[tuple[Text, ...], _texts("StreamDomains", 20, 255)] = ()
    stream_paths: Annotated[tuple[Text, ...], _texts("StreamPaths", 20, 255)] = ()
    knowledge_bases: tuple[Text, ...] = ()


class DescribeMediaInfos(Parameters):
    """Files by their ids."""

    file_ids: Annotated[tuple[Text, ...], _ceiling("FileIdsOverLimit", 20)] = ()
    sub_app_id: Integer = 0
    filters: Filters = ()


def can_match(asked: SearchMedia) -> bool:
    """Whether a recording can be what is asked for: none has a tag, a description or another source."""
    sources = (*asked.source_types, *((asked.source_type,) if asked.source_type else ()))
    had = (
        (sources, SOURCE),
        (asked.status, STATUS),
        (asked.storage_classes, STORAGE_CLASS),
        (asked.review_results, "notModerated"),
    )
    absent = (
        asked.tags,
        asked.descriptions,
        asked.trtc_sdk_app_ids,
        asked.trtc_room_ids,
        asked.storage_regions,
        asked.knowledge_bases,
    )
    is_had = all(not wanted or has in wanted for wanted, has in had)
    return is_had and not any(absent) and bool(formats(asked))


def formats(asked: SearchMedia) -> tuple[Format, ...]:
    """What files may be written as."""
    types = {text.lower() for text in asked.media_types}
    return tuple(
        format
        for format in Format
        if (not types or TYPES[format] in types)
        and (not asked.categories or category(format) in asked.categories)
    )


def catalog_query(asked: SearchMedia, **page: Any) -> FileQuery:
    """What is asked, but for the classes, which the catalog does not look for."""
    exclusive = asked.end_time and asked.end_time - timedelta(microseconds=1)
    wanted = formats(asked)
    before = asked.expire_time.before
    return FileQuery(
        streams=(*asked.stream_ids, *((asked.stream_id,) if asked.stream_id else ())),
        domains=asked.stream_domains,
        apps=asked.stream_paths,
        ids=asked.file_ids,
        names=asked.names,
        name_prefixes=asked.name_prefixes,
        formats=() if len(wanted) == len(Format) else tuple(format.value for format in wanted),
        created_after=asked.create_time.after or asked.start_time,
        created_before=asked.create_time.before or exclusive,
        text=asked.text,
        expires_after=asked.expire_time.after,
        expires_before=None if before is None or before >= _NEVER else before,
        order="asc" if asked.sort.order == "Asc" else "desc",
        **page,
    )
