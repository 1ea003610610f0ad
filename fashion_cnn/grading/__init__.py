"Exercises to hand out, submissions judged one by one in processes of their own, and a table of points with reasons"
from .assignment import POINTS, variable, assignment
from .submission import LARGEST, MOST_CELLS, Unreadable, code_of
from .exchange import judged_outside
from .grader import STATES
from .marks import grade, totals, class_figure

__all__ = ["POINTS", "variable", "assignment", "LARGEST", "MOST_CELLS", "Unreadable", "code_of",
           "judged_outside", "STATES", "grade", "totals", "class_figure"]
