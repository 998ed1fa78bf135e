"""Compares runs of the lab with runs of k6 that did the same: counts, error classes and percentiles of each step.

    crosscheck.py judge LAB.json .. -- K6.json ..

prints a table. Exit 0: they agree. 1: something is out of bounds. 3: no disagreement, but the machine was too busy for the times.

Of several runs the median of a count is compared, and the smallest of a time: whatever else runs on the machine only ever adds to a
time. A smallest time that no other run of the same program comes near is chance, and is not judged.
"""

import json
import statistics
import sys

# The two may differ by so much.
BOUND = 0.25
# A share of few says nothing: so many either way are always allowed.
COUNT_SLACK = 5
# Nor does a share of a millisecond: what the two programs themselves take to read an answer on a shared machine.
MS_SLACK = {"p50": 1.5, "p95": 5.0, "p99": 10.0}
# Fewer samples in a run are no basis for a percentile.
SAMPLES = {"p50": 40, "p95": 100, "p99": 200}


def of_lab(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    if report["verdict"] not in ("PASS", "FAIL"):
        sys.exit(f"{path}: the run is {report['verdict']}: {report['reason']}")
    steps = {}
    for step in report["steps"]:
        steps[step["op"]] = {
            "ok": step["ok"],
            "expected": step["refused_as_expected"],
            "failed": step["failed"],
            "p50": step["service_p50_ms"],
            "p95": step["service_p95_ms"],
            "p99": step["service_p99_ms"],
        }
    return {"bought": report["metrics"]["tickets_sold"], "steps": steps}


def of_k6(path):
    with open(path, encoding="utf-8") as file:
        summary = json.load(file)
    steps = {}
    for step in summary["steps"]:
        steps[step["op"]] = {
            "ok": step["ok"],
            "expected": step["expected"],
            "failed": step["failed"],
            "p50": step["p50_ms"],
            "p95": step["p95_ms"],
            "p99": step["p99_ms"],
        }
    return {"bought": summary["bought"], "steps": steps}


def within(lab, k6, slack):
    return abs(lab - k6) <= max(BOUND * max(lab, k6), slack)


def compared(what, lab, k6, slack, typical, steady=True):
    """One row: what, the lab's figure, k6's, and a word for it. `lab`, `k6`: a figure of each run."""
    one, other = typical(lab), typical(k6)
    if not steady and not all(within(*sorted(runs)[:2], slack) for runs in (lab, k6) if len(runs) > 1):
        return what, one, other, "too noisy"
    return what, one, other, "ok" if within(one, other, slack) else "OUT OF BOUNDS"


def rows(lab, k6):
    def figures(of):
        return [of(run) for run in lab], [of(run) for run in k6]

    usual = statistics.median
    yield compared("tickets sold", *figures(lambda run: run["bought"]), COUNT_SLACK, usual)
    for op in ("join", "status", "seats", "hold", "checkout", "transfer"):
        for name, runs in (("the lab", lab), ("k6", k6)):
            if not all(op in run["steps"] for run in runs):
                yield f"{op}: {name} has none", 0, 0, "OUT OF BOUNDS"
                break
        else:
            for kind in ("ok", "expected", "failed"):
                yield compared(f"{op} {kind}", *figures(lambda run: run["steps"][op][kind]), COUNT_SLACK, usual)
            samples = min(run["steps"][op]["ok"] for run in lab + k6)
            for name in (name for name, least in SAMPLES.items() if samples >= least):
                times = figures(lambda run: run["steps"][op][name])
                yield compared(f"{op} {name} ms", *times, MS_SLACK[name], min, steady=False)


def judge(lab, k6):
    if not lab or not k6:
        sys.exit("judge needs runs of both")
    print(f"{'':<22} {'lab':>10} {'k6':>10} {'k6 / lab':>9}")
    words = []
    for what, one, other, word in rows(lab, k6):
        ratio = f"{other / one:.2f}" if one else "-"
        print(f"{what:<22} {one:>10.1f} {other:>10.1f} {ratio:>9}  {word}")
        words.append(word)
    if not statistics.median(run["bought"] for run in lab):
        print("nothing was sold: that compares nothing")
        words.append("OUT OF BOUNDS")
    slack = ", ".join(f"{name} {ms:g} ms" for name, ms in MS_SLACK.items())
    print(f"\nof {len(lab)} and {len(k6)} runs; within {BOUND:.0%}, or {COUNT_SLACK} counts, or {slack}")
    wrong, noisy = words.count("OUT OF BOUNDS"), words.count("too noisy")
    if wrong:
        print(f"DISAGREE in {wrong} of {len(words)}")
        return 1
    if noisy:
        print(f"AGREE in {len(words) - noisy}; {noisy} of the times say nothing: run it again on a quieter machine")
        return 3
    print("AGREE")
    return 0


def main(words):
    if words and words[0] == "judge" and "--" in words:
        middle = words.index("--")
        return judge([of_lab(path) for path in words[1:middle]], [of_k6(path) for path in words[middle + 1:]])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
