#!/usr/bin/env python3
"""The arithmetic of docs/capacity.md with numbers of your own: scripts/capacity.py fans=2000000 vcpu_hour=0.04

NAME=VALUE  in place of what the document says; names are those of its tables
--list      the inputs, with what the document says
--check     fail where a result in the document is not what its formula gives
--write     put what the formulas give into the document
--document FILE  another one than docs/capacity.md"""

import ast
import math
import operator
import re
import sys

DOCUMENT = "docs/capacity.md"
OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
FUNCTIONS = {"ceil": math.ceil, "max": max, "min": min}
INPUT = re.compile(r"^\| `([a-z][a-z0-9_]*)` \| ([\d.,]+) \|(.*)$")
RESULT = re.compile(r"^\| `([a-z][a-z0-9_]*)` \| `([^`]+)` \| *([\d.,]*) *\|(.*)$")


def value(formula, known):
    """What a formula of names, numbers, + - * / and a few functions gives."""

    def of(node):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return node.value
        if isinstance(node, ast.Name):
            if node.id not in known:
                raise ValueError(f"'{node.id}' is not known above this line")
            return known[node.id]
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            return OPERATORS[type(node.op)](of(node.left), of(node.right))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and not node.keywords:
            return FUNCTIONS[node.func.id](*map(of, node.args))
        raise ValueError("a formula has names, numbers, + - * /, ceil, max and min")

    return of(ast.parse(formula, mode="eval").body)


def shown(number):
    """With three digits that count: more would pretend."""
    if number == 0:
        return "0"
    places = 2 - math.floor(math.log10(abs(number)))
    rounded = round(number, places)
    return f"{rounded:,.{max(places, 0)}f}".rstrip("0").rstrip(".") if places > 0 else f"{rounded:,.0f}"


def read(lines, given):
    """The inputs and results of the document: (line, kind, name, value, formula or None, what stands in the document)."""
    known, rows = {}, []
    for number, line in enumerate(lines):
        entry, result = INPUT.match(line), RESULT.match(line)
        if not entry and not result:
            continue
        name = (entry or result).group(1)
        if name in known:
            raise ValueError(f"line {number + 1}: there are two rows of '{name}'")
        try:
            if entry:
                known[name] = given.get(name, float(entry.group(2).replace(",", "")))
                rows.append((number, name, known[name], None, entry.group(2)))
            else:
                if name in given:
                    raise ValueError("it follows from the others and cannot be given")
                known[name] = value(result.group(2), known)
                rows.append((number, name, known[name], result.group(2), result.group(3)))
        except (ValueError, SyntaxError, ZeroDivisionError) as error:
            raise ValueError(f"line {number + 1}: {name}: {error}") from None
    strangers = sorted(set(given) - set(known))
    if strangers:
        raise ValueError(f"the document has no '{strangers[0]}'; --list names its inputs")
    return rows


def main(words):
    document, do, given = DOCUMENT, "show", {}
    words = list(words)
    while words:
        word = words.pop(0)
        name, sign, number = word.partition("=")
        if word in ("-h", "--help"):
            print(__doc__)
            return 0
        if word in ("--check", "--write", "--list"):
            do = word[2:]
        elif word == "--document" and words:
            document = words.pop(0)
        elif sign and re.fullmatch(r"\d+(\.\d+)?", number):
            given[name] = float(number)
        else:
            print(f"capacity.py: '{word}' is not NAME=NUMBER; --help tells more", file=sys.stderr)
            return 2
    try:
        with open(document, encoding="utf-8") as file:
            lines = file.read().split("\n")
        rows = read(lines, given)
    except (OSError, ValueError) as error:
        print(f"capacity.py: {document}: {error}", file=sys.stderr)
        return 2
    results = [row for row in rows if row[3]]
    if do == "check":
        wrong = [row for row in results if shown(row[2]) != row[4]]
        for number, name, is_, formula, said in wrong:
            print(f"{document}:{number + 1}: {name} is {shown(is_)} ({formula}), not '{said}'")
        print(f"{len(results) - len(wrong)} of {len(results)} results are what their formulas give")
        return 1 if wrong or not results else 0
    if do == "write":
        for number, name, is_, formula, _ in results:
            lines[number] = f"| `{name}` | `{formula}` | {shown(is_)} |{RESULT.match(lines[number]).group(4)}"
        with open(document, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
        return 0
    for _, name, is_, _, said in (row for row in rows if row[3] is None) if do == "list" else results:
        print(f"{name:<26} {said if do == 'list' else shown(is_):>16}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
