"""The web console: its own process, which looks on and asks, and which nobody depends on.

service                          the process: polls the supervisor, tells the browsers
web, server                      HTTP: routes, and the server that answers them
sessions, admission, protection  who is logged in, who may log in, what a page may do
figures, logtail, feed           what is told: figures with their history, log lines, one queue
                                 per browser
asking, books                    the supervisor, the instrument masters
web/ packages/ static/           the pages' source, the React hook, and both as built
"""

from __future__ import annotations
