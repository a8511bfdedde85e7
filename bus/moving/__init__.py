"""Between two generations of one process: where they meet, and descriptors that change hands.

meeting    the socket where the new one awaits the old one
dialogue   the old one's end of the talk
link       what both speak through
passing    whether open sockets can change hands at all
"""
