"""Domains, apps and streams, with the codes that Tencent refuses them with. Pure."""

from __future__ import annotations

from typing import Annotated

from engine.api.names import domain_fault, name_fault
from engine.api.tencent.values import INVALID
from engine.api.values import Text, sound

Name = Annotated[Text, sound(name_fault)]
"""An app or a stream."""
Domain = Annotated[Text, sound(domain_fault)]
RuleDomain = Annotated[Text, sound(domain_fault, "InvalidParameter.DomainFormatError")]
TaskName = Annotated[Text, sound(name_fault, INVALID)]
"""The RecordTask actions know no InvalidParameterValue."""
TaskDomain = Annotated[Text, sound(domain_fault, INVALID)]
