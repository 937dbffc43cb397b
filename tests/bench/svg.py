# SPDX-License-Identifier: GPL-2.0-or-later
"""Plots as SVG, with nothing but strings: bars with intervals, and lines over logarithmic axes."""
import math

COLOURS = ["#1f6feb", "#cf222e", "#1a7f37", "#9a6700", "#8250df", "#57606a", "#0a7ea4", "#bf3989", "#d4a72c", "#116329"]
FONT = 'font-family="sans-serif" font-size="12"'


def escape(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Drawing:
    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.parts = [f'<text x="{width / 2}" y="20" text-anchor="middle" {FONT} font-weight="bold">{escape(title)}</text>']

    def line(self, x1, y1, x2, y2, colour="#d0d7de", width=1.0):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
                          f'stroke-width="{width}"/>')

    def text(self, x, y, text, anchor="start", colour="#24292f"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" {FONT}>{escape(text)}</text>')

    def box(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" fill="{colour}"/>')

    def dot(self, x, y, colour):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')

    def path(self, points, colour):
        at = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{at}" fill="none" stroke="{colour}" stroke-width="2"/>')

    def write(self, path):
        with open(path, "w") as f:
            f.write('<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n'
                    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}">\n'
                    f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>\n' + "\n".join(self.parts) + "\n</svg>\n")


def bars(path, title, groups, reference=None):
    """groups: {group: [(name, value, low, high), …]}; horizontal bars, a dashed line at `reference`."""
    rows = sum(len(bar) for bar in groups.values()) + len(groups)
    top = max(high for bar in groups.values() for _, _, _, high in bar) * 1.12
    left, right, step = 150, 90, 20
    d = Drawing(720, 40 + rows * step + 10, title)

    def place(value):
        return left + (d.width - left - right) * value / top

    y = 34
    for group, bar in groups.items():
        d.text(10, y + 14, group)
        y += step
        for i, (name, value, low, high) in enumerate(bar):
            d.text(left - 6, y + 13, name, "end")
            d.box(left, y + 2, place(value) - left, step - 5, COLOURS[i % len(COLOURS)])
            d.line(place(low), y + step / 2, place(high), y + step / 2, "#24292f", 2)
            d.text(place(high) + 6, y + 13, f"{value:.3g}")
            y += step
    if reference is not None:
        d.line(place(reference), 34, place(reference), y, "#24292f", 1)
    d.write(path)


def decades(low, high):
    return range(math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9) + 1)


def lines(path, title, series, x_title, y_title):
    """series: {name: [(x, y), …]}; both axes logarithmic."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    x_range, y_range = decades(min(xs), max(xs)), decades(min(ys), max(ys))
    left, top, bottom, right = 70, 40, 50, 190
    d = Drawing(720, 400, title)

    def place(x, y):
        return (left + (d.width - left - right) * (math.log10(x) - x_range[0]) / max(x_range[-1] - x_range[0], 1),
                d.height - bottom - (d.height - top - bottom) * (math.log10(y) - y_range[0]) / max(y_range[-1] - y_range[0], 1))

    for power in x_range:
        x, y = place(10 ** power, 10 ** y_range[0])
        d.line(x, y, x, top)
        d.text(x, y + 18, f"{10 ** power:,}", "middle")
    for power in y_range:
        x, y = place(10 ** x_range[0], 10 ** power)
        d.line(x, y, d.width - right, y)
        d.text(x - 6, y + 4, f"{10 ** power:,}" if power >= 0 else f"{10 ** power}", "end")
    d.text((left + d.width - right) / 2, d.height - 10, x_title, "middle")
    d.text(10, 34, y_title)
    for i, (name, points) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        placed = [place(x, y) for x, y in sorted(points)]
        d.path(placed, colour)
        for x, y in placed:
            d.dot(x, y, colour)
        d.text(d.width - right + 12, top + 16 * i + 10, name, colour=colour)
    d.write(path)
