"""What is told while a file goes through."""

from scripts.rows.run import Progress
from scripts.rows.tally import Tally


def progress(*, rows: int, errors: int = 0, lines: int, sent: int, seconds: float = 10.0) -> Progress:
    tally = Tally(table=True)
    tally.rows, tally.errors = rows, errors
    made = Progress(1000, [tally, Tally(table=True)], sent=sent, lines=lines)
    made.started -= seconds
    return made


def test_the_share_is_of_what_was_answered_and_not_of_what_was_sent() -> None:
    assert progress(rows=0, lines=100, sent=1000).share == 0
    assert progress(rows=50, lines=100, sent=1000).share == 0.5
    assert progress(rows=50, lines=50, sent=500).share == 0.5
    assert progress(rows=101, lines=100, sent=1000).share == 1  # a last line without its end


def test_it_tells_rows_speed_time_left_and_errors() -> None:
    told = str(progress(rows=20_000, errors=3, lines=80_000, sent=1000))
    assert told == "20,000 rows (25%), 2,000 a second, about 30 s left, 3 with an error"
    assert "left" not in str(progress(rows=0, lines=0, sent=0))
