"""Bars on a terminal, nothing but notes in a pipe."""

from __future__ import annotations

import io

import pytest

from chainrule.reporting.console import claim_rows, print_table
from chainrule.reporting.terminal import Terminal


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def work(terminal: Terminal) -> None:
    with terminal.progress("trainings", 2) as bar:
        for loss in (0.5, 0.25):
            with terminal.working("one training"):
                bar.advance(loss=loss, epoch=3)
        terminal.note("a note [not markup]")


def test_a_pipe_gets_notes_only() -> None:
    stream = io.StringIO()
    work(Terminal(stream))
    assert stream.getvalue() == "a note [not markup]\n"


def test_a_terminal_gets_bars_and_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    terminal = Terminal(screen)
    work(terminal)
    work(terminal)
    text = screen.getvalue()
    assert text.count("a note [not markup]") == 2
    assert "one training" not in text
    for words in ("trainings", "2/2", "loss 0.25", "epoch 3"):
        assert words in text


def test_work_of_unknown_length_is_shown_without_a_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    with Terminal(screen).working("one training"):
        pass
    assert "one training" in screen.getvalue()
    assert "/?" not in screen.getvalue()


def test_a_quiet_terminal_says_nothing() -> None:
    screen = Screen()
    work(Terminal(screen, quiet=True))
    assert screen.getvalue() == ""


def test_a_table_in_a_pipe_is_plain_and_loses_no_word(capsys: pytest.CaptureFixture[str]) -> None:
    statement = "the hand-written gradient agrees with the engine's " * 4
    result = {
        "claims": [
            {"statement": statement, "measured": 1.2e-15, "expected": "1e-12", "holds": True},
            {"statement": "[b]x[/b]", "measured": "m " * 40, "expected": 1, "holds": False},
        ]
    }
    columns = ["experiment", "claim", "measured", "expected", "outcome"]
    print_table(columns, claim_rows("digits-3-vs-9", result))
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) <= 120
    for word in [*columns, *statement.split(), "1.2e-15", "[b]x[/b]", "held", "not held"]:
        assert word in text
