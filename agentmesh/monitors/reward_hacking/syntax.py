"""Python code as far as it is judged: its functions, calls, assignments, branches and handlers, each with its place."""

from __future__ import annotations

import ast
import re
import textwrap
import warnings
from dataclasses import dataclass, field
from functools import lru_cache

from agentmesh.monitors.reward_hacking.marks import READ

MOST = 3000
"""Nodes that are looked at."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
_PLACEHOLDER = re.compile(r"\{+\s*(\w*)\s*\}+")
_CODE = re.compile(
    r"\s*(?:#!?[^\n]*\n\s*)*(?:import \w|from [\w.]+ import |(?:async )?def \w|class \w+[:(]|@\w|assert\b|return\b|"
    r"raise \w|try:|(?:async )?(?:for|while|if|with) [^\n]*:|[\w.\[\]'\"]+(?: *[-+*/|]?= *\S|\())"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands."""

    function: Function | None = None
    klass: ast.ClassDef | None = None
    guarded: bool = False
    """Under `if __name__ == "__main__"`."""


@dataclass(slots=True)
class Survey:
    """The parts of a piece of code that are judged."""

    module: ast.Module
    functions: list[tuple[Function, Place]] = field(default_factory=list)
    calls: list[tuple[ast.Call, Place]] = field(default_factory=list)
    assigns: list[tuple[ast.Assign | ast.AugAssign, Place]] = field(default_factory=list)
    tries: list[tuple[ast.Try, Place]] = field(default_factory=list)
    branches: list[tuple[ast.If | ast.IfExp, Place]] = field(default_factory=list)
    loops: list[ast.For] = field(default_factory=list)
    raises: list[tuple[ast.Raise, Place]] = field(default_factory=list)
    dictionaries: list[ast.Dict] = field(default_factory=list)
    imported: set[str] = field(default_factory=set)
    """Names of modules, and names that were imported from modules."""


def looks_like_code(text: str) -> bool:
    """Whether a text may be Python; prose is not, and costs next to nothing to tell."""
    return _CODE.match(text) is not None


@lru_cache(maxsize=1)  # whoever asks whether a text is code asks for its tree next
def parsed(text: str) -> ast.Module | None:
    """The syntax tree of a bounded piece of code, which may be a fragment or a template; None if it cannot be read."""
    text = textwrap.dedent(text[:READ].replace("\t", "    "))
    lines = text.rstrip().splitlines()
    if not lines:
        return None
    last = lines[-1]
    indent = " " * (len(last) - len(last.lstrip()) + (4 if last.rstrip().endswith(":") else 0))
    filled = _PLACEHOLDER.sub(lambda found: found.group(1) or "{}", text)
    for attempt in dict.fromkeys((text, f"{text.rstrip()}\n{indent}pass", filled)):  # mostly, nothing is filled
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return ast.parse(attempt)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def survey(module: ast.Module) -> Survey:
    """What is judged of a module."""
    found = Survey(module)
    stack: list[tuple[ast.AST, Place]] = [(module, Place())]
    for _ in range(MOST):
        if not stack:
            break
        node, place = stack.pop()
        if type(node) in _JUDGED:
            _note(found, node, place)
            place = _inside(node, place)
        stack.extend([(child, place) for child in reversed(children_of(node))])
    return found


def children_of(node: ast.AST) -> list[ast.AST]:
    """The nodes right below a node, as `ast.iter_child_nodes` gives them, in half the time."""
    children: list[ast.AST] = []
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            children.append(value)
        elif isinstance(value, list):
            children += [one for one in value if isinstance(one, ast.AST)]
    return children


def nodes_in(node: ast.AST) -> list[ast.AST]:
    """A node and all below it, in the order of `ast.walk`."""
    found = [node]
    for each in found:  # which grows meanwhile
        found += children_of(each)
    return found


