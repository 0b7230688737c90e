"""A service for saved models: ``genbook serve FOLDER_OR_FILE``.

- ``settings`` holds what may be asked for, how often and how much of it;
- ``shelf`` reads the models, ``noise`` and ``batching`` draw for many at once;
- ``desk`` says what answers questions, ``feedback`` keeps what people thought of it;
- ``schemas`` and ``app`` are the interface, ``guard`` and ``limits`` stand before it;
- ``audit`` and ``meters`` write down what happened;
- ``server`` listens, ``running`` starts all that as a process, ``load`` presses it.

Everything but ``noise``, ``desk``, ``settings`` and ``feedback`` needs the extra
``serve``: ``pip install 'genbook[serve]'``.
"""
