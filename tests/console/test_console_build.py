"""The committed pages are what their source gives; types and the hook's own tests pass."""

import shutil

import console_build
import pytest

pytestmark = [
    pytest.mark.peer,
    pytest.mark.timeout(400),
    pytest.mark.skipif(shutil.which("npm") is None, reason="NOT RUN: there is no npm here"),
]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory):
    return console_build.workshop(tmp_path_factory.mktemp("console") / "console")


def files(folder):
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_the_committed_pages_are_what_their_source_gives(workshop, tmp_path):
    out = tmp_path / "static"
    console_build.npm(workshop, "run", "build", "-w", "web", CONSOLE_OUT=str(out))
    built, committed = files(out), files(console_build.CONSOLE / "static")
    assert built.keys() == committed.keys()
    stale = [name for name in built if built[name] != committed[name]]
    assert not stale, f"{stale}: build them anew with `npm run build -w web` in console/"


def test_types_are_right_and_the_hook_passes_its_tests(workshop):
    console_build.npm(workshop, "run", "check")
    console_build.npm(workshop, "run", "build", "-w", "packages/use-market-data")
    told = console_build.npm(workshop, "test")
    print(told)
    assert "passed" in told


def test_nothing_is_loaded_from_elsewhere():
    page = (console_build.CONSOLE / "static" / "index.html").read_text()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "<style" not in page
    assert "<script>" not in page
    style = (console_build.CONSOLE / "static" / "assets" / "index.css").read_text()
    assert "url(" not in style
    assert "@import" not in style
