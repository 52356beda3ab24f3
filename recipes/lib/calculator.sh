# A tool that a model calls during its rollouts: a calculator. Read it with `.` after `set -euo pipefail`.

# write_calculator FILE: writes the tool as a Python module, for actor_rollout_ref.rollout.multi_turn.function_tool_path.
# The module parses the model's expression and never evaluates it as Python.
write_calculator() {
  local part
  mkdir -p "$(dirname "$1")"
  part="$(mktemp "$1.XXXXXX")"
  cat >"$part" <<'PY'
import ast
import operator

from verl.tools.function_tool import function_tool

SIGNS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def value(node):
    match node:
        case ast.Constant(value=(int() | float()) as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value(operand)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in SIGNS:
            return SIGNS[type(sign)](value(left), value(right))
    raise ValueError("only numbers, + - * / and brackets are understood")


@function_tool
def calculator(expression: str) -> str:
    """Work out a sum and return the result.

    Args:
        expression: Numbers, + - * / and brackets, for example (3 + 4) * 2.5
    """
    if len(expression) > 200:
        return "Error: longer than 200 characters"
    try:
        return f"{value(ast.parse(expression.replace(',', '').strip(), mode='eval').body):.12g}"
    except (SyntaxError, ValueError, ArithmeticError) as problem:
        return f"Error: {problem}"
PY
  # Renamed when whole, since nodes may share the home folder.
  mv "$part" "$1"
}
