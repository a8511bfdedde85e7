"""Orders of every broker that pushes them: simulator, adapter, bus, proxy, a client's socket."""

import json
import time

from adapters import registry
from simulators.brokers.fyers.broker import access_token
from simulators.registry import SIMULATORS

#: In Fyers' token is a key for its price socket.
TOKENS = {"fyers": f"SIMULATOR-100:{access_token('any')}"}
PUSHING = [name for name in sorted(SIMULATORS) if registry.find(name).pushes_orders]


def section(name):
    words = {word: TOKENS.get(name, "made-up") for word in registry.find(name).credentials}
    values = ", ".join(f'{word} = "{value}"' for word, value in words.items())
    return (
        f'[simulators.sim-{name}]\nbroker = "{name}"\norders_per_minute = 120\n'
        f'[adapters.{name}]\nurl = "simulator:sim-{name}"\ninstruments = "simulator:sim-{name}"\n'
        f"credentials = {{ {values} }}\n"
    )


def test_all_but_the_sandbox_push_orders():
    assert set(PUSHING) == set(SIMULATORS) - {"dhan_sandbox"}


def test_an_order_from_open_to_complete_of_every_broker(system):
    started = system("".join(map(section, PUSHING))).up()
    lives = {name: {} for name in PUSHING}

    def is_told(name):
        return any(set(life) == {"open", "complete"} for life in lives[name].values())

    with started.connect() as client:
        client.send(json.dumps({"action": "subscribe_orders"}))
        deadline = time.monotonic() + 60
        while not all(map(is_told, PUSHING)):
            assert time.monotonic() < deadline, (lives, started.logs())
            told = json.loads(client.recv(timeout=60))
            if told["type"] == "order_update":
                life = lives[told["broker"]].setdefault(told["orderid"], {})
                assert told["order_status"] not in life, "told twice"
                life[told["order_status"]] = told
    for name in PUSHING:
        life = next(life for life in lives[name].values() if set(life) == {"open", "complete"})
        waiting, done = life["open"], life["complete"]
        assert waiting["symbol"] == done["symbol"], name
        assert (waiting["exchange"], waiting["action"]) == ("NSE", "BUY"), name
        assert (waiting["pricetype"], waiting["product"]) == ("LIMIT", "CNC"), name
        assert (waiting["mode"], waiting["quantity"], waiting["price"]) == ("live", 10, 100.5), name
        assert (waiting["filled_quantity"], waiting["pending_quantity"]) == (0, 10), name
        assert (done["filled_quantity"], done["pending_quantity"]) == (10, 0), name
        assert done["average_price"] == 100.45, name
    symbols = {}
    for told in (t for orders in lives.values() for life in orders.values() for t in life.values()):
        symbols.setdefault(told["orderid"], set()).add(told["symbol"])
    # The made-up orders are the same everywhere, and so is OpenAlgo's name of what they buy.
    assert {len(names) for names in symbols.values()} == {1}
