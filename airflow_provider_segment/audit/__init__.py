"""What hurts in a workspace: silent sources, failing destinations, lagging warehouses and so on.

``checks`` is the table of all checks, each a function of the workspace in a module of its resource. A check
reads through ``workspace``, where each list is read once, and yields findings of the ``kinds`` there are. An
``audit`` runs them; ``report`` and ``note`` put the result into JSON and Markdown.
"""
