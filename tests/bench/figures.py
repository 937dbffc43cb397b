# SPDX-License-Identifier: GPL-2.0-or-later
"""Figures with their targets: a CSV file a part, one line a figure, and the table that people read.

A target is ">= N" or "<= N"; a figure without one is only reported. Values carry the unit of the line."""
import csv
import os

FIELDS = ["figure", "value", "low", "high", "unit", "target", "aim", "verdict"]


def verdict(value, target):
    if not target:
        return ""
    sign, limit = target.split()
    held = value >= float(limit) if sign == ">=" else value <= float(limit)
    return "PASS" if held else "MISS"


def text(value):
    """Three or more digits that count, without an exponent."""
    if value == "" or value is None:
        return ""
    value = float(value)
    if value == int(value) or abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


class Figures:
    def __init__(self):
        self.rows = []

    def add(self, figure, value, unit="", low="", high="", target="", aim=""):
        self.rows.append({"figure": figure, "value": text(value), "low": text(low), "high": text(high), "unit": unit,
                          "target": target, "aim": aim, "verdict": verdict(value, target)})

    def write(self, path):
        write_rows(path, FIELDS, [[row[field] for field in FIELDS] for row in self.rows])


def write_rows(path, header, rows):
    """A CSV file, whole or not at all."""
    with open(path + ".tmp", "w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    os.rename(path + ".tmp", path)


def read(path):
    with open(path, newline="") as f:
        return list(csv.DictReader(f))


def number(value):
    """4321.5 as people read it; what isn't a number stays."""
    try:
        float(value)
    except ValueError:
        return value
    whole, point, rest = value.partition(".")
    return f"{int(whole):,}{point}{rest}" if len(whole) > 4 else value


def value_text(row):
    between = f" ({number(row['low'])}–{number(row['high'])})" if row["low"] else ""
    return f"{number(row['value'])}{between}" + (f" {row['unit']}" if row["unit"] else "")


def target_text(row):
    return row["target"].replace(">=", "≥").replace("<=", "≤") + (f", aim {row['aim']}" if row["aim"] else "")


def print_table(rows):
    cells = [["figure", "measured", "target", ""]]
    cells += [[row["figure"], value_text(row), target_text(row), row["verdict"]] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(4)]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
