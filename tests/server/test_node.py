"""A client in another language, written from docs/protocol.md, beside one in Python."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flow import buy

import openpit
from openpit.pretrade import RejectCode
from openpit.pretrade.policies import RateLimit, RateLimitAssetBarrier

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = timedelta(hours=1)
NODE = shutil.which("node")
TRADE = Path(__file__).parents[2] / "examples" / "clients" / "node" / "trade.js"

LIMITS = """
[order_validation]
[rate_limit]
broker = { max_orders = 50, window = "1h" }
[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 60
window = "1h"
[spot_funds]
[[spot_funds.funds]]
first_account = 1
last_account = 200
asset = "USD"
balance = 10000
"""

# Orders on every shard, in many batches, until it is told to end; in the order of each account.
ROUNDS = """
const { Client } = require(process.argv[1]);
Client.connect(process.argv[2]).then(async (client) => {
  let isOver = false;
  process.stdin.on('data', () => { isOver = true; });
  const versions = new Set();
  const codes = {};
  let [sent, decided] = [0, 0];
  while (!isOver) {
    const calls = [];
    for (let each = 0; each < 50; each += 1, sent += 1) {
      const what = { underlying: 'AAPL', settlement: 'USD', side: 'BUY' };
      const order = { ...what, account: 1 + (each % 20), quantity: '1', price: '1' };
      calls.push(client.execute(order));
      if (each % 10 === 9) await new Promise(setImmediate);
    }
    for (const { ok, rejects, reservation } of await Promise.all(calls)) {
      decided += 1;
      if (!ok) for (const { code } of rejects) codes[code] = (codes[code] ?? 0) + 1;
      if (reservation) await client.rollback(reservation);
    }
    versions.add(client._version);
    if (sent === 50) console.log('trading');
  }
  console.log(JSON.stringify({ sent, decided, codes, versions: versions.size }));
  client.close();
});
"""

# Orders of 3,000 bytes each, all at once; one that is too large; and they go on.
WIDE = """
const { Client } = require(process.argv[1]);
Client.connect(process.argv[2]).then(async (client) => {
  const order = (each, size) => ({
    ...{ account: 1 + each, underlying: 'A'.repeat(size), settlement: 'USD' },
    ...{ side: 'BUY', quantity: '1', price: '1' },
  });
  const each = Array.from({ length: 100 }, (_, number) => number);
  const all = () => Promise.all(each.map((number) => client.execute(order(number, 3000))));
  const decided = [(await all()).filter(({ ok }) => ok).length];
  const why = await client.execute(order(1, 60000)).catch((error) => error.message);
  decided.push((await all()).filter(({ ok }) => ok).length);
  console.log(JSON.stringify({ decided, why }));
  client.close();
});
"""

pytestmark = [
    pytest.mark.skipif(NODE is None, reason="node is not there"),
    pytest.mark.one_python,
]


def node(path: str, count: int, first: int) -> subprocess.Popen[str]:
    assert NODE is not None
    return subprocess.Popen(
        [NODE, str(TRADE), path, str(count), str(first)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(program: subprocess.Popen[str]) -> Any:
    output, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (0, "")
    return json.loads(output)


def test_two_languages_share_one_limit(serve: Callable[..., Any]) -> None:
    server = serve(LIMITS)
    program = node(server.path, 40, 101)
    with openpit.connect(server.path) as engine:
        ours = [engine.execute_pre_trade(buy(account)) for account in range(1, 41)]
        theirs = said(program)
        accepted = sum(result.ok for result in ours) + theirs["accepted"]
        assert accepted == 50
        rejects = [reject for result in ours for reject in result.rejects]
        assert {reject.code for reject in rejects} <= {RejectCode.RATE_LIMIT_EXCEEDED}
        assert len(rejects) + theirs["codes"].get("RateLimitExceeded", 0) >= 30
        assert theirs["committed"] == theirs["accepted"] > 0
        assert [shard["state"] for shard in theirs["stats"]] == ["up", "up"]
        # Ten at 185.5 were held, 185 were paid: the account has the rest.
        assert theirs["report"]["outcomes"]
        # The last place is the limit's: another session's orders are all over it.
        late = said(node(server.path, 4, 151))
        assert (late["accepted"], late["codes"]) == (0, {"RateLimitExceeded": 4})
        assert server.process.poll() is None


def test_orders_under_way_while_settings_change_are_sent_again(serve: Callable[..., Any]) -> None:
    server = serve(LIMITS.replace("50", "1000000").replace("60", "1000000"))
    assert NODE is not None
    with (
        subprocess.Popen(
            [NODE, "-e", ROUNDS, str(TRADE.parent / "openpit.js"), server.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as program,
        openpit.connect(server.path) as engine,
    ):
        assert program.stdout is not None
        assert program.stdout.readline() == "trading\n"
        usd = RateLimitAssetBarrier(RateLimit(10**6, HOUR), "USD")
        for barriers in ([], [usd]) * 5:
            engine.configure().rate_limit("RateLimitPolicy", asset_barriers=barriers)
        output, _ = program.communicate("end", timeout=60)
    told = json.loads(output)
    assert (program.returncode, told["sent"], told["codes"]) == (0, told["decided"], {})
    assert told["versions"] > 1


def test_it_splits_its_batches_by_the_servers_frame_limit(serve: Callable[..., Any]) -> None:
    server = serve(LIMITS.replace("50", "1000").replace("60", "1000"), "--frame", "65536")
    assert NODE is not None
    done = subprocess.run(
        [NODE, "-e", WIDE, str(TRADE.parent / "openpit.js"), server.path],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    told = json.loads(done.stdout)
    assert told["decided"] == [100, 100]  # 300,000 bytes of orders, and then again
    assert told["why"].startswith("a message of 60")
    assert told["why"].endswith(f"a frame has room for {65536 - 8192}")
    assert server.process.poll() is None


def test_it_writes_decimals_as_the_page_has_them() -> None:
    texts = ["185.50", "-0.000001", "0.000000", "0.0000001", "-0.0000000125", "0.0000000", "0.1"]
    assert NODE is not None
    program = "const { decimal } = require(process.argv[1]);"
    program += "console.log(JSON.stringify(process.argv.slice(2).map(decimal)))"
    done = subprocess.run(
        [NODE, "-e", program, str(TRADE.parent / "openpit.js"), *texts],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == [str(Decimal(text)) for text in texts]


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    program = node(f"{tmp_path}/none", 1, 1)
    output, errors = program.communicate(timeout=60)
    assert (program.returncode, output) == (1, "")
    assert "ENOENT" in errors
