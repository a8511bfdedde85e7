"""One process per broker account: the broker's wire in, the bus out.

broker, codec, errors   what a broker states and implements; symbols, json_rows help its master,
                        known and rounding its decoding
brokers                 the brokers, a package each; registry finds them by name
demand                  what consumers want, shared out over streams and connections
connecting              one broker connection and its life
ticks                   from a broker's tick to the bus
instruments             OpenAlgo's names to the broker's tokens
source, source_runner   an adapter that speaks no broker's protocol: a recording, another machine
runner                  the process; decode, check: offline uses of its parts

How to add a broker: docs/adding-a-broker.md.
"""
