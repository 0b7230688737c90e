"""A service for saved models: ``genbook serve FOLDER_OR_FILE``.

- ``settings`` holds what may be asked for, how often and how much of it;
- ``shelf`` reads the models, ``noise`` and ``batching`` draw for many at once;
- ``desk`` says what answers questions, ``feedback`` keeps what people thought of it;
- ``app`` is the interface, ``limits`` and ``_guard`` stand before it, ``_schemas`` says
  what may be asked, and ``_service`` computes the answers;
- ``_audit`` and ``_meters`` write down what happened, ``watching`` looks for drift;
- ``_server`` listens, ``running`` starts all that as a process, ``load`` presses it.

``app``, ``running`` and the command need the extra ``serve``:
``pip install 'genbook[serve]'``.
"""
