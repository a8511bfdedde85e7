"""Whatever is wished and whenever the connection drops, the broker ends up with the wish."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.broker import Pace
from adapters.codec import Account, Codec, Handshake
from adapters.connecting.subscriptions import Pacer, Subscriptions
from bus.topics import Mode

TOKENS = st.sampled_from("abcdefgh")
BATCH = 3


class PlainCodec(Codec):
    """Frames that the model can read."""

    def handshake(self):
        return Handshake(url="ws://nowhere")

    def subscribe(self, tokens, mode):
        assert len(tokens) <= BATCH
        return [f"+{mode} {token}" for token in tokens]

    def unsubscribe(self, tokens, mode):
        assert len(tokens) <= BATCH
        return [f"-{mode} {token}" for token in tokens]

    def read(self, frame, out):
        """Nothing comes back."""


class SubscriptionMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.subscriptions = Subscriptions(BATCH)
        self.wanted = {}
        self.connect()

    def connect(self):
        self.codec = PlainCodec(Account(credentials={}), "feed")
        self.broker = {}
        self.plan = None

    @rule(token=TOKENS, mode=st.sampled_from(Mode) | st.none())
    def want(self, token, mode):
        self.subscriptions.want(token, mode)
        self.wanted[token] = mode

    @rule()
    def drop(self):
        self.subscriptions.reset()
        self.connect()

    @rule()
    def begin(self):
        if self.plan is None:
            self.plan = self.subscriptions.plan(self.codec)

    @rule()
    def finish(self):
        if self.plan is not None:
            self.send(self.plan)
            self.plan = None

    def send(self, plan):
        for frame in plan.frames:
            mode, token = int(frame[1]), frame[3:]
            if frame[0] == "+":
                assert token not in self.broker
                self.broker[token] = mode
            else:
                assert self.broker.pop(token) == mode
        self.subscriptions.sent(plan)

    @rule()
    def settle(self):
        self.finish()
        for _ in range(20):
            plan = self.subscriptions.plan(self.codec)
            if plan is None:
                break
            self.send(plan)
        wanted = {token: mode for token, mode in self.wanted.items() if mode is not None}
        assert self.broker == wanted == self.codec.modes
        assert sorted(self.subscriptions.tokens) == sorted(wanted)

    @invariant()
    def asked_is_what_the_broker_heard(self):
        for token in "abcdefgh":
            assert self.subscriptions.asked(token) == self.broker.get(token)


TestSubscriptions = SubscriptionMachine.TestCase
TestSubscriptions.settings = settings(max_examples=50)


def test_what_ends_goes_out_first():
    subscriptions = Subscriptions(BATCH)
    codec = PlainCodec(Account(credentials={}), "feed")
    subscriptions.want("a", Mode.LTP)
    subscriptions.sent(subscriptions.plan(codec))
    subscriptions.want("b", Mode.LTP)
    subscriptions.want("a", None)
    assert subscriptions.plan(codec).frames == ["-1 a"]


@given(
    st.floats(0.5, 100),
    st.integers(1, 10),
    st.lists(st.floats(0, 1), max_size=100),
)
def test_the_pacer_never_exceeds_its_pace(rate, burst, steps):
    pacer = Pacer(Pace(rate, burst), 0.0)
    now, sent = 0.0, 0
    for step in steps:
        now += step
        wait_s = pacer.wait_s(now)
        if wait_s == 0.0:
            sent += 1
        else:
            assert pacer.wait_s(now + wait_s + 1e-9) == 0.0
            now, sent = now + wait_s + 1e-9, sent + 1
        assert sent <= burst + rate * now + 1e-6
