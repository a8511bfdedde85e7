"""Processes: started, forked from the warm template, watched; one's life as a state machine.

lifecycle, memory              one process's life, and when it has grown too large, as decisions
managed, handles, logfiles     one process, and what it writes
spawning                       started afresh
nursery, births, template      forked: the supervisor's end, what is said, the template
sharing, rehearsal             what the template does so that its children copy little of it
workers                        several proxies on one port
"""
