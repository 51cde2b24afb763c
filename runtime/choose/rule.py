"""Which variant to ship, from measured rows: a rule that can be read, and its reason in words."""

from typing import Any

# The gate of export: what a variant may lose against the original before it counts as worse.
MAX_ACCURACY_DROP = 0.003
MAX_RMSE_RISE = 0.01
# Latencies closer than this are no reason to prefer one file: another run may turn them round.
_TIE = 0.05


def best(rows: list[dict[str, Any]]) -> tuple[dict[str, Any] | None, str]:
    """The row to ship, and why; (None, why) where no row may be shipped.

    Rows have the keys of report.json. Of those that are ok and whose metric, where it was measured, is within the
    gate, the fastest wins; of those about as fast as that one, the smallest file. The metric is compared with that
    of a float32 variant on the same data, which stands for the original: its own was measured on its test split.
    """
    sound = [row for row in rows if row["status"] == "ok"]
    if not sound:
        return None, "no variant agrees with the original here"
    before = _reference(sound)
    good = [row for row in sound if within_gate(row, before)]
    if not good:
        known = "" if before is None else f" of {before:.4g}"
        return None, f"no variant keeps the original's {sound[0]['metric_name']}{known} on this data"
    fastest = min(good, key=lambda row: row["latency_us_p50"])
    close = [row for row in good if row["latency_us_p50"] <= fastest["latency_us_p50"] * (1 + _TIE)]
    chosen = min(close, key=lambda row: (row["size_bytes"], row["latency_us_p50"]))
    measured = chosen["metric"] is not None
    kept = f" that keep the {chosen['metric_name']}" if measured else ""
    among = f"of the {len(good)}{kept}" if len(good) > 1 else f"the only one{kept}"
    if len(close) > 1:
        why = f"{among}, it is the smallest of the {len(close)} that are fastest within {_TIE:.0%}"
    else:
        why = f"{among}, it is the fastest" if len(good) > 1 else among
    return chosen, why


def _reference(rows: list[dict[str, Any]]) -> float | None:
    measured = [row for row in rows if row["metric"] is not None]
    plain = [row["metric"] for row in measured if row["variant"].endswith("-float32")]
    found = plain[0] if plain else rows[0]["metric_original"]
    return None if found is None else float(found)


def within_gate(row: dict[str, Any], before: float | None) -> bool:
    """Whether a row's metric is as good as `before`, within what export allows; True where not measured."""
    metric = row["metric"]
    if metric is None or before is None:
        return True  # a user's own model may never have been measured
    if row["metric_name"] == "accuracy":
        return bool(before - metric <= MAX_ACCURACY_DROP + 1e-9)
    return bool(metric <= before * (1 + MAX_RMSE_RISE))
