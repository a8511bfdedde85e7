"""Who may use the runtime: identities, the credentials that prove them, and who gets in.

authority, chain, scopes, recent              what an identity is, and who knows one
keys, api_key, key_file, tokens               our own API keys; tokens of a login server
tickets                                       from one of our servers to the next
openalgo, openalgo_secrets, openalgo_tables   the users of an OpenAlgo install
identities                                    all of them, kept in step with what they know
openalgo_bus                                  a process: what OpenAlgo says of users and orders
headers, throttle                             the rules of admission that every server has (pure)
"""

from __future__ import annotations
