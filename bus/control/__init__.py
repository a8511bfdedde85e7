"""The control plane: what supervisor and processes say, and the shell of a process.

messages, channel   what is said, and the sealed sockets that it is said through
bootstrap           what a process is told at birth
service, shell      what a role does, and the shell around it
exhaustion          what is said when there are no descriptors left
process, exits      its whole life, and the exit codes that mean something
"""
