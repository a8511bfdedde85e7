"""The supervisor: configuration, desired against actual processes, and the command line.

It is never on the path of a tick.

    config       the configuration: read, checked, explained
    compose      which processes that makes, and what each is told
    supervisor   the shell: fleet, hearing, commands around it
    processes    a process: started, forked, watched; `lifecycle` decides
    replacing    a process by its next generation; what `reload` does
    instance     a running system's files and lock; adoption
    diagnosis    what `doctor` finds
    cli          the command line
"""
