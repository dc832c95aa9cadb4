"""Markdown as HTML that is escaped by construction: the part of it that guidelines need."""

from __future__ import annotations

import re

from setpoint.console.markup import Markup, el, join

_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>.+?)\*\*|\*(?P<em>[^*\s][^*]*)\*|\[(?P<words>[^\]]+)\]\((?P<to>https?://[^)\s]+)\)"
)
_HEADING, _POINT, _STEP = re.compile(r"(#{1,4})\s+(.+)"), re.compile(r"[-*+]\s+(.+)"), re.compile(r"\d+[.)]\s+(.+)")


def markdown(text: str) -> Markup:
    r"""Headings, lists, quotes, code, emphasis and links of a text; HTML in it is shown as it is written.

    >>> markdown("# Look\n\nIs it **real**? <b>\n\n- yes\n- no")
    '<h3>Look</h3><p>Is it <strong>real</strong>? &lt;b&gt;</p><ul><li>yes</li><li>no</li></ul>'
    """
    parts: list[Markup] = []
    lines = text.replace("\r\n", "\n").split("\n")
    place = 0
    while place < len(lines):
        line = lines[place].strip()
        if not line:
            place += 1
        elif line.startswith("```"):
            end = next((i for i in range(place + 1, len(lines)) if lines[i].strip() == "```"), len(lines))
            parts.append(el("pre", el("code", "\n".join(lines[place + 1 : end]))))
            place = end + 1
        elif heading := _HEADING.fullmatch(line):
            # The page has its own first and second level.
            parts.append(el(f"h{min(6, len(heading[1]) + 2)}", _inline(heading[2])))
            place += 1
        elif _POINT.fullmatch(line) or _STEP.fullmatch(line):
            kind = _POINT if _POINT.fullmatch(line) else _STEP
            points = []
            while place < len(lines) and (point := kind.fullmatch(lines[place].strip())):
                points.append(el("li", _inline(point[1])))
                place += 1
            parts.append(el("ul" if kind is _POINT else "ol", points))
        else:
            quoted = line.startswith(">")
            words = []
            while place < len(lines) and _continues(lines[place], quoted=quoted):
                words.append(lines[place].strip().removeprefix(">").strip() if quoted else lines[place].strip())
                place += 1
            paragraph = el("p", _inline(" ".join(words)))
            parts.append(el("blockquote", paragraph) if quoted else paragraph)
    return join(parts)


def _continues(line: str, *, quoted: bool) -> bool:
    """Whether a line belongs to the paragraph, or the quotation, before it."""
    line = line.strip()
    if not line or line.startswith("```") or line.startswith(">") is not quoted:
        return False
    return quoted or not any(kind.fullmatch(line) for kind in (_HEADING, _POINT, _STEP))


def _inline(text: str) -> Markup:
    parts: list[object] = []
    end = 0
    for found in _INLINE.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found["code"]:
            parts.append(el("code", found["code"]))
        elif found["words"]:
            parts.append(el("a", _inline(found["words"]), href=found["to"], rel="noopener noreferrer", target="_blank"))
        else:
            kind = "strong" if found["strong"] else "em"
            parts.append(el(kind, _inline(found[kind])))
    return join([*parts, text[end:]])
