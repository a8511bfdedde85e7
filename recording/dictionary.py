"""The zstd dictionary of all recordings: what ticks on the bus look like.

A tick is too short for compression to find anything in it; with a dictionary of typical ones
each shrinks to a fifth by itself. The dictionary is part of the format: it belongs to the
project and not to a file, so that no damage to a recording can take it away, and it never
changes; another would get another `VERSION`, which each record names.

It was made by `bench/recording_dictionary.py` from the simulators' synthetic market.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Final

import zstandard

VERSION: Final = 1
FILE: Final = Path(__file__).with_name("ticks.zdict")
SHA256: Final = "65f7f5c6b843e9569e168a5c6e62cde91608db0251ab072cc2afee4eab1dca33"

_BYTES: Final = FILE.read_bytes()
if sha256(_BYTES).hexdigest() != SHA256:
    raise ImportError(f"{FILE} is not the dictionary that recordings were made with; reinstall")
DICTIONARY: Final = zstandard.ZstdCompressionDict(_BYTES)
