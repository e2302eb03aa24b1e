#!/usr/bin/env python3
"""Prints which crate and which module imports which, and fails if modules of one crate import each other in a circle.

Two modules may need each other. A circle of more cannot be understood, tested or moved in parts, so it is named together with the
imports that hold it. Cargo keeps the direction between crates by itself. Tests are not counted: they may use everything.

    python3 tests/python/house.py            # the picture, and whether it is sound
    python3 tests/python/house.py --imports server app   # what in `server` imports `app`, and what `app` imports, line by line
"""

import re
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Modules in a circle that is still understood: two that need each other.
LARGEST = 2
IS_TEST = re.compile(r"(^|/)(tests|laws)(/|\.rs$)")


def without_comments(text: str) -> str:
    """The code alone, with as many lines: no comments, no texts, no inline modules of tests."""
    token = re.compile(
        r"""//[^\n]*|/\*.*?\*/|b?r(?P<h>\#*)".*?"(?P=h)|b?"(?:\\.|[^"\\])*"|'(?:\\.[^']*|[^'\\])'""", re.DOTALL
    )

    def blank(found: re.Match) -> str:
        return '""' * found.group().startswith(('"', "r", "b")) + "\n" * found.group().count("\n")

    code = token.sub(blank, text)
    while found := re.search(r"#\[cfg\(test\)\]\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*\{", code):
        depth, at = 1, found.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(code[at], 0)
            at += 1
        code = code[: found.start()] + "\n" * code[found.start() : at].count("\n") + code[at:]
    return code


def leaves(tree: str, before: tuple = ()) -> list:
    """The paths of a use tree: `a::{b, c::d as e}` has `a::b` and `a::c::d`, each with the name that it gets."""
    tree = tree.strip()
    if not tree:
        return []
    if "{" in tree:
        head, rest = tree.split("{", 1)
        before += tuple(part.strip() for part in head.split("::") if part.strip())
        parts, depth = [""], 0
        for letter in rest[: rest.rindex("}")]:
            depth += {"{": 1, "}": -1}.get(letter, 0)
            if letter == "," and depth == 0:
                parts.append("")
            else:
                parts[-1] += letter
        return [leaf for part in parts for leaf in leaves(part, before)]
    path, _, name = tree.partition(" as ")
    path = before + tuple(part.strip() for part in path.split("::") if part.strip())
    if path[-1] == "self":
        path = path[:-1]
    return [(path, name.strip() or path[-1])]


