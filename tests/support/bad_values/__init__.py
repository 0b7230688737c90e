"""Bad values for every parameter of everything public: is each refused with a word?

``reference`` lists what is public, ``examples`` and ``harvest`` find a call of each
that works, ``values`` spoils one argument of it at a time, ``trials`` makes the calls
in processes that may die, and ``verdict`` judges what came back.
``tests/test_bad_values.py`` holds the package to a share; ``python -m bad_values``
writes the list of what is amiss.
"""
