"""Cells laid out in a row come back to their places."""

from hypothesis import given
from hypothesis import strategies as st

from pii_vault.operations.layout import Cell, Layout


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[list[str]], dict[Cell, str]]:
    rows, width = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    columns = [draw(st.lists(st.sampled_from(["", "a", "b"]), min_size=rows, max_size=rows)) for _ in range(width)]
    if draw(st.booleans()):
        columns = [["x"] * rows for _ in range(width)]
    cells = st.tuples(st.integers(0, rows - 1), st.integers(0, width - 1))
    wrong = draw(st.lists(cells.filter(lambda cell: columns[cell[1]][cell[0]] != ""), max_size=3)) if any(
        map(any, columns)
    ) else []  # fmt: skip
    return columns, dict.fromkeys(wrong, "invalid_value")


@given(table=tables())
def test_every_cell_keeps_its_place_its_row_and_its_column(table: tuple[list[list[str]], dict[Cell, str]]) -> None:
    columns, errors = table
    layout = Layout(columns, errors)
    places = [[(row, at) for row in range(len(columns[0]))] for at in range(len(columns))]
    kept = [
        (row, at)
        for row in range(len(columns[0]))
        for at in range(len(columns))
        if columns[at][row] and (row, at) not in errors
    ]
    assert layout.flat(places) == kept
    assert list(layout.rows) == sorted({row for row, _ in kept})
    assert layout.of_rows(list(layout.rows)) == [row for row, _ in kept]
    assert layout.of_columns(range(len(columns))) == [at for _, at in kept]
    for at, (rows, cells) in enumerate(layout.columns(kept)):
        assert [(row, at) for row in rows] == list(cells)
        spread = layout.spread(rows, [f"{row}" for row in rows])
        assert [row for row, text in enumerate(spread) if text is not None] == list(rows)
        assert all(text == str(row) for row, text in enumerate(spread) if text is not None)
