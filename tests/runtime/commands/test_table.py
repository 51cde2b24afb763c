"""Tables line up."""

from runtime.commands.table import aligned, kib


def test_columns_line_up_and_numbers_end_flush():
    text = aligned(("name", "µs"), [("a", "1.0"), ("longer", "10.0")], right=(1,))
    assert text == "name      µs\n------  ----\na        1.0\nlonger  10.0"


def test_an_empty_table_has_its_header():
    assert aligned(("a", "b"), []) == "a  b\n-  -"


def test_sizes_are_in_kib():
    assert kib(71_321) == "69.6" and kib(553 << 20) == "566,272.0"
