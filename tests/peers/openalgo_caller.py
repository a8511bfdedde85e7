"""Runs in the peer's environment: the `openalgo` package, unmodified, told what to call.

    openalgo_caller.py HTTP_URL     key on stdin, then lines [method, {arguments}]

Each line is answered with one of JSON: the reply, of a table its rows with their index. `methods`
gives the names of all that the package can be asked.
"""

import json
import sys

from openalgo import api

client = api(api_key=sys.stdin.readline().strip(), host=sys.argv[1])
for line in sys.stdin:
    method, arguments = json.loads(line)
    if method == "methods":
        told = [name for name in dir(api) if not name.startswith("_")]
    else:
        told = getattr(client, method)(**arguments)
        if hasattr(told, "to_dict"):
            told = told.reset_index().to_dict("records")
    sys.stdout.write(f"{json.dumps(told, default=str)}\n")
    sys.stdout.flush()
