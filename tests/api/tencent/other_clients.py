"""The vendor's other clients as programs: tccli, and the SDK for Node."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.vectors import KEY
from npm import need_package
from programs import need

GIVE_UP_S = 120
Way = tuple[str, str, str, dict[str, Any]]
"""A method, a signature, an action and its parameters."""

_NODE = """
const [address, calls] = process.argv.slice(2);
const tencentcloud = require("tencentcloud-sdk-nodejs");
const VOD = ["SearchMedia", "DescribeMediaInfos"];
const answers = [], known = {};
async function call(reqMethod, signMethod, action, parameters) {
  const {vod, live} = tencentcloud;
  const service = VOD.includes(action) ? vod.v20180717 : live.v20180801;
  const client = new service.Client({
    credential: {secretId: "AKIDEXAMPLE", secretKey: "SECRETEXAMPLE"},
    region: "",
    profile: {signMethod, httpProfile: {protocol: "http://", endpoint: address, reqMethod}},
  });
  // A value like "$CreateLiveRecord.TaskId" is that of the last answer to that action.
  for (const [name, value] of Object.entries(parameters))
    if (String(value).startsWith("$")) {
      const [earlier, member] = value.slice(1).split(".");
      parameters[name] = known[earlier][member];
    }
  const answer = await client[action](parameters).catch(({code, message}) => ({code, message}));
  answers.push(known[action] = answer);
}
(async () => {
  for (const one of JSON.parse(calls)) await call(...one);
  console.log(JSON.stringify(answers));
})();
"""


async def node(address: str, folder: Path, calls: Sequence[Way]) -> list[dict[str, Any]]:
    """What the SDK for Node makes of the answers; of an error its code and message."""
    script = folder / "client.js"
    script.write_text(_NODE)
    (folder / "node_modules").symlink_to(need_package("tencentcloud-sdk-nodejs").parent)
    status, output = await _run(need("node"), script, address, json.dumps(calls))
    assert status == 0, output
    answers: list[dict[str, Any]] = json.loads(output.splitlines()[-1])
    return answers


_TCCLI = """
import contextlib, io, json, sys
from tccli.main import main

class Printed(io.BytesIO):
    def close(self):  # as the program does on its way out
        pass

for line in sys.stdin:
    sys.argv = ["tccli", *json.loads(line)]
    printed = Printed()
    out = io.TextIOWrapper(printed, "utf-8", write_through=True)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), contextlib.suppress(SystemExit):
        main()
    print(json.dumps(printed.getvalue().decode()), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Tccli:
    """Its program, started once for many commands: most of what it takes is its start."""

    address: str
    process: asyncio.subprocess.Process

    async def call(self, service: str, action: str, *arguments: str) -> str:
        """What it prints."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        server = ("--endpoint", f"http://{self.address}", "--region", "ap-guangzhou")
        command = [service, action, *arguments, *server, "--secretId", KEY.id, "--secretKey", KEY.secret]
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        printed: str = json.loads(await asyncio.wait_for(self.process.stdout.readline(), GIVE_UP_S))
        return printed


@asynccontextmanager
async def tccli(address: str) -> AsyncIterator[Tccli]:
    """The vendor's command line, for a server at this address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "ignore", "-c", _TCCLI),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Tccli(address, process)
    finally:
        process.kill()
        await process.wait()


async def _run(*command: str | Path) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), GIVE_UP_S)
    assert process.returncode is not None
    return process.returncode, output.decode()
