"""Progress bars pass everything on, and show only in a terminal, once a loop has lasted."""

import io

import pytest
from rich.console import Console

from eigrad import progress
from eigrad.progress import track


@pytest.fixture
def screen(monkeypatch):
    """What a terminal on stderr would show."""
    shown = io.StringIO()

    def terminal(**options):
        assert options == {"stderr": True}
        return Console(file=shown, force_terminal=True, force_interactive=True, width=80)

    monkeypatch.setattr(progress, "Console", terminal)
    return shown


def test_the_items_pass_in_order_whatever_they_are(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    assert list(track([3, 1, 2], "counting")) == [3, 1, 2]
    assert list(track((i * i for i in range(4)), "squaring")) == [0, 1, 4, 9]
    assert list(track([], "nothing")) == []


def test_a_loop_that_lasts_shows_a_bar_with_its_total(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    list(track(range(7), "counting sheep"))
    assert "counting sheep" in screen.getvalue()
    assert "/7" in screen.getvalue()


def test_a_generator_shows_the_total_it_was_given(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    list(track((i for i in range(5)), "counting", total=5))
    assert "/5" in screen.getvalue()


def test_a_short_loop_writes_nothing(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 1e9)
    list(track(range(7), "counting"))
    assert screen.getvalue() == ""


def test_a_bar_that_is_switched_off_writes_nothing(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    list(track(range(7), "counting", enabled=False))
    assert screen.getvalue() == ""


def test_nothing_is_written_where_no_terminal_is(capsys, monkeypatch):
    for variable in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    list(track(range(7), "counting"))
    assert capsys.readouterr() == ("", "")


def test_a_terminal_that_cannot_redraw_gets_not_even_an_empty_line(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    monkeypatch.setattr(
        progress, "Console", lambda **_: Console(file=shown, force_terminal=True, force_interactive=False)
    )
    list(track(range(7), "counting"))
    assert shown.getvalue() == ""


def test_a_loop_left_early_takes_its_bar_away(screen, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", -1.0)
    stopped = []
    monkeypatch.setattr(progress.Progress, "stop", lambda self: stopped.append(self.live.stop()))
    items = track(range(7), "counting")
    assert next(items) == 0
    assert next(items) == 1
    items.close()
    assert stopped


def test_an_error_in_the_items_is_passed_on(screen, monkeypatch):
    def broken():
        yield 1
        raise KeyError("gone")

    with pytest.raises(KeyError, match="gone"):
        list(track(broken(), "counting"))
