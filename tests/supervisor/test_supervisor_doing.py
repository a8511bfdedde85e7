"""What `status` says a process does."""

from bus.control.messages import ProcessStatus
from supervisor.cli.doing import doing


def proxy(**stats):
    return ProcessStatus(
        name="proxy",
        role="proxy",
        state="running",
        pid=1,
        generation=1,
        restarts=0,
        uptime_s=1.0,
        endpoint="ws://127.0.0.1:8765",
        cpu_percent=0.0,
        rss_bytes=1,
        heartbeat_age_s=0.1,
        stats={"clients": 2, "subscriptions": 3, "delivered_total": 4, "lost_total": 0, **stats},
    )


def test_who_stands_in_for_whom_is_told_while_somebody_does():
    quiet = doing(proxy(failed_over=0, failed_over_symbols=""))
    assert quiet == "2 clients, 3 subscriptions, 4 delivered, 0 lost  ws://127.0.0.1:8765"
    told = doing(proxy(failed_over=1, failed_over_symbols="NSE:TCS LTP dhan (down)"))
    assert "0 lost; stood in for: NSE:TCS LTP dhan (down)" in told
