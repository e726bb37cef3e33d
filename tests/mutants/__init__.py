"""Mutation testing of the compiler and the relations: does a test notice every change of them?

``python3 dev.py mutants [FILE …]`` changes one thing at a time in the modules that make SQL (a
comparison, a number, a condition, a word of SQL) and runs the tests that should notice. What no
test notices is printed: it changes nothing, or a test is missing. ``survivors.toml`` holds those
that were looked at and change no answer, each with the reason.
"""
