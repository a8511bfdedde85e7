import msgspec
import pytest

from bus.control.bootstrap import Bootstrap
from bus.secret import Secret, decode_secret, encode_secret
from bus.settings import AdapterSettings

PLANTED = "planted-token-4711"


def test_no_way_of_showing_a_settings_struct_shows_its_secrets():
    settings = AdapterSettings(credentials={"access_token": Secret(PLANTED)})
    shown = f"{settings} {settings!r} {settings.credentials} {Secret(PLANTED)}"
    assert PLANTED not in shown
    with pytest.raises(TypeError):
        msgspec.json.encode(settings)


def test_a_bootstrap_line_carries_them_and_gives_them_back():
    settings = AdapterSettings(credentials={"access_token": Secret(PLANTED)})
    boot = Bootstrap(
        name="z",
        role="adapter",
        generation=1,
        control="tcp://127.0.0.1:1",
        secret=Secret("run"),
        orphan_grace_s=1.0,
        settings=msgspec.Raw(msgspec.json.encode(settings, enc_hook=encode_secret)),
    )
    line = boot.line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    again = msgspec.json.decode(line, type=Bootstrap, dec_hook=decode_secret)
    assert again.settings_as(AdapterSettings) == settings
    assert PLANTED not in repr(again.settings_as(AdapterSettings))
