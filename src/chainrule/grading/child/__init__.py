"""The process that runs a submission: it needs NumPy alone and imports nothing of chainrule.

The grader starts it as a package of its own (see `runner`), so the imports inside are relative.
"""
