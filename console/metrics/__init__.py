"""What Prometheus scrapes: the supervisor's status as metrics.

catalogue        every metric: name, kind, labels, meaning, and where in a status it is found
reading          how a value is found in a status
collecting       a status becomes families of samples; pure
exporter         asks the supervisor when somebody scrapes, and writes the answer
service          a process of its own for that, at a port of their own
"""

from __future__ import annotations
