"""The brokers, a package each: `broker` states the facts and ends in a `Broker`.

Beside it lie its decoding, its instrument master and its order updates. All of it is pure.
"""
