"""Reads a model formula: what is modelled, by what, and within whom.

A formula is data that may come from another party, so it is never run as code: every expression in
it is checked against a short list of names and operators before formulaic evaluates it.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import formulaic
import numpy as np
from formulaic.utils.code import sanitize_variable_names
from numpy.typing import NDArray

from haemony.analysis.survival.data import splines
from haemony.analysis.survival.faults import (
    BadFormula,
)

PLAIN = ("strata", "cluster", "offset")
SPECIAL = (*PLAIN, "frailty", "ridge")
Distribution = Literal["gamma", "gaussian"]
_UNREADABLE = (SyntaxError, ValueError, MemoryError, RecursionError)
_ALLOWED = (
    ast.Expression,
    ast.Call,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.BinOp,
    ast.UnaryOp,
    ast.operator,
    ast.unaryop,
    ast.keyword,
    ast.List,
    ast.Tuple,
    ast.Compare,
    ast.cmpop,
)
_COLUMN = r"\s*(?:`[^`]+`|\w[\w .-]*)\s*"
"""A column of Surv(...): odd names stand in backquotes, with whatever they hold."""
_QUOTED = "quoted_{}_"
"""What an odd name becomes while Python reads an expression."""
_BEYOND = (ast.LShift, ast.RShift, ast.MatMult)


def _inside(values: object) -> object:
    """What stands within I(...), true and false as 1 and 0."""
    given = _array(values)
    return values if given is None or given.dtype != np.bool_ else given.astype(np.float64)


def _categories(values: object, *how: object, **named: object) -> object:
    """What stands within C(...), whole numbers without a decimal point."""
    given = _array(values)
    if given is not None and given.dtype == np.float64 and (given == np.rint(given)).all():
        values = given.astype(np.int64)
    return formulaic.transforms.C(values, *how, **named)


def _array(values: object) -> NDArray[np.generic] | None:
    """The numbers or truth values that formulaic hands over; None for what else there is."""
    turned = getattr(values, "to_numpy", None)
    return turned() if turned is not None else None


TRANSFORMS = {
    **{
        name: formulaic.transforms.TRANSFORMS[name]
        for name in ("log", "log2", "log10", "exp", "bs", "cr", "cc", "poly", "center")
    },
    "I": _inside,
    "C": _categories,
    "sqrt": np.sqrt,
    "log1p": np.log1p,
    "ns": splines.ns,
    "rcs": splines.rcs,
}
"""What a formula may call."""


@dataclass(frozen=True)
class Ridge:
    """Terms whose coefficients are drawn towards zero.

    Attributes:
        terms: which.
        theta: the penalty is theta/2 times the sum of squared coefficients.
        scale: whether coefficients are those of covariates with variance one, as in R.
    """

    terms: tuple[str, ...]
    theta: float
    scale: bool = True


@dataclass(frozen=True)
class Frailty:
    """A hazard that patients of one group share.

    Attributes:
        column: which patients belong together.
        distribution: of the frailty; "gaussian" on the logarithmic scale.
        theta: its variance, or None to estimate it.
    """

    column: str
    distribution: Distribution = "gamma"
    theta: float | None = None


@dataclass(frozen=True)
class Model:
    """A formula taken apart.

    Attributes:
        text: the formula as it was written.
        response: the columns of `Surv(...)`, two or three.
        terms: the covariate terms, in order.
        covariates: the columns that these terms need.
        strata: the columns within whose combinations alone patients are compared.
        cluster: the column that says which rows belong together, if any.
        offset: the columns added to the linear predictor with coefficient one.
        columns: every column that the formula needs, in order of mention.
        ridges: terms that are penalised; they are among `terms` as well.
        frailty: the shared frailty, if any.
    """

    text: str
    response: tuple[str, ...]
    terms: tuple[str, ...]
    covariates: tuple[str, ...]
    strata: tuple[str, ...]
    cluster: str | None
    offset: tuple[str, ...]
    columns: tuple[str, ...]
    ridges: tuple[Ridge, ...] = ()
    frailty: Frailty | None = None


def read(formula: str) -> Model:
    """Take a formula apart.

    >>> model = read("Surv(days, died) ~ age + log(wbc) + strata(study)")
    >>> model.terms, model.strata
    (('`age`', 'log(wbc)'), ('study',))
    """
    if not isinstance(formula, str):
        raise BadFormula(str(formula), reason="it is neither text nor a Surv")
    left, right = sides(formula)
    response = _response_columns(left, formula)
    specials: dict[str, list[str]] = {name: [] for name in SPECIAL}
    terms: list[str] = []
    covariates: list[str] = []
    ridges: list[Ridge] = []
    frailties: list[Frailty] = []
    columns = list(response)
    for term in _terms(right, formula):
        special, names = _special(term, formula)
        columns += names
        if special in PLAIN:
            _plain_columns(special, term, formula)
        if special == "ridge":
            ridges.append(_ridge(term, formula))
            terms += ridges[-1].terms
            covariates += names
        elif special == "frailty":
            frailties.append(_frailty(term, formula))
        elif special:
            specials[special] += names
        else:
            terms.append(_quoted(term))
            covariates += names
    both = [name for name in response[-2:] if name in columns[len(response) :]]
    if both:
        raise BadFormula(formula, reason=f"{both[0]!r} is on both of its sides")
    if len(specials["cluster"]) > 1 or len(frailties) > 1:
        raise BadFormula(formula, reason="only one column can be the cluster or the frailty")
    return Model(
        text=formula,
        response=response,
        terms=tuple(terms),
        covariates=tuple(dict.fromkeys(covariates)),
        strata=tuple(specials["strata"]),
        cluster=next(iter(specials["cluster"]), None),
        offset=tuple(specials["offset"]),
        columns=tuple(dict.fromkeys(columns)),
        ridges=tuple(ridges),
        frailty=next(iter(frailties), None),
    )


def sides(formula: str) -> tuple[str, str]:
    """What stands left and right of a formula's first '~' outside of backquotes.

    Raises:
        BadFormula: it has none.

    >>> sides("Surv(days, `dead ~ or not`) ~ age")
    ('Surv(days, `dead ~ or not`) ', ' age')
    """
    parted = re.fullmatch(r"((?:[^~`]|`[^`]*`)*)~(.*)", formula, re.DOTALL)
    if parted is None:
        raise BadFormula(formula, reason="it has no '~' outside of backquotes")
    return parted.group(1), parted.group(2)


def quoted(column: str) -> str:
    """A column's name as a formula takes it, whatever it holds.

    >>> quoted("tot?")
    '`tot?`'
    """
    return f"`{column}`"


def group_columns(model: Model) -> tuple[str, ...]:
    """The columns that a formula compares, which must be columns and nothing more."""
    if model.offset:
        raise BadFormula(model.text, reason="an offset belongs to the models, not to groups")
    if set(map(quoted, model.covariates)) != set(model.terms):
        raise BadFormula(model.text, reason="groups are plain columns joined by '+'")
    return model.covariates


def beside_covariates(model: Model) -> str:
    """What a formula holds beside covariates, for models that know nothing else; "" for nothing.

    >>> beside_covariates(read("Surv(days, died) ~ age + strata(study)"))
    'strata'
    """
    there = {
        "strata": model.strata,
        "cluster": model.cluster,
        "offset": model.offset,
        "ridge": model.ridges,
        "frailty": model.frailty,
    }
    return " or ".join(name for name, held in there.items() if held)


def _response_columns(left: str, formula: str) -> tuple[str, ...]:
    match = re.fullmatch(rf"\s*Surv\(({_COLUMN}(?:,{_COLUMN}){{1,2}})\)\s*", left)
    if match is None:
        raise BadFormula(
            formula,
            reason="its left side is not Surv(time, event) or Surv(start, stop, event), with odd "
            "names in backquotes",
        )
    found = re.finditer(_COLUMN, match.group(1))
    return tuple(name.group().strip().strip("`") for name in found)


def _terms(right: str, formula: str) -> list[formulaic.parser.types.Term]:
    try:
        parsed = formulaic.Formula(right)
        terms = list(parsed)
    except (formulaic.errors.FormulaicError, *_UNREADABLE, TypeError) as error:
        raise BadFormula(formula, reason="its right side cannot be read") from error
    if not isinstance(parsed, formulaic.SimpleFormula):
        raise BadFormula(formula, reason="its right side has several parts")
    return [term for term in terms if str(term) not in ("0", "1")]


def _quoted(term: formulaic.parser.types.Term) -> str:
    """A term as text, with odd column names in backticks."""
    return ":".join(
        quoted(factor.expr) if factor.eval_method.value == "lookup" else factor.expr
        for factor in term.factors
    )


def _special(term: formulaic.parser.types.Term, formula: str) -> tuple[str | None, list[str]]:
    """Which special term this is, if any, and the columns that the term needs."""
    names: list[str] = []
    special = None
    for factor in term.factors:
        if factor.eval_method.value == "lookup":
            names.append(factor.expr)
            continue
        call = _checked(factor.expr, formula)
        names += _columns(call)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            special = call.func.id if call.func.id in SPECIAL else special
    if special and len(term.factors) > 1:
        raise BadFormula(formula, reason=f"{special}(...) cannot be part of an interaction")
    return special, names


def _arguments(
    term: formulaic.parser.types.Term, formula: str, known: Mapping[str, object]
) -> tuple[list[ast.expr], dict[str, Any]]:
    """The positional arguments of a special term, and its named ones over their defaults."""
    call = _checked(term.factors[0].expr, formula)
    if not isinstance(call, ast.Call) or not call.args:
        raise BadFormula(formula, reason=f"{term} names no column")
    given = dict(known)
    for keyword in call.keywords:
        try:
            if keyword.arg is None or keyword.arg not in known:
                raise ValueError(keyword.arg)
            given[keyword.arg] = ast.literal_eval(keyword.value)
        except ValueError as error:
            raise BadFormula(
                formula, reason=f"{term} takes {', '.join(known)} as numbers or texts, nothing else"
            ) from error
    return call.args, given


def _ridge(term: formulaic.parser.types.Term, formula: str) -> Ridge:
    parts, given = _arguments(term, formula, {"theta": None, "scale": True})
    theta = given["theta"]
    if not isinstance(theta, int | float) or not 0 <= theta < np.inf:
        raise BadFormula(formula, reason=f"{term} needs theta, a number of at least 0")
    terms = [quoted(p.id) if isinstance(p, ast.Name) else _written(p) for p in parts]
    return Ridge(tuple(terms), float(theta), bool(given["scale"]))


def _written(expression: ast.expr) -> str:
    """An expression as text, with odd column names in backquotes."""
    shown = copy.deepcopy(expression)
    for node in ast.walk(shown):
        if isinstance(node, ast.Name) and not node.id.isidentifier():
            node.id = quoted(node.id)
    return ast.unparse(shown)


def _frailty(term: formulaic.parser.types.Term, formula: str) -> Frailty:
    parts, given = _arguments(term, formula, {"distribution": "gamma", "theta": None})
    theta, distribution = given["theta"], given["distribution"]
    if len(parts) != 1 or not isinstance(parts[0], ast.Name):
        raise BadFormula(formula, reason=f"{term} is not about one column")
    if distribution not in ("gamma", "gaussian"):
        raise BadFormula(formula, reason="a frailty is 'gamma' or 'gaussian'")
    if theta is not None and not (isinstance(theta, int | float) and 0 < theta < np.inf):
        raise BadFormula(formula, reason=f"{term} has a variance that is not a positive number")
    return Frailty(parts[0].id, distribution, None if theta is None else float(theta))


def _checked(expression: str, formula: str) -> ast.expr:
    """An expression of a formula, once each part of it is known to be harmless.

    Odd names in backquotes are told from the rest by formulaic, which will evaluate it.
    """
    odd: dict[str, str] = {}
    try:
        plain = sanitize_variable_names(expression, {}, odd, template=_QUOTED)
        tree = ast.parse(plain, mode="eval")
    except _UNREADABLE as error:
        raise BadFormula(formula, reason=f"{expression!r} cannot be read") from error
    known = {*TRANSFORMS, *SPECIAL}
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED) or _boundless(node):
            raise BadFormula(formula, reason=f"{expression!r} is more than a transformation")
        if isinstance(node, ast.Call) and not (
            isinstance(node.func, ast.Name) and node.func.id in known
        ):
            raise BadFormula(
                formula,
                reason=f"{expression!r} calls something else than {', '.join(sorted(known))}",
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = odd.get(node.id, node.id)
    body: ast.expr = tree.body
    return body


def _boundless(node: ast.AST) -> bool:
    """Whether a part of an expression could fill the memory, or is a list of columns."""
    if isinstance(node, ast.List | ast.Tuple):
        return bool(_columns(node))
    if not isinstance(node, ast.BinOp):
        return False
    sides = (node.left, node.right)
    texts = any(
        isinstance(side, ast.List | ast.Tuple)
        or (isinstance(side, ast.Constant) and not isinstance(side.value, int | float))
        for side in sides
    )
    power = isinstance(node.op, ast.Pow) and not any(map(_columns, sides))
    return texts or power or isinstance(node.op, _BEYOND)


def _plain_columns(special: str, term: formulaic.parser.types.Term, formula: str) -> None:
    """Refuse a special term of anything else than columns."""
    given, _ = _arguments(term, formula, {})
    if not all(isinstance(part, ast.Name) for part in given):
        raise BadFormula(
            formula,
            reason=f"{special}(...) takes columns as they are; compute {term} as a column before",
        )


def _columns(expression: ast.AST) -> list[str]:
    called = {node.func for node in ast.walk(expression) if isinstance(node, ast.Call)}
    return [
        node.id
        for node in ast.walk(expression)
        if isinstance(node, ast.Name) and node not in called
    ]
