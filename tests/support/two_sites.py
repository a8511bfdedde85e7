"""Configurations of two sites: one with a broker and a bridge, one that reads its stream."""

import json

HERE = """
[simulators.sim]
broker = "zerodha"
market = "numbered"
rate = {rate}

[adapters.zerodha]
url = "simulator:sim"
instruments = "simulator:sim"
credentials = {{ api_key = "k", access_token = "t" }}

[nats]
enabled = true
servers = [{servers}]
{nats}
"""
THERE = """
[adapters.mumbai]
broker = "nats"
options = {{ adapter = "zerodha", servers = [{servers}] {options} }}
{more}
"""


def _quoted(urls):
    return ", ".join(json.dumps(url) for url in urls)


def here(*urls, nats="", rate=1000):
    """A numbered market, its adapter, and the bridge."""
    return HERE.format(servers=_quoted(urls), nats=nats, rate=rate)


def there(*urls, options="", more=""):
    """An adapter that reads the stream."""
    return THERE.format(servers=_quoted(urls), options=f", {options}" if options else "", more=more)


def nothing_is_lost(home, far):
    """Both ends say that nothing is missing."""
    for one, name in ((home, "bridge"), (far, "mumbai")):
        stats = one.process(name)["stats"]
        assert stats["lost_total"] == 0, (name, stats)
    assert far.process("mumbai")["stats"]["expired_total"] == 0
