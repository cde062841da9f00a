"""Whether two answers mean the same."""

from __future__ import annotations

import re
from fractions import Fraction

from whet.rewards.answer import plain
from whet.rewards.math.expression import Node, real
from whet.rewards.math.reading import Answer, Equation, Group, Many, Quantity, Words, clean, read
from whet.rewards.math.value import close, points, same_number


def same_answer(found: str, right: str, tolerance: float = 0.0) -> bool:
    """Whether an answer equals the right one; numbers may differ by `tolerance`, relative to the right one."""
    return _same(read(found), read(right), tolerance) or _same_words(found, right)


def _same(found: Answer, right: Answer, tolerance: float) -> bool:
    if isinstance(found, Equation) or isinstance(right, Equation):
        return _same_equation(found, right, tolerance)
    if isinstance(found, Many) and isinstance(right, Many):
        return _same_set(found.items, right.items, tolerance)
    if isinstance(found, Many | Group) and isinstance(right, Many | Group):
        return _same_order(found, right, tolerance)
    if isinstance(found, Quantity) and isinstance(right, Quantity):
        return _same_quantity(found, right, tolerance)
    return isinstance(found, Words) and isinstance(right, Words) and _same_words(found.text, right.text)


def _same_order(found: Many | Group, right: Many | Group, tolerance: float) -> bool:
    """Item by item. A list without brackets stands for a tuple, a set does not."""
    for one, other in ((found, right), (right, found)):
        if isinstance(one, Many) and not (one.is_bare and isinstance(other, Group) and other.opener == "("):
            return False
    if isinstance(found, Group) and isinstance(right, Group) and found.brackets != right.brackets:
        return False
    if len(found.items) != len(right.items):
        return False
    return all(_same(a, b, tolerance) for a, b in zip(found.items, right.items, strict=True))


def _same_set(found: tuple[Answer, ...], right: tuple[Answer, ...], tolerance: float) -> bool:
    left = list(right)
    for item in found:
        match = next((i for i, other in enumerate(left) if _same(item, other, tolerance)), None)
        if match is None:
            return False
        del left[match]
    return not left


def _same_quantity(found: Quantity, right: Quantity, tolerance: float) -> bool:
    """50 % is 50 and 1/2 where the other says nothing of per cent; units count where both have one."""
    if found.unit and right.unit and not (found.unit <= right.unit or right.unit <= found.unit):
        return False
    if same_number(found.node, right.node, tolerance):
        return True
    if found.is_percent == right.is_percent:
        return False
    hundred = Node("number", (Fraction(100),))
    one, other = (Node("/", (q.node, hundred)) if q.is_percent else q.node for q in (found, right))
    return same_number(one, other, tolerance)


def _same_equation(found: Answer, right: Answer, tolerance: float) -> bool:
    """Values that are named, by value and name; whole equations if one is a multiple of the other."""
    if not (isinstance(found, Equation) and isinstance(right, Equation)):
        named, other = (found, right) if isinstance(found, Equation) else (right, found)
        return isinstance(named, Equation) and named.name is not None and _same(named.right, other, tolerance)
    if found.name and right.name:
        letters = [e.name for e in (found, right) if len(e.name or "") == 1]
        return (len(letters) < 2 or letters[0] == letters[1]) and _same(found.right, right.right, tolerance)
    sides = [_difference(equation) for equation in (found, right)]
    if sides[0] is None or sides[1] is None or sides[0].variables != sides[1].variables:
        return False
    values = points(sides[0].variables, [sides[0], sides[1]])
    first = next(((a, b) for a, b in values if a != 0 and b != 0), None)
    if first is None:
        return False
    return all(close(real(a) * real(first[1]), real(b) * real(first[0]), tolerance) for a, b in values)


def _difference(equation: Equation) -> Node | None:
    right = equation.right
    return Node("-", (equation.left, right.node)) if isinstance(right, Quantity) else None


def _same_words(found: str, right: str) -> bool:
    one, other = _words(found), _words(right)
    return bool(one) and one == other


def _words(text: str) -> str:
    """The text in one spelling; an option's letter without what surrounds it."""
    spelled = plain(clean(text).replace("\\", " "), case=False, punctuation=True).strip("$ .,:;!?'\"*")
    option = re.fullmatch(r"[(\[{]?([a-z])[)\]}.:]?", spelled)
    return option[1] if option else re.sub(r"\s*([-+*/=^_,(){}\[\]|<>])\s*", r"\1", spelled)
