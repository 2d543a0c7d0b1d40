"""The page around a report of one command: one file, light and dark, for phones and paper."""

from __future__ import annotations

from html import escape

_STYLE = """
:root { color-scheme: light dark; --paper: #faf9f6; --card: #fff; --ink: #20252f; --quiet: #5a6270;
  --rule: #d9d6cd; --accent: #234f95; --wash: #f1efe9; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171b; --card: #1c1f25; --ink: #e6e4df;
  --quiet: #a6adb8; --rule: #3a404a; --accent: #9bbcf2; --wash: #24282f; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 system-ui,
  -apple-system, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; overflow-wrap: break-word; }
h1 { margin: 0 0 1rem; font-size: 1.6rem; line-height: 1.2; text-wrap: balance; }
h2 { margin: 1.6rem 0 .5rem; font-size: 1.15rem; line-height: 1.3; }
p { margin: .5rem 0; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 3px; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .9em; overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .7rem .9rem; overflow-x: auto; border: 1px solid var(--rule);
  border-radius: 8px; background: var(--card); font-size: .875rem; }
table { display: block; max-width: 100%; overflow-x: auto; border-collapse: collapse; }
summary { cursor: pointer; color: var(--accent); }
img, svg { max-width: 100%; }
@media print { :root { color-scheme: light; --paper: #fff; --card: #fff; --ink: #000;
  --quiet: #444; --accent: #000; --wash: #fff; } main { max-width: none; padding: 0; }
  pre { white-space: pre-wrap; } table { display: table; } tr, section { break-inside: avoid; } }
"""


def standalone_page(title: str, body: str, style: str = "") -> str:
    """A document that loads nothing and runs no script.

    Parameters
    ----------
    title : str
        Text, also the heading of the page.
    body : str
        HTML below the heading; headings in it begin with ``<h2>``.
    style : str
        More CSS; the colours ``--ink``, ``--quiet``, ``--rule``, ``--card`` and ``--wash`` follow
        the reader's light or dark setting.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}{style}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>\n{body}\n</main></body></html>\n"
    )
