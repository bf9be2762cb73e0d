"""A bar chart of ratios as SVG text: a group for each model, a bar for each runtime, a line at 1."""

COLOURS = ["#4c78a8", "#f58518", "#54a24b", "#b279a2", "#9d755d"]
BAR, GAP, LEFT, TOP, HEIGHT = 16, 22, 48, 56, 240


def ratio_chart(title, models, runtimes, ratio):
    """ratio(model, runtime) -> float or None; higher bars: the runtime takes longer than we do."""
    values = {(m, r): ratio(m, r) for m in models for r in runtimes}
    most = max(2.0, *(v for v in values.values() if v))
    group = BAR * len(runtimes) + GAP
    width = LEFT + group * len(models) + GAP
    y = lambda v: TOP + HEIGHT * (1 - min(v, most) / most)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {TOP + HEIGHT + 48}" font-family="sans-serif" font-size="11">',
        f'<rect width="100%" height="100%" fill="white"/><text x="{LEFT}" y="18" font-size="13" font-weight="bold">{title}</text>',
    ]
    for i, r in enumerate(runtimes):
        x = LEFT + i * 110
        out.append(f'<rect x="{x}" y="28" width="10" height="10" fill="{COLOURS[i % len(COLOURS)]}"/><text x="{x + 14}" y="37">{r}</text>')
    step = 0.5 if most <= 4 else 1 if most <= 8 else round(most / 6)
    tick = 0.0
    while tick <= most:
        out.append(f'<line x1="{LEFT}" x2="{width - GAP}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}x</text>')
        tick += step
    for g, m in enumerate(models):
        x = LEFT + GAP / 2 + g * group
        for i, r in enumerate(runtimes):
            v = values[m, r]
            if v:
                out.append(f'<rect x="{x + i * BAR:.1f}" y="{y(v):.1f}" width="{BAR - 2}" height="{TOP + HEIGHT - y(v):.1f}" '
                           f'fill="{COLOURS[i % len(COLOURS)]}"><title>{m}, {r}: {v:.2f}x</title></rect>')
        out.append(f'<text x="{x + BAR * len(runtimes) / 2:.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{m}</text>')
    out.append(f'<line x1="{LEFT}" x2="{width - GAP}" y1="{y(1):.1f}" y2="{y(1):.1f}" stroke="#c00" stroke-dasharray="4 3"/>')
    out.append(f'<text x="{LEFT}" y="{TOP + HEIGHT + 38}">their time / ours; above the dashed line portfire is faster</text></svg>')
    return "\n".join(out) + "\n"
