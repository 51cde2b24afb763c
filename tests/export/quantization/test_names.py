"""The names of repairs, as --repairs takes them."""

import pytest

from export.quantization.names import REPAIRS, select
from runtime.errors import UsageError


def test_all_are_allowed_unless_somebody_says_otherwise():
    assert select(None) == tuple(REPAIRS) == ("fold", "balance", "ranges", "rounding", "bias")
    assert select("none") == ()
    assert select("bias,fold,rounding,ranges,balance") == tuple(REPAIRS)
    assert select(" balance ") == ("balance",)


@pytest.mark.parametrize("names", ["", ",", "none,fold", "adaround"])
def test_what_is_no_repair_is_refused_by_name(names):
    with pytest.raises(
        UsageError, match=r"unknown repair .*; known: fold, balance, ranges, rounding, bias, none"
    ):
        select(names)
