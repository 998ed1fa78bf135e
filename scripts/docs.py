"""For test-docs.sh: what the documents tell people to type.

check TRAFFIC DOCUMENT..  every block says what it is; every block of shell can be parsed; every command in one, and between
                          backticks, is one that there is, with options that it has. TRAFFIC: the program
script DOCUMENT           prints the blocks that are marked `sh test` as one script, from top to bottom
words DOCUMENT            prints the words behind `sh test` in it: what its blocks need (`serve`: a server of their own)"""

import functools
import os
import re
import shlex
import subprocess
import sys

# Blocks are of these kinds; `sh` runs may have words behind it.
KINDS = {"sh", "text", "json", "toml", "ini", "yaml", "http", "nginx", "html", "sql", "python"}
# `test`: run by test-docs.sh, with a server where `serve` stands too. The others have a test of their own.
WORDS = {"test", "serve", "curl-tour", "door"}
# Words that stand before a command and are none.
BEFORE = {"if", "then", "else", "elif", "do", "while", "until", "!", "{", "(", "time", "exec", "sudo", "env", "nohup", "command"}
OURS = re.compile(r"^(\./)?((scripts|deploy|examples|crates|docs|web|fuzz)/[\w./-]+|\.ci/run)$")
ASSIGNED = re.compile(r"^([A-Za-z_]\w*)=")
# A command between backticks begins like this; other words there are names.
INLINE = re.compile(r"^([A-Z_]+=\S* )*(make|traffic|target/release/traffic|scripts/[\w.-]+) [^`]+$|^(\./)?scripts/[\w.-]+$")


def blocks(path):
    """Fenced blocks: the line of the fence, what stands behind it, the lines inside. None where a fence has no end."""
    start, info, inside = None, "", []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fence = re.match(r"^ {0,3}```(.*)$", line.rstrip())
            if fence and start is None:
                start, info, inside = number, fence.group(1).strip(), []
            elif fence and not fence.group(1):
                yield start, info, inside
                start = None
            elif start is not None:
                inside.append(line.rstrip("\n"))
    if start is not None:
        yield start, None, inside


def prose(path):
    """Lines outside of fences."""
    fenced = False
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.lstrip().startswith("```"):
                fenced = not fenced
            elif not fenced:
                yield number, line


