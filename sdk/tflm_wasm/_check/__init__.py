"""Hold any module against the rules of the ABI: `check(bytes) -> CheckReport`.

report     what was found, rule by rule
static     the bytes, before any code runs
sandbox    one instance under limits; the rules that hold for every call
block      the control block and the descriptors
scenarios  the order of calls, init, invoke, reset
run        one whole check, in this process
worker     the same in a child process, which a hostile module may crash or hang
"""

from tflm_wasm._check.api import check
from tflm_wasm._check.report import CheckReport, RuleResult

__all__ = ["CheckReport", "RuleResult", "check"]
