"""The shared-memory lane: frames for hot consumers on the same machine.

    ring        one writer, many readers, in a block of bytes: its layout, and why it is right
    putting     the ring's writer (pure)
    taking      the ring's readers (pure)
    memory      that block of bytes, from the kernel and gone with its last user
    doorbell    waking readers that sleep
    writing     a publisher's end
    reading     a consumer's ends: for an event loop, and for a thread that waits or spins
    receiving   the lane as a transport (`bus.transport`)

ZeroMQ stays the bus: it carries who wants what, the welcome, and every consumer that is not
on the lane. The lane carries the same frames faster.
"""
