"""Tables as LaTeX: booktabs rules, numbers aligned by siunitx, notes under the table. Compiles inside any document that
loads booktabs, siunitx and (for tables longer than a page) longtable; the first comment of a file says which.
"""

import re
from itertools import groupby

from mmrun.runner.report.sheets import Column, Sheet, Shown, decimals_of

PAGE_ROWS = 45
NARROW, WIDE = 6, 9  # printed columns that fit a column of text, and a page, at the usual size
ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "|": r"$|$", "–": "--",
    "…": r"\dots{}", "µ": r"$\mu$", "×": r"$\times$", "³": "$^{3}$", "⁶": "$^{6}$", "⁹": "$^{9}$",
    '"': "''", "`": r"\textasciigrave{}", "≤": r"$\leq$", "≥": r"$\geq$", "→": r"$\rightarrow$",
    "·": r"$\cdot$",
}  # fmt: skip


def to_latex(sheet: Sheet) -> str:
    """The table as a float, or as a longtable if it has more rows than a page."""
    long = len(sheet.body) > PAGE_ROWS
    packages = ["booktabs", "siunitx", *(["longtable"] if long else [])]
    usage = "".join(f"% \\usepackage{{{package}}}\n" for package in packages)
    return usage + (_longtable(sheet) if long else _float(sheet))


def document(fragments: list[str]) -> str:
    """A whole document around table fragments, to compile them on their own."""
    preamble = [
        r"\documentclass[10pt]{article}", r"\usepackage[utf8]{inputenc}",
        r"\usepackage[margin=20mm]{geometry}", r"\usepackage{booktabs,siunitx,longtable}", r"\begin{document}",
    ]  # fmt: skip
    return "\n".join([*preamble, *fragments, r"\end{document}", ""])


def escape(text: str) -> str:
    """Text as LaTeX prints it, letter for letter."""
    return "".join(ESCAPES.get(character, character) for character in text)


def _float(sheet: Sheet) -> str:
    star = "*" if _width(sheet) > NARROW else ""
    tabulars: list[str] = []
    for panel in sheet.panels:
        tabulars += [r"\par\medskip"] if tabulars else []
        tabulars += [
            rf"\begin{{tabular}}{{@{{}}{_spec(sheet, panel)}@{{}}}}", r"\toprule", *_head(sheet, panel), r"\midrule",
            *_rows(sheet, panel), r"\bottomrule", r"\end{tabular}",
        ]  # fmt: skip
    lines = [
        rf"\begin{{table{star}}}", r"\centering", _size(sheet), r"\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{escape(sheet.title)}.}}", rf"\label{{tab:{sheet.name}}}", *tabulars, r"\par\smallskip",
        rf"\parbox{{\linewidth}}{{\footnotesize {_notes(sheet)}}}", rf"\end{{table{star}}}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _longtable(sheet: Sheet) -> str:
    lines = [r"\begingroup", _size(sheet), r"\setlength{\tabcolsep}{4pt}"]
    for i, panel in enumerate(sheet.panels):
        head = [r"\toprule", *_head(sheet, panel), r"\midrule"]
        label = rf"\label{{tab:{sheet.name}}}"
        caption = rf"\caption{{{escape(sheet.title)}.}}{label}\\" if i == 0 else ""
        lines += [
            rf"\begin{{longtable}}{{@{{}}{_spec(sheet, panel)}@{{}}}}", *([caption] if caption else []), *head,
            r"\endfirsthead", *head, r"\endhead", r"\bottomrule", r"\endfoot", *_rows(sheet, panel), r"\end{longtable}",
        ]  # fmt: skip
    return "\n".join([*lines, rf"\noindent{{\footnotesize {_notes(sheet)}\par}}", r"\endgroup", ""])


def _width(sheet: Sheet) -> int:
    return len(sheet.row_heads) + max(len(panel) for panel in sheet.panels)


def _size(sheet: Sheet) -> str:
    return r"\small" if _width(sheet) <= WIDE else r"\scriptsize"


def _spec(sheet: Sheet, panel: range) -> str:
    """Column types: left for labels, S for numbers, right for intervals and p."""
    kinds = ["l"] * len(sheet.row_heads)
    for index in panel:
        cells = [row[index] for row in sheet.body]
        kinds.append(_number_type(cells) if sheet.columns[index].kind == "number" else "r")
    return "".join(kinds)


def _number_type(cells: list[Shown]) -> str:
    whole, decimals = decimals_of(cells)
    sign = "-" if any(cell.number.startswith("-") for cell in cells) else ""
    room = max((cell.marks for cell in cells), key=len, default="")
    marked = rf",table-space-text-post=\textsuperscript{{{room}}}" if room else ""
    return rf"S[table-format={sign}{whole}.{decimals}{marked}]"


def _head(sheet: Sheet, panel: range) -> list[str]:
    columns = [sheet.columns[i] for i in panel]
    levels = max((len(column.heads) for column in columns), default=1)
    lines = []
    for level in range(levels):
        last = level == levels - 1
        left = [_braced(head) if last else "" for head in sheet.row_heads]
        keys = [column.heads[: level + 1] for column in columns]
        groups = [(key, 1) for key in keys] if last else [(key, len(list(group))) for key, group in groupby(keys)]
        lines.append(" & ".join([*left, *(_span(key[level], width) for key, width in groups)]) + r" \\")
        if not last and any(width > 1 for _, width in groups):
            lines.append(_rules(len(sheet.row_heads), [width for _, width in groups]))
    return lines


def _span(text: str, width: int) -> str:
    return _braced(text) if width == 1 else rf"\multicolumn{{{width}}}{{c}}{{{escape(text)}}}"


def _braced(text: str) -> str:
    return "{" + escape(text) + "}"


def _rules(start: int, widths: list[int]) -> str:
    rules, at = [], start + 1
    for width in widths:
        rules.append(rf"\cmidrule(lr){{{at}-{at + width - 1}}}")
        at += width
    return "".join(rules)


def _rows(sheet: Sheet, panel: range) -> list[str]:
    """Body lines; a label that repeats the one above is left out, a gap opens where the outermost label changes."""
    lines: list[str] = []
    above: tuple[str, ...] | None = None
    for labels, cells in zip(sheet.row_labels, sheet.body, strict=True):
        same = 0
        while above is not None and same < len(labels) - 1 and labels[: same + 1] == above[: same + 1]:
            same += 1
        if above is not None and same == 0 and len(labels) > 1:
            lines.append(r"\addlinespace")
        shown = ["" if i < same else _braced(label) for i, label in enumerate(labels)]
        body = [_cell(cells[i], sheet.columns[i]) for i in panel]
        lines.append(" & ".join([*shown, *body]) + r" \\")
        above = labels
    return lines


def _cell(shown: Shown, column: Column) -> str:
    mark = rf"\textsuperscript{{{shown.marks}}}" if shown.marks else ""
    if column.kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", shown.number):
        return shown.number + ("{" + mark + "}" if mark else "")
    return "{" + escape(shown.number or shown.text) + mark + "}"


def _notes(sheet: Sheet) -> str:
    marks = "".join(rf" \textsuperscript{{{letter}}}~{escape(text)}." for letter, text in sheet.marks)
    return escape(" ".join(sheet.notes)) + marks