def commands(lines):
    """The simple commands of a piece of shell, as (line, words). What is in a here-document, or given to a variable, is left out."""
    number, end, whole = 0, None, ""
    for number, line in enumerate(lines):
        if end is not None:
            end = None if line.strip() == end else end
            continue
        whole += line
        if whole.endswith("\\"):
            whole = whole[:-1] + " "
            continue
        here = re.search(r"<<-?\s*'?\"?(\w+)", whole)
        try:
            lexer = shlex.shlex(whole, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            lexer.commenters = "#"
            words = list(lexer)
        except ValueError:
            whole += "\n"  # a quote goes on in the next line
            continue
        whole, end = "", here.group(1) if here else None
        simple = []
        for word in words + [";"]:
            if word and set(word) <= set(";&|()") and word != "":
                if simple:
                    yield number, simple
                simple = []
            else:
                simple.append(word)


class Program:
    """What the program's own help says that it takes."""

    def __init__(self, path):
        self.path = path

    @functools.lru_cache(maxsize=None)
    def help(self, *subcommands):
        asked = subprocess.run([self.path, *subcommands, "--help"], capture_output=True, text=True, timeout=60)
        return asked.stdout if asked.returncode == 0 else None

    def subcommands(self, *above):
        listed = re.search(r"^Commands:\n((?: {2}.*\n)+)", self.help(*above) or "", re.MULTILINE)
        return set(re.findall(r"^  (\S+)", listed.group(1), re.MULTILINE)) if listed else set()

    def wrong(self, words):
        below = []
        for word in words:
            names = self.subcommands(*below)
            if word in names and word != "help":
                below.append(word)
            elif names and not word.startswith("-") and word != "..":
                return f"`traffic {' '.join([*below, word])}`: no such command; there are {', '.join(sorted(names))}"
            else:
                break
        known = set(re.findall(r"--[a-z][\w-]*", self.help(*below) or "")) | {"--help", "--version"}
        for word in words:
            flag = word.split("=")[0]
            if flag == "--":
                break
            if flag.startswith("--") and flag not in known:
                return f"`traffic {' '.join(below)}` has no option {flag}"
        return None


def names_of_settings():
    """Everything that looks like the name of a variable in what reads them."""
    text = []
    for folder, _, files in os.walk("."):
        # A script that tests others may hold names that are wrong on purpose.
        files = [name for name in files if not name.startswith("test-")]
        if re.match(r"^\./(crates/[a-z]+/src|scripts|deploy|\.ci)", folder):
            text += [open(os.path.join(folder, name), encoding="utf-8", errors="ignore").read() for name in files]
    text.append(open("Makefile", encoding="utf-8").read())
    text.append(open("traffic.default.toml", encoding="utf-8").read().upper())
    return set(re.findall(r"\b[A-Z][A-Z0-9_]*\b", "\n".join(text)))


class Checker:
    def __init__(self, program):
        self.program = Program(program)
        self.settings = names_of_settings()
        with open("Makefile", encoding="utf-8") as file:
            self.targets = set(re.findall(r"^([a-z][a-z-]*):", file.read(), re.MULTILINE))

    def make(self, words):
        for word in words:
            if ASSIGNED.match(word):
                if ASSIGNED.match(word).group(1) not in self.settings:
                    return f"`make`: nothing reads {ASSIGNED.match(word).group(1)}"
            elif not word.startswith("-") and word not in self.targets:
                return f"`make {word}`: no such recipe in the Makefile"
        return None

    def command(self, words, runs=True):
        """What is wrong with one command, if anything. Between backticks a file may be named that is none."""
        words = list(words)
        while words and (words[0] in BEFORE or ASSIGNED.match(words[0])):
            name = ASSIGNED.match(words[0])
            if name and len(words) > 1 and name.group(1).isupper() and self.is_ours(words) and name.group(1) not in self.settings:
                return f"nothing reads the variable {name.group(1)}"
            words.pop(0)
        # Words behind a redirection are files that may come into being.
        cut = next((at for at, word in enumerate(words) if set(word) & set("<>") and not word.strip("<>&0123456789")), len(words))
        words = words[:cut]
        if not words:
            return None
        for word in words:
            path = word.removeprefix("@")
            if OURS.match(path) and not os.path.exists(path):
                return f"there is no {path}"
        if words[0] == "make":
            return self.make(words[1:])
        if words[0] in ("traffic", "target/release/traffic"):
            return self.program.wrong(words[1:])
        if OURS.match(words[0]) and runs and not os.access(words[0], os.X_OK):
            return f"{words[0]} cannot be executed"
        return None

    @staticmethod
    def is_ours(words):
        return any(word in ("make", "traffic", "target/release/traffic") or OURS.match(word) for word in words)

    def block(self, info, lines):
        """What is wrong with a block: lines within it and words."""
        if info is None:
            return [(0, "this fence has no end")]
        kind, *words = info.split() or [""]
        if kind not in KINDS:
            return [(0, f"say what the block is, behind its fence: {', '.join(sorted(KINDS))}; not '{kind}'")]
        if words and kind != "sh":
            return [(0, f"only `sh` has more words behind it, not '{kind}'")]
        if not set(words) <= WORDS or ("serve" in words and "test" not in words):
            return [(0, f"`sh` may be `sh test` or `sh test serve`, not '{info}'")]
        if kind != "sh":
            return []
        parsed = subprocess.run(["bash", "-n"], input="\n".join(placeholders(lines)), capture_output=True, text=True, timeout=60)
        if parsed.returncode != 0:
            return [(0, "bash cannot parse this: " + parsed.stderr.strip().splitlines()[0])]
        found = [(number + 1, self.command(words)) for number, words in commands(placeholders(lines))]
        return [(number, wrong) for number, wrong in found if wrong]

    def document(self, path):
        for start, info, lines in blocks(path):
            for number, wrong in self.block(info, lines):
                yield start + number, wrong
        for number, line in prose(path):
            for span in re.findall(r"`([^`]+)`", line):
                if INLINE.match(span):
                    for _, words in commands(placeholders([span])):
                        wrong = self.command(words, runs=len(words) > 1)
                        if wrong:
                            yield number, wrong


def placeholders(lines):
    """`<id>` and `..` are for the reader to fill in, not a redirection and a word."""
    return [re.sub(r"<[a-z][a-z ]*>", "PLACE", line) for line in lines]


def check(program, documents):
    checker = Checker(program)
    wrong = 0
    for document in documents:
        for number, what in checker.document(document):
            print(f"{document}:{number}: {what}")
            wrong += 1
    sys.exit(1 if wrong else 0)


def script(document):
    tested = [(start, lines) for start, info, lines in blocks(document) if info and info.split()[:2] == ["sh", "test"]]
    if not tested:
        return
    print("set -euo pipefail")
    print("trap 'code=$?; [ $code = 0 ] || echo \"$PLACE: the block that begins here ended with $code\" >&2' EXIT")
    for start, lines in tested:
        print(f"PLACE={shlex.quote(f'{document}:{start}')}")
        print("\n".join(lines))


def words(document):
    found = {word for _, info, _ in blocks(document) for word in (info or "").split()[1:] if (info or "").startswith("sh test")}
    print(*sorted(found))


if __name__ == "__main__":
    do, *rest = sys.argv[1:] or ["help"]
    if do == "check" and len(rest) > 1:
        check(rest[0], rest[1:])
    elif do == "script" and len(rest) == 1:
        script(rest[0])
    elif do == "words" and len(rest) == 1:
        words(rest[0])
    else:
        sys.exit(__doc__)