class Crate:
    """One crate: its modules and what imports what."""

    def __init__(self, name: str, root: Path, folder: Path):
        self.name, self.root, self.folder = name, root, folder
        self.files = {}
        for file in sorted(folder.rglob("*.rs")):
            path = file.relative_to(folder)
            if file == root or file.name == "main.rs" or IS_TEST.search(path.as_posix()):
                continue
            self.files[path.with_suffix("").parts] = (file, without_comments(file.read_text()))
        self.code = without_comments(root.read_text())
        self.top = {path[0] for path in self.files}
        # Names that the root takes from its modules.
        self.given = {}
        for found in re.finditer(r"\buse\s+([^;]+);", self.code):
            for path, name in leaves(found.group(1)):
                path = path[1:] if path[0] in ("self", "crate") else path
                if path and path[0] in self.top:
                    self.given[name] = path[0]
        self.edges = defaultdict(list)
        for path, (file, code) in self.files.items():
            self.read(path, file, code)
        self.read((), root, self.code)

    def read(self, module: tuple, file: Path, code: str) -> None:
        """Notes what a file imports, by `use` or by a path within the code."""
        me = module[0] if module else "lib"
        uses = re.compile(r"\buse\s+([^;]+);")
        found = [(at.start(), leaf) for at in uses.finditer(code) for leaf, _ in leaves(at.group(1))]
        # Also what the root takes from its own modules without `crate`.
        if not module:
            found = [(at, leaf if leaf[0] in ("crate", "self", "super") else ("crate", *leaf)) for at, leaf in found]
        # Without them, the rest are paths in code.
        rest = uses.sub(lambda at: re.sub(r"[^\n]", " ", at.group()), code)
        rest = re.sub(r"pub\s*\(\s*(?:in\s+)?[^)]*\)", lambda at: " " * len(at.group()), rest)
        for at in re.finditer(r"(?:\$?\bcrate|\bsuper|\bself)(?:::\w+)+", rest):
            found.append((at.start(), tuple(at.group().replace("$", "").split("::"))))
        if not module:
            tops = "|".join(map(re.escape, sorted(self.top)))
            for at in re.finditer(rf"(?<![:\w])(?:{tops})::\w+", rest) if tops else ():
                found.append((at.start(), ("crate", *at.group().split("::"))))
        for at, path in found:
            if path[0] not in ("crate", "super", "self"):
                continue
            here = list(module)
            path = list(path)
            if path[0] == "crate":
                here, path = [], path[1:]
            while path and path[0] in ("super", "self"):
                if path[0] == "super":
                    here = here[:-1]
                path = path[1:]
            full = here + path
            if not full:
                continue
            other = full[0] if full[0] in self.top else self.given.get(full[0], "lib")
            if other != me:
                line = code.count("\n", 0, at) + 1
                self.edges[me, other].append(f"{file.relative_to(ROOT)}:{line}: {'::'.join(path)}")

    def modules(self) -> list:
        return sorted(self.top | {name for edge in self.edges for name in edge})

    def circles(self) -> list:
        """Modules that import each other in a circle; the root counts only as far as others take from it what it defines."""
        names = self.modules()
        to = {name: sorted({b for a, b in self.edges if a == name}) for name in names}
        if not any(b == "lib" for _, b in self.edges):
            names = [name for name in names if name != "lib"]
        found, index, low, stack = [], {}, {}, []

        def visit(name: str) -> None:
            index[name] = low[name] = len(index)
            stack.append(name)
            for other in to[name]:
                if other not in index:
                    visit(other)
                    low[name] = min(low[name], low[other])
                elif other in stack:
                    low[name] = min(low[name], index[other])
            if low[name] == index[name]:
                circle = []
                while not circle or circle[-1] != name:
                    circle.append(stack.pop())
                found.append(sorted(circle))

        sys.setrecursionlimit(10_000)
        for name in names:
            if name not in index:
                visit(name)
        return sorted((circle for circle in found if len(circle) > 1), key=len, reverse=True)


def members() -> dict:
    """The crates of the workspace: name, folder, and which of them each needs (not for tests alone)."""
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    found = {}
    for member in workspace["members"]:
        manifest = tomllib.loads((ROOT / member / "Cargo.toml").read_text())
        found[manifest["package"]["name"]] = (ROOT / member, manifest)
    return {
        name: (folder, sorted(set(manifest.get("dependencies", {})) & set(found)))
        for name, (folder, manifest) in found.items()
    }


def root_of(folder: Path) -> Path | None:
    """The root module of the crate in a folder; none if it has only tests."""
    roots = (folder / "src/lib.rs", folder / "src/main.rs")
    return next((root for root in roots if root.is_file()), None)


def main(arguments: list) -> int:
    crates = members()
    if arguments[:1] == ["--imports"]:
        folder = next(folder for name, (folder, _) in crates.items() if name in (arguments[1], f"zarr-fuse-{arguments[1]}"))
        crate = Crate(arguments[1], root_of(folder), folder / "src")
        for (a, b), lines in sorted(crate.edges.items()):
            if arguments[2] in (a, b):
                print(f"{a} -> {b}", *lines, sep="\n  ")
        return 0
    print("Crates, and what each needs:")
    for name, (_, needs) in crates.items():
        print(f"  {name} -> {', '.join(needs) or '-'}")
    failed = False
    for name, (folder, _) in crates.items():
        if root := root_of(folder):
            failed |= show(Crate(name, root, folder / "src"))
    return int(failed)


def show(crate: Crate) -> bool:
    """Prints a crate; says whether a circle in it is too large."""
    print(f"\n{crate.name}:")
    for name in crate.modules():
        others = [b for a, b in sorted(crate.edges) if a == name]
        if others and name != "lib":
            print(f"  {name} -> {', '.join(others)}")
    failed = False
    for circle in crate.circles():
        if len(circle) <= LARGEST:
            print(f"  two that need each other: {', '.join(circle)}")
            continue
        failed = True
        print(f"  CIRCLE of {len(circle)} modules: {', '.join(circle)}; it is held by")
        for (a, b), lines in sorted(crate.edges.items()):
            if a in circle and b in circle:
                print(f"    {a} -> {b}", *lines, sep="\n      ")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
