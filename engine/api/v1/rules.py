"""Rules: which pushes are recorded, and how. They are the rules that Tencent's clients see, too."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.contextvars import get_contextvars

from engine.api.services import Services
from engine.api.v1.answers import answer
from engine.api.v1.bodies import read_body
from engine.api.v1.shapes import NewRule, Rule, page
from engine.catalog.schema import RecordRule, RecordTemplate
from engine.catalog.templates import RECORD
from engine.control.orders import template_groups
from engine.errors import RuleExists, TooManyRules, TooManyTemplates, UnknownRule
from engine.media.codecs import Format

_V1, _TENCENT = "v1", "tencent"


class Rules:
    """List, add and remove. A change counts for pushes that begin later."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_routes(self, app: web.Application) -> None:
        """Serve `/rules` and `/rules/{id}`."""
        app.router.add_get("/rules", self.list)
        app.router.add_post("/rules", self.add)
        app.router.add_delete("/rules/{id}", self.remove)

    async def list(self, _: web.Request) -> web.Response:
        """All rules, the oldest first."""
        async with self._services.catalog.read() as session:
            templates = {template.id: template for template in await RECORD.listed(session)}
            rules = [_shown(rule, templates[rule.template_id]) for rule in await RECORD.rules(session)]
        return answer(page(rules, len(rules), 0))

    async def add(self, request: web.Request) -> web.Response:
        """A new rule, with a template of its own.

        Raises:
            RuleExists: there is one for exactly these names.
            TooManyRules, TooManyTemplates: a limit of the settings is reached.
        """
        asked = await read_body(request, NewRule)
        async with self._services.rules_changing, self._services.catalog.begin() as session:
            await self._check_room(session, asked)
            now = self._services.now()
            template = RecordTemplate(
                name=f"v1 {'/'.join(name or '*' for name in asked.names)}",
                formats={format.value: {"Enable": 1} for format in asked.formats},
                settings=asked.settings,
                created_at=now,
                updated_at=now,
            )
            await RECORD.add(session, template)
            rule = RECORD.new_rule(asked.names, template.id, now)
            rule.request_id = get_contextvars().get("request_id", "")  # as the log of this call has it
            await RECORD.add_rule(session, rule)
        return answer(_shown(rule, template), HTTPStatus.CREATED)

    async def remove(self, request: web.Request) -> web.Response:
        """Unbind. A push that goes by the rule is recorded to its end.

        Raises:
            UnknownRule: there is none of that id.
        """
        id = request.match_info["id"]
        async with self._services.rules_changing, self._services.catalog.begin() as session:
            rule = next((one for one in await RECORD.rules(session) if str(one.id) == id), None)
            if rule is None:
                raise UnknownRule(f"there is no rule {id}: list the rules that there are")
            template = await RECORD.get(session, rule.template_id)
            await RECORD.remove_rule(session, rule)
            is_own = template is not None and template.settings is not None
            if is_own and template is not None and not await RECORD.is_bound(session, template.id):
                await RECORD.remove(session, template)
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _check_room(self, session: AsyncSession, asked: NewRule) -> None:
        if (known := await RECORD.rule(session, *asked.names)) is not None:
            raise RuleExists(f"rule {known.id} is for exactly these names: remove it first")
        rule_limit, template_limit = self._services.rule_limit, self._services.template_limit
        if rule_limit and len(await RECORD.rules(session)) >= rule_limit:
            raise TooManyRules(f"there are {rule_limit} rules already: raise `[limits] rules`, or remove one")
        if template_limit and await RECORD.count(session) >= template_limit:
            raise TooManyTemplates(
                f"there are {template_limit} templates already, and each rule has one: raise "
                "`[limits] templates`, or remove one"
            )


def _shown(rule: RecordRule, template: RecordTemplate) -> Rule:
    groups = template_groups(template)
    formats = [format for group in groups for format in group.formats]
    return Rule(
        id=str(rule.id),
        made_by=_TENCENT if template.settings is None else _V1,
        domain=rule.domain,
        app=rule.app,
        stream=rule.stream,
        template_id=template.id,
        created_at=rule.created_at,
        **{"formats": sorted(formats, key=list(Format).index), **(template.settings or {})},
    )