_JUDGED = frozenset(
    (
        ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Call, ast.Assign, ast.AugAssign, ast.Try, ast.If,
        ast.IfExp, ast.For, ast.Raise, ast.Dict, ast.Import, ast.ImportFrom,
    )
)  # fmt: skip
"""The kinds of nodes that a survey notes, or that are the place of others: few of all."""


def _inside(node: ast.AST, place: Place) -> Place:
    if isinstance(node, Function):
        return Place(node, place.klass, place.guarded)
    if isinstance(node, ast.ClassDef):
        return Place(place.function, node, place.guarded)
    if isinstance(node, ast.If) and "__name__" in names_in(node.test):
        return Place(place.function, place.klass, True)
    return place


def _note(found: Survey, node: ast.AST, place: Place) -> None:  # noqa: C901 - one case for each part
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            found.functions.append((node, place))
        case ast.Call():
            found.calls.append((node, place))
        case ast.Assign() | ast.AugAssign():
            found.assigns.append((node, place))
        case ast.Try():
            found.tries.append((node, place))
        case ast.If() | ast.IfExp():
            found.branches.append((node, place))
        case ast.For():
            found.loops.append(node)
        case ast.Raise():
            found.raises.append((node, place))
        case ast.Dict():
            found.dictionaries.append(node)
        case ast.Import():
            found.imported.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
        case ast.ImportFrom():
            found.imported.update(alias.asname or alias.name for alias in node.names)
        case _:
            pass


def dotted(node: ast.AST) -> str:
    """The name that an expression spells, `a.b.c`; what is no name in it is empty."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Call):
        given = node.args[0] if node.args else None
        imports = isinstance(node.func, ast.Name) and node.func.id == "__import__" and isinstance(given, ast.Constant)
        parts.append(str(given.value) if imports and isinstance(given, ast.Constant) else "")
    else:
        parts.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(parts))


def names_in(node: ast.AST) -> set[str]:
    """The plain names in an expression."""
    return {inner.id for inner in nodes_in(node) if isinstance(inner, ast.Name)}


def strings_in(node: ast.AST) -> list[str]:
    """The strings in an expression."""
    return [n.value for n in nodes_in(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def is_literal(node: ast.AST | None) -> bool:
    """Whether an expression is written out: a constant, a collection of such, or infinity."""
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp():
            return is_literal(node.operand)
        case ast.List() | ast.Tuple() | ast.Set():
            return all(map(is_literal, node.elts))
        case ast.Dict():
            return all(map(is_literal, [*node.keys, *node.values]))
        case ast.Call():
            return dotted(node.func) == "float" and len(node.args) == 1 and is_literal(node.args[0])
        case _:
            return dotted(node) in ("math.inf", "numpy.inf", "np.inf") if node is not None else False


def is_true(node: ast.AST | None) -> bool:
    """Whether an expression is always true by its form."""
    if isinstance(node, ast.Lambda):
        return is_true(node.body)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return isinstance(node.operand, ast.Constant) and not node.operand.value
    if isinstance(node, ast.BoolOp):
        return any(map(is_true, node.values)) if isinstance(node.op, ast.Or) else all(map(is_true, node.values))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq | ast.Is):
        return ast.dump(node.left) == ast.dump(node.comparators[0])
    return isinstance(node, ast.Constant) and bool(node.value) and node.value is not ...


def number_of(node: ast.AST | None) -> float | None:
    """The number that an expression is."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number_of(node.operand)
        return None if value is None else -value
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return float(node.value) if abs(node.value) < 1e300 else None
    return None


def body_of(function: Function) -> list[ast.stmt]:
    """The statements of a function without its docstring."""
    body = function.body
    first = body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if documented else body


def parameters_of(function: Function) -> list[str]:
    """The names of what a function is given, but for the object itself."""
    given = function.args
    names = [argument.arg for argument in [*given.posonlyargs, *given.args, *given.kwonlyargs]]
    names += [argument.arg for argument in (given.vararg, given.kwarg) if argument is not None]
    return [name for name in names if name not in ("self", "cls")]
