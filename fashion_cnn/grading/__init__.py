"Exercises to hand out; submissions judged in processes of their own, and a table of points."
from .assignment import POINTS, assignment, variable
from .exchange import judged_outside
from .grader import STATES
from .marks import class_figure, grade, totals
from .submission import LARGEST, MOST_CELLS, Unreadable, code_of

__all__ = ["LARGEST", "MOST_CELLS", "POINTS", "STATES", "Unreadable", "assignment", "class_figure",
           "code_of", "grade", "judged_outside", "totals", "variable"]
